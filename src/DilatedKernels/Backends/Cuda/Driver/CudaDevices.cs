using DilatedKernels.Backends.Cuda;

namespace DilatedKernels.Cuda;

/// <summary>The CUDA devices of this machine, and why they cannot be used if they cannot.</summary>
/// <param name="Driver">The binding that was asked, and what it loaded; null when none can be had.</param>
/// <param name="Devices">What it found.</param>
/// <param name="Reason">Why no device can be used, in one line; empty when they can.</param>
public sealed record CudaDevices(string? Driver, IReadOnlyList<CudaDeviceDescription> Devices, string Reason)
{
    /// <summary>Lists the devices. Does not throw for want of a driver or device, nor open any device.</summary>
    /// <param name="driver">The binding to ask, or null for the first that can be had.</param>
    /// <exception cref="ArgumentException">There is no driver of that name in this program.</exception>
    public static CudaDevices List(string? driver = null)
    {
        if (!CudaDrivers.TrySelect(driver, out ICudaDriver? opened, out string reason))
        {
            return new CudaDevices(null, [], reason);
        }

        string name = $"{opened!.Name} ({opened.Description})";
        try
        {
            CudaDeviceDescription[] devices = [.. Enumerable.Range(0, opened.DeviceCount).Select(opened.Describe)];
            return new CudaDevices(name, devices, EmbeddedKernels.Present ? "" : EmbeddedKernels.HowToGet);
        }
        catch (CudaException e)
        {
            return new CudaDevices(name, [], e.Message);
        }
    }
}
