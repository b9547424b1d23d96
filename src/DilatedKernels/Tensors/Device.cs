using DilatedKernels.Backends;
using DilatedKernels.Backends.Cpu;
using DilatedKernels.Cuda;

namespace DilatedKernels;

/// <summary>Where tensors live and operators run.</summary>
/// <remarks>
/// Any number of threads may use a device at once, each on tensors of its own or on such that nobody writes; what they compute has the bits that it has
/// alone. Large operations of the processor take turns, as do those of a GPU, which also holds other threads up while a training step is recorded.
/// Once disposed it computes nothing any more, and tensors that are on it can only be disposed.
/// </remarks>
public sealed partial class Device : IDisposable
{
    private static readonly Lazy<Device> DefaultCpu = new(() => new Device(new WideningBackend(new CpuBackend(Environment.ProcessorCount)), isShared: true));

    private readonly bool _isShared;

    internal Device(Backend backend, bool isShared = false)
    {
        Backend = backend;
        _isShared = isShared;
    }

    /// <summary>The processor with one thread per core, shared by the whole process. Disposing it has no effect.</summary>
    public static Device Cpu => DefaultCpu.Value;

    /// <summary>A short name, such as <c>cpu</c>.</summary>
    public string Name => Backend.Name;

    /// <summary>Whether it is the processor.</summary>
    public bool IsCpu => Backend is WideningBackend;

    /// <summary>What the device's allocator holds now.</summary>
    public MemoryStatistics Memory => Backend.Memory;

    /// <summary>Processor threads for what is computed on the processor: those that the device was made with, or one a core on a GPU.</summary>
    public int Threads => Backend.Threads;

    /// <summary>
    /// About how many bytes tensors can still have: on a GPU what the driver says is free and what the device keeps for reuse; on the processor what the
    /// process may have and has not. Other programs may take it meanwhile.
    /// </summary>
    /// <exception cref="CudaException">The driver does not answer.</exception>
    public long FreeBytes => Backend.FreeBytes;

    internal Backend Backend { get; }

    internal static ObjectDisposedException Disposed(string name) => new(nameof(Device), $"The device {name} has been disposed.");

    /// <summary>The processor with a chosen number of threads. Results are the same bits for every number.</summary>
    /// <param name="threads">1 or more.</param>
    /// <param name="algorithm">How 3×3 convolutions are computed. <see cref="Cpu"/> leaves it to <see cref="ConvolutionAlgorithm.Automatic"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is less than 1, or the algorithm is none of the named ones.</exception>
    public static Device CreateCpu(int threads, ConvolutionAlgorithm algorithm = ConvolutionAlgorithm.Automatic)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (!Enum.IsDefined(algorithm))
        {
            throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "The algorithm is Automatic, Direct, Winograd or Winograd4x4.");
        }

        return new Device(new WideningBackend(new CpuBackend(threads) { Algorithm = algorithm }));
    }

    /// <summary>Waits until everything issued to the device so far is done.</summary>
    public void Synchronize() => Backend.Synchronize();

    /// <summary>Gives the device's threads and cached memory back.</summary>
    public void Dispose()
    {
        if (!_isShared)
        {
            Backend.Dispose();
        }
    }

    /// <summary>Writes the device's name.</summary>
    public override string ToString() => Name;
}
