using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>
/// A GPU: every operation is one or a few kernels queued on one stream, and returns before they have run. One thread issues at a time;
/// buffers may be disposed from any.
/// </summary>
internal sealed unsafe partial class CudaBackend : Backend
{
    // A step's tables and, often, its labels: with slots of their own they wait for none of the kernels between them.
    private const int SmallUpload = 64 << 10;

    private readonly ICudaContext _context;
    private readonly StreamHandle _stream;
    private readonly CudaKernels _kernels;
    private readonly CudaAllocator _allocator;
    private readonly UploadRing _uploads;
    private readonly UploadRing _smallUploads;
    private readonly LaunchHistory _launches = new();
    private bool _disposed;

    /// <param name="context">The opened device; the backend disposes it.</param>
    /// <param name="images">Where its kernels come from.</param>
    public CudaBackend(ICudaContext context, IKernelImages images)
    {
        _context = context;
        _stream = context.CreateStream();
        _kernels = new CudaKernels(context, images);
        _allocator = new CudaAllocator(context, _stream);
        _uploads = new UploadRing(context, _stream, slots: 2, slotBytes: 8 << 20);
        _smallUploads = new UploadRing(context, _stream, slots: 16, SmallUpload);
    }

    public override string Name => $"cuda:{_context.Device.Ordinal}";

    public override MemoryStatistics Memory => _allocator.Statistics;

    /// <summary>How convolutions multiply float32.</summary>
    public Float32Precision Float32Precision { get; init; }

    /// <summary>The opened device.</summary>
    public ICudaContext Context => _context;

    /// <summary>The stream that all operations are queued on.</summary>
    public StreamHandle Stream => _stream;

    /// <summary>Buffers that nobody disposed and the garbage collector found.</summary>
    public int ForgottenBuffers => _allocator.Forgotten;

    public override void Synchronize()
    {
        ThrowIfRecording("waits for the device");
        try
        {
            _context.Synchronize(_stream);
            _launches.Clear();
            _uploads.Pass();
            _smallUploads.Pass();
        }
        catch (CudaException e) when (e.Kernel is null && _launches.Describe() is { } inFlight)
        {
            throw new CudaException(e.Code, e.Name, e.DriverText, e.Call, detail: e.Detail is null ? inFlight : $"{e.Detail} {inFlight}", inner: e);
        }
    }

    public override void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        try
        {
            ForgetRecordings();
            _resampling.Clear();
            _parameters.Clear();
            CloseGemm();
            _allocator.Close();
            _uploads.Free();
            _smallUploads.Free();
            _kernels.Unload();
            _context.DestroyStream(_stream);
        }
        catch (CudaException e) when (e.IsFatal)
        {
            // A context with a fault takes everything with it.
            _allocator.Abandon();
        }

        _context.Dispose();
    }

    internal DevicePointer Pointer(DeviceBuffer buffer)
    {
        _recording?.Touch(buffer);
        return ((ICudaMemory)buffer).Pointer;
    }

    private void Launch(in LaunchPlan plan, in KernelArguments arguments)
    {
        if (!_kernels.IsReady(plan.Kernel, plan.SharedBytes))
        {
            ThrowIfRecording($"launches {plan.Kernel}, which the step before it did not");
        }

        CudaKernel kernel = _kernels.Get(plan.Kernel, plan.SharedBytes);
        Span<nint> addresses = stackalloc nint[arguments.Count];
        arguments.GetAddresses(addresses);
        _context.Launch(kernel.Function, new LaunchConfiguration(plan.Grid, plan.Block, (uint)plan.SharedBytes, _stream) { Cluster = plan.Cluster }, addresses);
        if (_recording is not null)
        {
            _recording.Launches++;
            return;
        }

        _launches.Add(kernel.Name);
    }
}
