using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DilatedKernels.Measuring;
using Microsoft.Win32.SafeHandles;

namespace DilatedKernels.Tests.Bench;

/// <summary>Hosts that limited links join: no byte arrives before its link lets it.</summary>
[Platform("Linux")]
[NonParallelizable]
internal sealed partial class LinkedHostsTests
{
    private static readonly Link Slow = new(50, TimeSpan.FromMilliseconds(5));

    [SetUp]
    public void RequireLinks() => BuildPart.SkipUnlessLinks();

    [Test]
    public void ABytesGoesAndComesAfterTwoDelays()
    {
        using var hosts = new LinkedHosts(2, Slow);
        (Socket a, Socket b) = Connect(hosts, 0, 1);
        using (a)
        using (b)
        {
            for (int i = 0; i < 3; i++)
            {
                long begun = Stopwatch.GetTimestamp();
                Send(a, b, 1);
                Send(b, a, 1);
                Assert.That(Stopwatch.GetElapsedTime(begun), Is.GreaterThanOrEqualTo(2 * Slow.Delay));
            }
        }
    }

    [Test]
    public void ManyBytesTakeAsLongAsTheirLinkNeeds([Values(false, true)] bool bothWays)
    {
        const int Bytes = 1_000_000;
        using var hosts = new LinkedHosts(2, Slow);
        (Socket a, Socket b) = Connect(hosts, 0, 1);
        using (a)
        using (b)
        {
            long begun = Stopwatch.GetTimestamp();
            Task other = bothWays ? Start(() => Send(b, a, Bytes)) : Task.CompletedTask;
            Send(a, b, Bytes);
            other.Wait();
            Assert.That(Stopwatch.GetElapsedTime(begun).TotalSeconds, Is.GreaterThanOrEqualTo(Slow.SecondsOf(Bytes) + Slow.Delay.TotalSeconds));
        }
    }

    [Test]
    public void TwoThatSendToOneShareItsLink()
    {
        const int Bytes = 500_000;
        using var hosts = new LinkedHosts(3, Slow);
        (Socket a, Socket b) = Connect(hosts, 0, 2);
        (Socket c, Socket d) = Connect(hosts, 1, 2);
        using (a)
        using (b)
        using (c)
        using (d)
        {
            long begun = Stopwatch.GetTimestamp();
            Task other = Start(() => Send(c, d, Bytes));
            Send(a, b, Bytes);
            other.Wait();
            Assert.That(Stopwatch.GetElapsedTime(begun).TotalSeconds, Is.GreaterThanOrEqualTo(Slow.SecondsOf(2 * Bytes) + Slow.Delay.TotalSeconds));
        }
    }

    [Test]
    public void WhatIsCutOffHearsAndSaysNothing()
    {
        using var hosts = new LinkedHosts(2, Slow);
        (Socket a, Socket b) = Connect(hosts, 0, 1);
        using (a)
        using (b)
        {
            hosts.Cut(1);
            a.Send([1]);
            b.Send([1]);
            Assert.That(a.Poll(TimeSpan.FromMilliseconds(500), SelectMode.SelectRead), Is.False);
            Assert.That(b.Poll(TimeSpan.Zero, SelectMode.SelectRead), Is.False);
        }
    }

    [Test]
    public void HostsHaveNamesAndNothingIsLeftOfThem()
    {
        Process sleeper;
        using (var hosts = new LinkedHosts(2, Slow))
        {
            Assert.That(Output([.. hosts.Enter(1, "/tmp"), "sh", "-c", "hostname; pwd"]), Is.EqualTo("node1\n/tmp\n"));
            sleeper = Start([.. hosts.Enter(1, "/tmp"), "sleep", "600"]);
            Assert.That(sleeper.HasExited, Is.False);
        }

        using (sleeper)
        {
            Assert.That(sleeper.WaitForExit(TimeSpan.FromSeconds(5)), Is.True);
        }
    }

    private static void Send(Socket from, Socket to, int bytes)
    {
        Task sent = Start(() => from.Send(new byte[bytes]));
        byte[] received = new byte[bytes];
        for (int at = 0; at < bytes; at += to.Receive(received, at, bytes - at, SocketFlags.None))
        {
        }

        sent.Wait();
    }

    // The pool has as many threads as there are cores, and takes long to get more.
    private static Task Start(Action action) => Task.Factory.StartNew(action, TaskCreationOptions.LongRunning);

    // Sockets belong to the network of the thread that made them.
    private static (Socket A, Socket B) Connect(LinkedHosts hosts, int a, int b)
    {
        Socket listener = On(hosts, b, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        using (listener)
        {
            listener.Bind(new IPEndPoint(IPAddress.Any, 0));
            listener.Listen();
            Socket socket = On(hosts, a, () => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
            socket.NoDelay = true;
            socket.Connect(IPAddress.Parse(LinkedHosts.AddressOf(b)), ((IPEndPoint)listener.LocalEndPoint!).Port);
            Socket other = listener.Accept();
            other.NoDelay = true;
            return (socket, other);
        }
    }

    private static T On<T>(LinkedHosts hosts, int host, Func<T> action)
    {
        T result = default!;
        int error = 0;
        var thread = new Thread(() =>
        {
            using SafeFileHandle network = File.OpenHandle($"/proc/{hosts.ProcessOf(host)}/ns/net");
            error = EnterNamespace(network, 0);
            result = error == 0 ? action() : result;
        });
        thread.Start();
        thread.Join();
        Assert.That(error, Is.Zero);
        return result;
    }

    private static Process Start(string[] command) => Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true })!;

    private static string Output(string[] command)
    {
        using Process process = Start(command);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int EnterNamespace(SafeHandle file, int kind);
}
