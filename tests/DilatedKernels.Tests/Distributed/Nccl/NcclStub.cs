using System.Runtime.InteropServices;
using System.Text;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Faulty;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Backends.Cuda.Driver.Stub;

namespace DilatedKernels.Tests.Distributed.Nccl;

/// <summary>The stub of NCCL in the place of the real one, for as long as this lives; the calling test is skipped where it cannot be compiled.</summary>
internal sealed unsafe class NcclStub : IDisposable
{
    private readonly string? _before = Environment.GetEnvironmentVariable(CudaLibraries.NcclVariable);
    private readonly nint _library;

    /// <param name="define">Which NCCL it is: see <c>nccl_stub.c</c>.</param>
    public NcclStub(string define = "")
    {
        SkipUnlessHost();
        File = StubLibrary.Build("nccl_stub.c", define);
        _library = NativeLibrary.Load(File);
        Environment.SetEnvironmentVariable(CudaLibraries.NcclVariable, File);
    }

    public string File { get; }

    /// <summary>Communicators that have not been given back.</summary>
    public int Live => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "nccl_stub_live"))();

    /// <summary>Communicators made since <see cref="Fail"/> was last called.</summary>
    public int Starts => ((delegate* unmanaged<int>)NativeLibrary.GetExport(_library, "nccl_stub_starts"))();

    /// <summary>Sends of all tests so far.</summary>
    public long Sends => ((delegate* unmanaged<long>)NativeLibrary.GetExport(_library, "nccl_stub_sends"))();

    /// <summary>The stream of the latest send or receive.</summary>
    public nint Stream => ((delegate* unmanaged<nint>)NativeLibrary.GetExport(_library, "nccl_stub_stream"))();

    /// <summary>Makes a call fail from now on: <c>CALL:CODE:RANK:SKIP</c>; nothing fails for an empty text.</summary>
    public void Fail(string what)
    {
        fixed (byte* text = Encoding.ASCII.GetBytes(what + '\0'))
        {
            ((delegate* unmanaged<byte*, void>)NativeLibrary.GetExport(_library, "nccl_stub_fail"))(text);
        }
    }

    /// <summary>Skips the calling test where there are no GPUs for it: to be asked on the test's own thread.</summary>
    public static void SkipUnlessHost() => BuildPart.SkipUnless(HostDriver.TryOpen("plain", out string reason) is not null, BuildPart.Host, reason);

    /// <summary>A GPU of its own for a process; or, on bus −1, one that NCCL does not know.</summary>
    public static Device OpenGpu(int bus) => HostDevice.Open(DriverOf(bus));

    /// <summary>One that hangs after some launches.</summary>
    public static Device OpenHangingGpu(int bus, int launches) =>
        HostDevice.Open(new FaultyDriver(DriverOf(bus)) { OnOpen = context => context.LaunchesUntilHang = launches });

    private static HostDriver DriverOf(int bus)
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        driver!.PciBus = bus;
        return driver;
    }

    public void Dispose()
    {
        Fail("");
        Environment.SetEnvironmentVariable(CudaLibraries.NcclVariable, _before);
    }
}
