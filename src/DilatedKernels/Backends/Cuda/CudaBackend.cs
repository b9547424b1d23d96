using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed;

namespace DilatedKernels.Backends.Cuda;

/// <summary>
/// A GPU: every operation is one or a few kernels queued on one stream, and returns before they have run. Any thread may issue; what uses the
/// backend's own tables and slots is one thread's at a time, and a step that is noted or recorded is one thread's as a whole.
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
    private readonly Milestones _milestones;
    private readonly Lock _gate = new();
    private CudaException? _loss;

    // A recorded step gives no sign before it is over.
    private bool _hasReplays;
    private bool _disposed;

    /// <param name="context">The opened device; the backend disposes it.</param>
    /// <param name="images">Where its kernels come from.</param>
    public CudaBackend(ICudaContext context, IKernelImages images)
    {
        _context = context;
        try
        {
            Sharing = Conv2dSharingVariable.Read();
            Tuning = Conv2dTuning.OfEnvironment(context.Device.Name);
            _stream = context.CreateStream();
            _kernels = new CudaKernels(context, images);
            _allocator = new CudaAllocator(context, _stream);
            _milestones = new Milestones(context, _stream);
        }
        catch
        {
            context.Dispose();
            throw;
        }

        _uploads = new UploadRing(context, _stream, slots: 2, slotBytes: 8 << 20);
        _smallUploads = new UploadRing(context, _stream, slots: 16, SmallUpload);
    }

    public override string Name => $"cuda:{_context.Device.Ordinal}";

    public override MemoryStatistics Memory => _allocator.Statistics;

    public override long FreeBytes => _allocator.FreeBytes;

    /// <summary>How convolutions multiply float32.</summary>
    public Float32Precision Float32Precision { get; init; }

    /// <summary>Whether blocks of Hopper's convolutions come in pairs.</summary>
    public Conv2dSharing Sharing { get; set; }

    /// <summary>What has been measured of convolutions, or null where nothing is to be.</summary>
    public Conv2dTuning? Tuning { get; set; }

    /// <summary>For checks of all ways of a convolution: which it is to be. Null leaves it to the plan, or to what was measured.</summary>
    public Func<Conv2dGatherWay[], Conv2dGatherWay>? Way { get; set; }

    /// <summary>The opened device.</summary>
    public ICudaContext Context => _context;

    /// <summary>The stream that all operations are queued on.</summary>
    public StreamHandle Stream => _stream;

    /// <summary>Happens before the device is closed, for what uses it beside its tensors.</summary>
    public event Action? Closing;

    /// <summary>Buffers that nobody disposed and the garbage collector found.</summary>
    public int ForgottenBuffers => _allocator.Forgotten;

    public override void Synchronize()
    {
        using Lock.Scope gate = _gate.EnterScope();
        ThrowIfRecording("waits for the device");
        ThrowIfUnusable();
        using Watchdog.Scope wait = _hasReplays ? Watchdog.EnterSuspension() : Watchdog.EnterDeviceWait();
        try
        {
            _milestones.Wait();
            _context.Synchronize(_stream);
            _hasReplays = false;
            _launches.Clear();
            _uploads.Pass();
            _smallUploads.Pass();
        }
        catch (CudaException e)
        {
            throw Noted(e.Kernel is null && _launches.Describe() is { } inFlight ? e.WithDetail(inFlight) : e);
        }
    }

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, true))
        {
            return;
        }

        using Lock.Scope gate = _gate.EnterScope();
        foreach (Action release in (Action[])
            [() => Closing?.Invoke(), ForgetRecordings, _resampling.Clear, _parameters.Clear, CloseGemm, _allocator.Close, _uploads.Free, _smallUploads.Free, _milestones.Free, _kernels.Unload, () => _context.DestroyStream(_stream)])
        {
            try
            {
                release();
            }
            catch (CudaException)
            {
                // A context with a fault, or one that refuses to give a part back, takes everything with it; what failed before must not be hidden.
            }
        }

        _allocator.Abandon();
        _context.Dispose();
    }

    /// <summary>Once the device is lost, says at once what lost it; once it is disposed, that it is.</summary>
    private void ThrowIfUnusable()
    {
        if (_disposed)
        {
            throw Device.Disposed(Name);
        }

        if (_loss is { } loss)
        {
            throw new CudaException(loss.Code, loss.Name, loss.DriverText, loss.Call, loss.Kernel, loss.Detail, loss);
        }
    }

    /// <summary>Remembers a fault that no later call survives; the first one tells most.</summary>
    private CudaException Noted(CudaException fault)
    {
        if (fault.IsFatal)
        {
            _loss ??= fault;
        }

        return fault;
    }

    internal DevicePointer Pointer(DeviceBuffer buffer)
    {
        ThrowIfUnusable();
        Recording?.Touch(buffer);
        return ((ICudaMemory)buffer).Pointer;
    }

    private void Launch(in LaunchPlan plan, in KernelArguments arguments) => Launch(plan, arguments, _stream);

    private void Launch(in LaunchPlan plan, in KernelArguments arguments, StreamHandle stream)
    {
        using Lock.Scope gate = _gate.EnterScope();
        // A queue that is full waits for the device. What a kernel takes to load depends on the driver.
        bool isReady = _kernels.IsReady(plan.Kernel, plan.SharedBytes);
        if (!isReady)
        {
            ThrowIfRecording($"launches {plan.Kernel}, which the step before it did not");
        }

        using Watchdog.Scope wait = isReady ? Watchdog.EnterDeviceWait() : Watchdog.EnterSuspension();
        CudaKernel kernel;
        Span<nint> addresses = stackalloc nint[arguments.Count];
        arguments.GetAddresses(addresses);
        try
        {
            kernel = _kernels.Get(plan.Kernel, plan.SharedBytes);
            _context.Launch(kernel.Function, new LaunchConfiguration(plan.Grid, plan.Block, (uint)plan.SharedBytes, stream) { Cluster = plan.Cluster }, addresses);
        }
        catch (CudaException e) when (Noted(e).IsFatal)
        {
            throw;
        }

        if (Recording is { } recording)
        {
            recording.Launches++;
            return;
        }

        _launches.Add(kernel.Name);
        try
        {
            _milestones.Count();
        }
        catch (CudaException e) when (Noted(e).IsFatal)
        {
            throw;
        }
    }

    /// <summary>For who waits for the kernels queued so far without blocking: takes note of how far they are.</summary>
    internal void LookAtProgress()
    {
        using Lock.Scope gate = _gate.EnterScope();
        _milestones.Look();
    }
}
