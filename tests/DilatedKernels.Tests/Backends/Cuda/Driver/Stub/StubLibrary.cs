using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace DilatedKernels.Tests.Backends.Cuda.Driver.Stub;

/// <summary>Compiles the stub libraries with the C compiler of the machine, once each; tests that need one are skipped where there is none.</summary>
internal static class StubLibrary
{
    private static readonly ConcurrentDictionary<string, Lazy<(string? Path, string Reason)>> Built = new();

    /// <summary>The path of a library built from <paramref name="source"/>.</summary>
    public static string Build(string source, string define = "")
    {
        (string? path, string reason) = Built.GetOrAdd($"{source} {define}", _ => new(() => Compile(source, define))).Value;
        BuildPart.SkipUnless(path is not null, BuildPart.Host, reason);
        return path!;
    }

    private static (string? Path, string Reason) Compile(string source, string define)
    {
        if (OperatingSystem.IsWindows())
        {
            return (null, "the stub libraries are built on Linux and macOS only");
        }

        string folder = Directory.CreateTempSubdirectory("dilated-stub-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        string library = Path.Combine(folder, $"lib{Path.GetFileNameWithoutExtension(source)}{define}.so");
        string[] arguments = ["-shared", "-fPIC", "-O2", "-pthread", "-o", library, Path.Combine(AppContext.BaseDirectory, "Stub", source)];
        if (define.Length > 0)
        {
            arguments = [$"-D{define}", .. arguments];
        }

        foreach (string compiler in new[] { Environment.GetEnvironmentVariable("CC"), "gcc", "cc", "clang" }.OfType<string>())
        {
            try
            {
                using Process process = Process.Start(new ProcessStartInfo(compiler, arguments) { RedirectStandardError = true })!;
                string errors = process.StandardError.ReadToEnd();
                process.WaitForExit();
                Assert.That(process.ExitCode, Is.Zero, $"{compiler} does not compile {source}: {errors}");
                return (library, "");
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // Not installed; the next one may be.
            }
        }

        return (null, "no C compiler was found (tried $CC, gcc, cc, clang)");
    }
}

/// <summary>The controls of the stub driver.</summary>
internal sealed unsafe class StubControl
{
    private readonly nint _library;

    public StubControl(string path) => _library = NativeLibrary.Load(path);

    public ulong MemoryUsed => ((delegate* unmanaged<ulong>)Export("stub_memory_used"))();

    public void Reset() => ((delegate* unmanaged<void>)Export("stub_reset"))();

    public void Fail(string call, int code, int skip = 0)
    {
        fixed (byte* name = Name(call))
        {
            int known = ((delegate* unmanaged<byte*, int, int, int>)Export("stub_fail"))(name, code, skip);
            Assert.That(known, Is.Not.Zero, $"the stub has no call {call}");
        }
    }

    public long Count(string call)
    {
        fixed (byte* name = Name(call))
        {
            return ((delegate* unmanaged<byte*, long>)Export("stub_count"))(name);
        }
    }

    /// <summary>The number of all calls.</summary>
    public long CountAll() => ((delegate* unmanaged<long>)Export("stub_count_all"))();

    /// <summary>Launches and copies since the last synchronisation.</summary>
    public int Queued => ((delegate* unmanaged<int>)Export("stub_queued"))();

    /// <summary>What another library does that makes a context of its own current on this thread: here, none.</summary>
    public void LeaveContext() => Assert.That(((delegate* unmanaged<nint, int>)Export("cuCtxSetCurrent"))(0), Is.Zero);

    /// <summary>Copies from the host that have come into recordings.</summary>
    public int UploadsCaptured => ((delegate* unmanaged<int>)Export("stub_captured_uploads"))();

    /// <summary>Recordings, and what was made of them, that have not been destroyed.</summary>
    public int LiveGraphs => ((delegate* unmanaged<int>)Export("stub_live_graphs"))();

    /// <summary>Gives the driver every kernel; those that it does not know do nothing.</summary>
    public void AcceptKernels() => ((delegate* unmanaged<void>)Export("stub_accept_kernels"))();

    public void LoseDevice(int code) => ((delegate* unmanaged<int, void>)Export("stub_lose_device"))(code);

    public void SetDevices(int count) => ((delegate* unmanaged<int, void>)Export("stub_set_devices"))(count);

    public void SetMemoryLimit(ulong bytes) => ((delegate* unmanaged<ulong, void>)Export("stub_set_memory_limit"))(bytes);

    /// <summary>Grid, block, shared bytes, cluster and the overlap flag of the last launch.</summary>
    public uint[] LastLaunch()
    {
        uint[] values = new uint[11];
        fixed (uint* p = values)
        {
            ((delegate* unmanaged<uint*, void>)Export("stub_last_launch"))(p);
        }

        return values;
    }

    private static byte[] Name(string text) => System.Text.Encoding.ASCII.GetBytes(text + '\0');

    private nint Export(string name) => NativeLibrary.GetExport(_library, name);
}
