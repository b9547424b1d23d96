using System.Runtime.InteropServices;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>The CUDA backend over the kernels compiled for the CPU.</summary>
internal static class HostBackend
{
    /// <summary>Opens it, or ends the test as ignored with the reason. The names of the kernels that it launches go to <paramref name="launched"/>.</summary>
    public static CudaBackend Open(string build, long seed = 0, Float32Precision precision = Float32Precision.Strict, int architecture = 90,
        Conv2dSharing sharing = Conv2dSharing.WhereItPays, int multiprocessors = 132, ISet<string>? launched = null, Conv2dTuning? tuning = null)
    {
        HostDriver? driver = HostDriver.TryOpen(build, out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        driver!.SetSeed(seed);
        driver.Architecture = architecture;
        driver.Multiprocessors = multiprocessors;
        return new CudaBackend(driver.Open(0), new Images(launched)) { Float32Precision = precision, Sharing = sharing, Tuning = tuning };
    }

    public static DeviceBuffer Upload(Backend backend, float[] values, ElementType type = ElementType.Float32)
    {
        DeviceBuffer buffer = backend.Allocate(values.Length, type);
        if (type == ElementType.Float32)
        {
            backend.Upload(MemoryMarshal.AsBytes<float>(values), buffer);
        }
        else
        {
            backend.Upload(MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(values, BFloat16.Round)), buffer);
        }

        return buffer;
    }

    /// <summary>What an operation writes into memory that is NaN before.</summary>
    public static float[] Result(Backend backend, Shape shape, Action<DeviceBuffer> compute, ElementType type = ElementType.Float32)
    {
        using DeviceBuffer buffer = backend.Allocate(shape.Count, type);
        compute(buffer);
        if (type == ElementType.Float32)
        {
            float[] values = new float[shape.Count];
            backend.Download(buffer, MemoryMarshal.AsBytes(values.AsSpan()));
            return values;
        }

        ushort[] bits = new ushort[shape.Count];
        backend.Download(buffer, MemoryMarshal.AsBytes(bits.AsSpan()));
        return Array.ConvertAll(bits, BFloat16.Widen);
    }

    private sealed class Images(ISet<string>? launched) : IKernelImages
    {
        public string? FindModule(string kernel)
        {
            launched?.Add(kernel);
            return "host";
        }

        public ReadOnlySpan<byte> ReadModule(string module) => "host"u8;
    }
}
