using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;

namespace DilatedKernels;

public sealed partial class Device
{
    /// <summary>Opens a GPU.</summary>
    /// <param name="ordinal">Its number, from 0, in the driver's order.</param>
    /// <param name="driver">The driver binding, one of <see cref="CudaDrivers.Names"/>, or null for the first that can be had.</param>
    /// <param name="precision">How convolutions multiply float32.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="ordinal"/> is negative, or <paramref name="precision"/> is no such choice.</exception>
    /// <exception cref="CudaUnavailableException">There is no driver or no such device, or the library was built without GPU kernels; the message says which.</exception>
    /// <exception cref="ArgumentException">There is no driver binding of that name in this program.</exception>
    /// <exception cref="CudaException">The driver refused.</exception>
    public static Device CreateCuda(int ordinal = 0, string? driver = null, Float32Precision precision = Float32Precision.Strict)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ordinal);
        if (!Enum.IsDefined(precision))
        {
            throw new ArgumentOutOfRangeException(nameof(precision), precision, $"Convolutions multiply float32 as one of {string.Join(", ", Enum.GetNames<Float32Precision>())}.");
        }

        ICudaDriver opened = CudaDrivers.Select(driver);
        if (ordinal >= opened.DeviceCount)
        {
            throw new CudaUnavailableException($"There is no device cuda:{ordinal}; {opened.Name} ({opened.Description}) has {opened.DeviceCount}, numbered from 0.");
        }

        if (!EmbeddedKernels.Present)
        {
            throw new CudaUnavailableException($"No GPU can be used: {EmbeddedKernels.HowToGet}.");
        }

        return new Device(new CudaBackend(opened.Open(ordinal), new EmbeddedKernelImages()) { Float32Precision = precision });
    }
}
