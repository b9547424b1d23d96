using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace DilatedKernels.Measuring;

/// <summary>
/// Hosts on this machine, each with a network, a name and processes of its own, joined by links of a given kind and nothing else: Linux namespaces, and a <see cref="Relay"/> in this process. Nothing of them
/// is known to the rest of the machine by a name, and nothing outlives this process: the namespaces end with their first process, and that with its standard input.
/// </summary>
internal sealed class LinkedHosts : IDisposable
{
    private const string Device = "link0";
    private const string Network = "10.0.0";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // Starts a process for each host and then waits for the end of its input. Says of each its number outside and inside of the hosts' processes.
    // Reno, which every system has and every namespace may choose, fills a link that loses nothing; what a system prefers may go slower at times, to find out what the link can do.
    private const string Holder = """
        for host in $2; do
          unshare --net --uts --mount sh -c '
            read outer rest < /proc/self/stat
            hostname "$1" && mount --bind "$2" /etc/hosts && mount -t proc proc /proc && mount -t sysfs sysfs /sys && ip link set lo up || exit
            echo 0 > /proc/sys/net/ipv4/tcp_slow_start_after_idle
            echo reno > /proc/sys/net/ipv4/tcp_congestion_control
            read inner rest < /proc/self/stat
            echo "$1 $outer $inner"
            exec sleep infinity' sh "$host" "$1" &
        done
        exec cat
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("dilated-hosts-");
    private readonly List<TunDevice> _devices = [];
    private readonly (int Outer, int Inner)[] _processes;
    private readonly Process _holder;
    private readonly Relay _relay;
    private readonly string _agent;

    /// <summary>Makes hosts.</summary>
    /// <param name="count">How many.</param>
    /// <param name="link">That of every host.</param>
    /// <exception cref="InvalidOperationException">The system refused: not where <see cref="WhyNot"/> knows nothing.</exception>
    public LinkedHosts(int count, Link link)
    {
        Names = [.. Enumerable.Range(0, count).Select(i => $"node{i}")];
        string hosts = Path.Combine(_folder.FullName, "hosts");
        File.WriteAllLines(hosts, ["127.0.0.1 localhost", .. Names.Select((name, i) => $"{AddressOf(i)} {name}")]);
        _holder = Process.Start(new ProcessStartInfo("unshare", ["--pid", "--fork", "--kill-child", "sh", "-c", Holder, "sh", hosts, string.Join(' ', Names)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        try
        {
            _processes = new (int, int)[count];
            for (int i = 0; i < count; i++)
            {
                _devices.Add(new TunDevice());
                string line = ReadLine(_holder.StandardOutput) ?? throw new InvalidOperationException("unshare: the namespaces of a host could not be made.");
                string[] fields = line.Split(' ');
                _processes[Array.IndexOf(Names, fields[0])] = (Number(fields[1]), Number(fields[2]));
            }

            for (int i = 0; i < count; i++)
            {
                Connect(i);
            }

            _agent = WriteAgent();
            _relay = new Relay(_devices, link);
        }
        catch
        {
            End();
            throw;
        }
    }

    /// <summary>The hosts' names, which each of them knows.</summary>
    public string[] Names { get; }

    /// <summary>Why such hosts cannot be made here; null where they can.</summary>
    public static string? WhyNot()
    {
        if (!OperatingSystem.IsLinux() || !File.Exists(TunDevice.ControlFile))
        {
            return $"links are made with {TunDevice.ControlFile} of Linux, which is not here";
        }

        try
        {
            using var device = new TunDevice();
            _ = Run("unshare", "--pid", "--fork", "--net", "--uts", "--mount", "sh", "-c", "mount -t proc proc /proc && mount -t sysfs sysfs /sys && ip link set lo up && nsenter --version");
            return null;
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            return $"links take the rights of root, iproute2 and util-linux ({e.Message})";
        }
    }

    /// <summary>The number of a host's first process, whose namespaces are the host's.</summary>
    public int ProcessOf(int host) => _processes[host].Outer;

    /// <summary>What starts a command on a host, where a folder of this machine is its working folder.</summary>
    public string[] Enter(int host, string folder) => ["nsenter", .. Target(_processes[host].Outer), "--pid", $"--wd={folder}", "--"];

    /// <summary>What starts a job whose processes are one on each host, in order.</summary>
    /// <param name="mpirun">The command and its options.</param>
    /// <param name="isOpenMpi">Whether it is Open MPI's, and not MPICH's.</param>
    /// <param name="folder">The working folder.</param>
    public string[] Mpirun(string[] mpirun, bool isOpenMpi, string folder) => isOpenMpi
        ?
        [
            .. Enter(0, folder), "env", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", .. mpirun, "--mca", "plm_rsh_agent", _agent, "--mca", "btl", "tcp,self", "--bind-to", "none",
            "--host", string.Join(',', Names.Select(name => $"{name}:1")), "-n", $"{Names.Length}",
        ]
        :
        [
            .. Enter(0, folder), "env", "UCX_TLS=tcp", $"UCX_NET_DEVICES={Device}", "MPIR_CVAR_NOLOCAL=1", .. mpirun, "-launcher", "ssh", "-launcher-exec", _agent,
            "-hosts", string.Join(',', Names), "-ppn", "1", "-n", $"{Names.Length}",
        ];

    /// <summary>Cuts a host off from all others, without a sign to any.</summary>
    public void Cut(int host) => _relay.Cut(host);

    /// <summary>Ends the hosts and all their processes.</summary>
    public void Dispose()
    {
        _relay.Dispose();
        End();
    }

    /// <summary>The address of a host, at which the others reach it.</summary>
    public static string AddressOf(int host) => $"{Network}.{host + 1}";

    private void End()
    {
        _holder.StandardInput.Close();
        if (!_holder.WaitForExit(Patience))
        {
            _holder.Kill();
        }

        _holder.Dispose();
        _devices.ForEach(device => device.Dispose());
        _folder.Delete(recursive: true);
    }

    private void Connect(int host)
    {
        string name = _devices[host].Name;
        int process = _processes[host].Outer;
        _ = Run("ip", "link", "set", "dev", name, "netns", $"{process}", "name", Device);
        _ = Run("nsenter", [
            .. Target(process), "--", "sh", "-c",
            $"ip link set dev {Device} mtu {Relay.LargestPacket} txqueuelen 10000 && ip address add {AddressOf(host)}/24 dev {Device} && ip link set dev {Device} up",
        ]);
    }

    // What mpirun starts its daemons on other hosts with, called as ssh is.
    private string WriteAgent()
    {
        string file = Path.Combine(_folder.FullName, "agent");
        File.WriteAllText(file, $$"""
            #!/bin/sh
            while [ "${1#-}" != "$1" ]; do shift; done
            case $1 in
            {{string.Join('\n', Names.Select((name, i) => $"{name}) process={_processes[i].Inner} ;;"))}}
            *) echo "there is no host $1" >&2; exit 1 ;;
            esac
            shift
            exec nsenter {{string.Join(' ', Target("$process"))}} -- sh -c "$*"

            """);
        _ = Run("chmod", "+x", file);
        return file;
    }

    private static string[] Target(object process) => [string.Create(CultureInfo.InvariantCulture, $"--target={process}"), "--net", "--uts", "--mount"];

    private static string? ReadLine(StreamReader reader)
    {
        Task<string?> line = reader.ReadLineAsync();
        return line.Wait(Patience) ? line.Result : null;
    }

    private static int Number(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output.Result : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {error.Trim()}");
    }
}
