using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver.Faulty;

/// <summary>Passes every call on to another driver, counts them, and fails on request: any call, at any use, with any code, or for want of memory.</summary>
internal sealed class FaultyDriver(ICudaDriver inner) : ICudaDriver
{
    public string Name => "faulty";

    public string Description => $"{inner.Name} that fails on request";

    public int DeviceCount => inner.DeviceCount;

    /// <summary>The context that was opened last.</summary>
    public FaultyContext Opened { get; private set; } = null!;

    /// <summary>Called with every context before it is used.</summary>
    public Action<FaultyContext>? OnOpen { get; set; }

    /// <summary>The memory of devices that are opened from now on.</summary>
    public long Limit { get; set; } = long.MaxValue;

    public CudaDeviceDescription Describe(int ordinal) => inner.Describe(ordinal);

    public int GetProperty(int ordinal, DeviceProperty property) => inner.GetProperty(ordinal, property);

    public ICudaContext Open(int ordinal)
    {
        Opened = new FaultyContext(this, inner.Open(ordinal)) { Limit = Limit };
        OnOpen?.Invoke(Opened);
        return Opened;
    }
}
