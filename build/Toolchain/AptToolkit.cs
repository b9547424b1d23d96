namespace DilatedKernels.Build.Toolchain;

/// <summary>
/// Gets NVIDIA's compiler on Debian without installing anything: four packages from the machine's own mirror, unpacked into a CUDA
/// tree in the per-user cache. Their dependencies are not needed to compile for a GPU.
/// </summary>
internal static class AptToolkit
{
    /// <summary>What the packages of <see cref="Suite"/> carry.</summary>
    public const string CudaVersion = "12.4";

    private const string Suite = "trixie";
    private const long DownloadBytes = 1_100_000_000;
    private const long TreeBytes = 250_000_000;

    private static readonly string[] Packages = ["nvidia-cuda-toolkit", "libnvvm4", "nvidia-cuda-dev", "libcu++-dev"];
    private static readonly string[] Programs = ["bin2c", "cu++filt", "cudafe++", "cuobjdump", "fatbinary", "nvdisasm", "nvlink", "nvprune", "ptxas"];

    /// <summary>Fills <see cref="UserCache.Cuda"/> if it is not there yet.</summary>
    /// <exception cref="BuildException">This machine cannot, or the download failed.</exception>
    public static void Fetch()
    {
        AptSource archive = FindArchive();
        Directory.CreateDirectory(UserCache.Folder);
        using FileStream held = Lock(UserCache.Cuda + ".lock");
        if (Directory.Exists(UserCache.Cuda))
        {
            return;
        }

        string download = UserCache.Cuda + ".download";
        string tree = UserCache.Cuda + ".new";
        CheckSpace(download);
        Console.WriteLine($"Fetching CUDA {CudaVersion}'s compiler into {UserCache.Cuda}: about 1 GB to download, 0.2 GB to keep.");

        Say(1, "reading the package lists");
        string configuration = WriteConfiguration(Path.Combine(download, "apt"), archive);
        Apt(configuration, download, "update");

        Say(2, "downloading " + string.Join(", ", Packages));
        string debs = Directory.CreateDirectory(Path.Combine(download, "packages")).FullName;
        Apt(configuration, debs, ["download", .. Packages]);

        Say(3, "unpacking");
        DeleteFolder(tree);
        Unpack(debs, tree);

        Say(4, "compiling a first kernel");
        TryOut(tree, download);
        Directory.Move(tree, UserCache.Cuda);
        DeleteFolder(download);
    }

    private static void Say(int step, string what) => Console.WriteLine($"[{step}/4] {what}");

    private static AptSource FindArchive()
    {
        Dictionary<string, string> system = ReadOsRelease();
        if (system.GetValueOrDefault("ID") != "debian" || Command.Find("apt-get") is null || Command.Find("dpkg-deb") is null)
        {
            string help = OperatingSystem.IsWindows() ? "with: winget install Nvidia.CUDA (and Visual Studio's C++ tools)"
                : system.GetValueOrDefault("ID") == "ubuntu" ? "with: sudo apt install nvidia-cuda-toolkit"
                : "from https://developer.nvidia.com/cuda-downloads";
            throw new BuildException($"nvcc can be fetched on Debian only, with apt-get and dpkg-deb, and this is {system.GetValueOrDefault("PRETTY_NAME", Environment.OSVersion.ToString())}. "
                + $"Install the CUDA toolkit 12 or newer {help}, and put nvcc on PATH or its folder in CUDA_HOME.");
        }

        return AptSources.DebianArchive(AptSources.ReadMachine(), system.GetValueOrDefault("VERSION_CODENAME", Suite))
            ?? throw new BuildException("apt's sources (/etc/apt/sources.list and sources.list.d) name no Debian archive to fetch nvcc from. "
                + "Add one, or install the CUDA toolkit 12 or newer from https://developer.nvidia.com/cuda-downloads.");
    }

    private static Dictionary<string, string> ReadOsRelease() =>
        !File.Exists("/etc/os-release") ? []
            : File.ReadLines("/etc/os-release").Select(line => line.Split('=', 2)).Where(pair => pair.Length == 2)
                .GroupBy(pair => pair[0]).ToDictionary(group => group.Key, group => group.Last()[1].Trim('"', '\''));

    private static FileStream Lock(string path)
    {
        for (bool said = false; ; said = true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            }
            catch (IOException) when (File.Exists(path))
            {
                if (!said)
                {
                    Console.WriteLine("Another build is fetching nvcc; waiting for it.");
                }

                Thread.Sleep(500);
            }
        }
    }

    private static void CheckSpace(string download)
    {
        long have = Directory.Exists(download) ? new DirectoryInfo(download).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length) : 0;
        long need = Math.Max(DownloadBytes - have, 0) + TreeBytes;
        long free = new DriveInfo(UserCache.Folder).AvailableFreeSpace;
        if (free < need)
        {
            throw new BuildException($"Fetching nvcc needs {need / 1e9:F1} GB in {UserCache.Folder} for a moment, and {free / 1e9:F1} GB are free. "
                + "Make room, or set XDG_CACHE_HOME to a folder on a larger disk.");
        }
    }

    // A root of our own for apt: it reads the machine's configuration (proxies, credentials), but keeps its lists, its cache and
    // its one source here, so that nothing of the machine changes and no rights are needed.
    private static string WriteConfiguration(string root, AptSource archive)
    {
        string In(string path) => Path.Combine(root, path);
        foreach (string folder in (string[])["sources.list.d", "preferences.d", "state/lists/partial", "cache/archives/partial"])
        {
            Directory.CreateDirectory(In(folder));
        }

        File.WriteAllText(In("status"), "");
        File.WriteAllText(In("sources.list.d/debian.sources"),
            $"Types: deb\nURIs: {archive.Uri}\nSuites: {Suite}\nComponents: main contrib non-free\nTargets: Packages\n"
            + (archive.SignedBy is null ? "" : $"Signed-By: {archive.SignedBy}\n"));
        string file = In("apt.conf");
        File.WriteAllText(file, $"""
            Dir::Etc::sourcelist "/dev/null";
            Dir::Etc::sourceparts "{In("sources.list.d")}";
            Dir::Etc::preferences "/dev/null";
            Dir::Etc::preferencesparts "{In("preferences.d")}";
            Dir::State "{In("state")}";
            Dir::State::status "{In("status")}";
            Dir::Cache "{In("cache")}";
            APT::Sandbox::User "{Environment.UserName}";
            Acquire::Languages "none";
            Acquire::Retries "3";
            #clear APT::Update::Pre-Invoke;
            #clear APT::Update::Post-Invoke;
            #clear APT::Update::Post-Invoke-Success;

            """);
        return file;
    }

    private static void Apt(string configuration, string folder, params string[] arguments)
    {
        int code = Command.Run("apt-get", ["-c", configuration, "-q", .. arguments], folder);
        if (code != 0)
        {
            throw new BuildException($"apt-get {arguments[0]} ended with exit code {code}; the lines above say why. What is downloaded is kept: "
                + "run the command again to go on, or install the CUDA toolkit 12 or newer from https://developer.nvidia.com/cuda-downloads.");
        }
    }

    private static void Unpack(string debs, string tree)
    {
        string At(string path) => Path.Combine(tree, path);
        string? Header(string path) => path.StartsWith("usr/include/", StringComparison.Ordinal) ? At(path["usr/".Length..]) : null;

        DebianPackage.Extract(Deb(debs, "nvidia-cuda-toolkit"), path => path switch
        {
            _ when path.StartsWith("usr/bin/", StringComparison.Ordinal) && Programs.Contains(Path.GetFileName(path)) => At("bin/" + Path.GetFileName(path)),
            // usr/bin/nvcc is a script around this one that sets other folders.
            "usr/lib/nvidia-cuda-toolkit/bin/nvcc" => At("bin/nvcc"),
            "usr/lib/nvidia-cuda-toolkit/bin/cicc" => At("nvvm/bin/cicc"),
            _ when path.StartsWith("usr/lib/nvidia-cuda-toolkit/bin/crt/", StringComparison.Ordinal) => At("bin/crt/" + Path.GetFileName(path)),
            _ when path.StartsWith("usr/lib/nvidia-cuda-toolkit/libdevice/", StringComparison.Ordinal) => At("nvvm/libdevice/" + Path.GetFileName(path)),
            _ => Header(path),
        });
        DebianPackage.Extract(Deb(debs, "libnvvm4"), path => Path.GetFileName(path).StartsWith("libnvvm.so", StringComparison.Ordinal) ? At("nvvm/lib64/" + Path.GetFileName(path)) : null);
        DebianPackage.Extract(Deb(debs, "libcu++-dev"), Header);
        DebianPackage.Extract(Deb(debs, "nvidia-cuda-dev"), Header, until: "usr/include/");

        Directory.CreateDirectory(At("lib64"));
        File.WriteAllText(At("bin/nvcc.profile"), """
            TOP = $(_HERE_)/..
            NVVMIR_LIBRARY_DIR = $(TOP)/nvvm/libdevice
            PATH += $(TOP)/nvvm/bin:$(_HERE_):
            INCLUDES += "-I$(TOP)/include"
            LIBRARIES =+ "-L$(TOP)/lib64"

            """);
    }

    private static string Deb(string folder, string package) =>
        new DirectoryInfo(folder).EnumerateFiles(package + "_*.deb").MaxBy(f => f.LastWriteTimeUtc)?.FullName
            ?? throw new BuildException($"apt-get download left no {package}_*.deb in {folder}.");

    private static void TryOut(string tree, string scratch)
    {
        Nvcc nvcc = Nvcc.At(Path.Combine(tree, "bin", "nvcc"), "fetched") ?? throw new BuildException($"The nvcc unpacked in {tree} does not start; is this machine's C library too old for it?");
        string source = Path.Combine(scratch, "first.cu");
        File.WriteAllText(source, """
            #include <cuda_bf16.h>
            #include <nv/target>
            extern "C" __global__ void first(const __nv_bfloat16* x, float* y, int n)
            {
                int i = blockIdx.x * blockDim.x + threadIdx.x;
                if (i < n) { y[i] = tanhf(__bfloat162float(x[i])); }
            }

            """);
        string? host = HostCompiler.ForNvcc(nvcc);
        if (host is null)
        {
            // Compiling needs a C++ compiler; fetching does not. The verb that compiles says so.
            return;
        }

        CommandOutput output = Command.Capture(nvcc.Path, ["-fatbin", .. HostCompiler.Option(host), "-gencode", "arch=compute_90a,code=sm_90a", source, "-o", source + ".fatbin"]);
        if (output.ExitCode != 0)
        {
            throw new BuildException($"The nvcc unpacked in {tree} does not compile:\n{output.Output}{output.Error}");
        }
    }

    private static void DeleteFolder(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
