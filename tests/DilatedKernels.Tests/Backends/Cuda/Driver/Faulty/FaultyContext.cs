using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver.Faulty;

/// <summary>The device of <see cref="FaultyDriver"/>.</summary>
internal sealed unsafe class FaultyContext(ICudaDriver driver, ICudaContext inner) : ICudaContext
{
    private readonly Dictionary<DevicePointer, long> _live = [];
    private int _code;
    private int _lost;
    private long _first;
    private int _times;
    private string? _only;

    /// <summary>The calls so far, by name, in their order.</summary>
    public List<string> Calls { get; } = [];

    /// <summary>Bytes in allocations that have not been freed.</summary>
    public long LiveBytes { get; private set; }

    /// <summary>The most that <see cref="LiveBytes"/> has been.</summary>
    public long PeakBytes { get; set; }

    /// <summary>The device's memory; what does not fit is out of memory.</summary>
    public long Limit { get; set; } = long.MaxValue;

    /// <summary>Whether every call fails after a fault that loses the device, as with a real driver.</summary>
    public bool StaysLost { get; set; } = true;

    /// <summary>Whether the fault that was asked for has happened.</summary>
    public bool HasFailed { get; private set; }

    public bool IsDisposed { get; private set; }

    /// <summary>After so many more launches the device does nothing: waits do not end, and no event happens.</summary>
    public int LaunchesUntilHang { get; set; } = int.MaxValue;

    /// <summary>Called when somebody waits for the device.</summary>
    public Action? OnWait { get; set; }

    public ICudaDriver Driver => driver;

    public CudaDeviceDescription Device => inner.Device;

    public nint Handle => inner.Handle;

    /// <summary>Makes a call fail, counted from 0 over all calls from now on, or over those of one name.</summary>
    /// <param name="code">What it answers.</param>
    /// <param name="index">Which.</param>
    /// <param name="only">The name, or null for all.</param>
    /// <param name="times">How many in a row: memory is asked for twice.</param>
    public void Fail(int code, int index, string? only = null, int times = 1)
    {
        Calls.Clear();
        HasFailed = false;
        _lost = 0;
        (_code, _only, _times) = (code, only, times);
        _first = index;
    }

    /// <summary>Fails no more.</summary>
    public void Heal()
    {
        _code = _lost = 0;
        Calls.Clear();
    }

    public void MakeCurrent() => inner.MakeCurrent();

    public void Synchronize()
    {
        Enter("SynchronizeContext");
        inner.Synchronize();
    }

    public DevicePointer Allocate(long bytes, StreamHandle stream)
    {
        Enter("Allocate", $"{bytes} bytes were asked for; {Limit - LiveBytes} of the device's {Limit} bytes are free.");
        if (bytes > Limit - LiveBytes)
        {
            throw Error(CudaException.OutOfMemory, "Allocate", $"{bytes} bytes were asked for; {Limit - LiveBytes} of the device's {Limit} bytes are free.");
        }

        DevicePointer pointer = inner.Allocate(bytes, stream);
        _live.Add(pointer, bytes);
        LiveBytes += bytes;
        PeakBytes = Math.Max(PeakBytes, LiveBytes);
        return pointer;
    }

    public void Free(DevicePointer pointer, StreamHandle stream)
    {
        Enter("Free");
        inner.Free(pointer, stream);
        _live.Remove(pointer, out long bytes);
        LiveBytes -= bytes;
    }

    public (long Free, long Total) GetMemory()
    {
        Enter("GetMemory");
        return Limit == long.MaxValue ? inner.GetMemory() : (Limit - LiveBytes, Limit);
    }

    public PoolStatistics GetPool() => new(LiveBytes, LiveBytes);

    public void SetPoolThreshold(long bytes)
    {
        Enter("SetPoolThreshold");
        inner.SetPoolThreshold(bytes);
    }

    public void TrimPool(long keepBytes)
    {
        Enter("TrimPool");
        inner.TrimPool(keepBytes);
    }

    public void* AllocatePinned(long bytes)
    {
        Enter("AllocatePinned");
        return inner.AllocatePinned(bytes);
    }

    public void FreePinned(void* memory)
    {
        Enter("FreePinned");
        inner.FreePinned(memory);
    }

    public void CopyToDevice(void* source, DevicePointer target, long bytes, StreamHandle stream)
    {
        Enter("CopyToDevice");
        inner.CopyToDevice(source, target, bytes, stream);
    }

    public void CopyToHost(DevicePointer source, void* target, long bytes, StreamHandle stream)
    {
        Enter("CopyToHost");
        inner.CopyToHost(source, target, bytes, stream);
    }

    public void CopyOnDevice(DevicePointer source, DevicePointer target, long bytes, StreamHandle stream)
    {
        Enter("CopyOnDevice");
        inner.CopyOnDevice(source, target, bytes, stream);
    }

    public void Fill(DevicePointer target, uint word, long count, StreamHandle stream)
    {
        Enter("Fill");
        inner.Fill(target, word, count, stream);
    }

    public KernelModuleHandle LoadModule(ReadOnlySpan<byte> image)
    {
        Enter("LoadModule");
        return inner.LoadModule(image);
    }

    public void UnloadModule(KernelModuleHandle module)
    {
        Enter("UnloadModule");
        inner.UnloadModule(module);
    }

    public bool TryGetFunction(KernelModuleHandle module, string name, out FunctionHandle function)
    {
        Enter("TryGetFunction");
        return inner.TryGetFunction(module, name, out function);
    }

    public int GetProperty(FunctionHandle function, FunctionProperty property) => inner.GetProperty(function, property);

    public void SetProperty(FunctionHandle function, FunctionProperty property, int value)
    {
        Enter("SetProperty");
        inner.SetProperty(function, property, value);
    }

    public int GetResidentBlocks(FunctionHandle function, int threads, long sharedBytes) => inner.GetResidentBlocks(function, threads, sharedBytes);

    public void Launch(FunctionHandle function, in LaunchConfiguration configuration, ReadOnlySpan<nint> arguments)
    {
        Enter("Launch");
        LaunchesUntilHang--;
        inner.Launch(function, configuration, arguments);
    }

    public StreamHandle CreateStream()
    {
        Enter("CreateStream");
        return inner.CreateStream();
    }

    public void DestroyStream(StreamHandle stream)
    {
        Enter("DestroyStream");
        inner.DestroyStream(stream);
    }

    public void Synchronize(StreamHandle stream)
    {
        Enter("Synchronize");
        Wait();
        inner.Synchronize(stream);
    }

    public void Wait(StreamHandle stream, EventHandle @event) => inner.Wait(stream, @event);

    public EventHandle CreateEvent(bool timing)
    {
        Enter("CreateEvent");
        return inner.CreateEvent(timing);
    }

    public void DestroyEvent(EventHandle @event)
    {
        Enter("DestroyEvent");
        inner.DestroyEvent(@event);
    }

    public void Record(EventHandle @event, StreamHandle stream)
    {
        Enter("Record");
        inner.Record(@event, stream);
    }

    public void Synchronize(EventHandle @event)
    {
        Enter("SynchronizeEvent");
        Wait();
        inner.Synchronize(@event);
    }

    public bool HasHappened(EventHandle @event)
    {
        Enter("HasHappened");
        return LaunchesUntilHang > 0 && inner.HasHappened(@event);
    }

    public float GetMilliseconds(EventHandle start, EventHandle end) => inner.GetMilliseconds(start, end);

    public void BeginCapture(StreamHandle stream)
    {
        Enter("BeginCapture");
        inner.BeginCapture(stream);
    }

    public GraphHandle EndCapture(StreamHandle stream)
    {
        // Over in any case.
        GraphHandle graph = inner.EndCapture(stream);
        try
        {
            Enter("EndCapture");
            return graph;
        }
        catch
        {
            inner.DestroyGraph(graph);
            throw;
        }
    }

    public GraphExecHandle Instantiate(GraphHandle graph)
    {
        Enter("Instantiate");
        return inner.Instantiate(graph);
    }

    public void Launch(GraphExecHandle graph, StreamHandle stream)
    {
        Enter("LaunchGraph");
        inner.Launch(graph, stream);
    }

    public void DestroyGraph(GraphHandle graph)
    {
        Enter("DestroyGraph");
        inner.DestroyGraph(graph);
    }

    public void DestroyGraph(GraphExecHandle graph)
    {
        Enter("DestroyGraphExec");
        inner.DestroyGraph(graph);
    }

    public TensorMap EncodeTiled(in TensorMapDescription description, ReadOnlySpan<uint> box) => inner.EncodeTiled(description, box);

    public TensorMap EncodeIm2col(
        in TensorMapDescription description, ReadOnlySpan<int> lowerCorner, ReadOnlySpan<int> upperCorner, int channelsPerPixel, int pixelsPerColumn) =>
        inner.EncodeIm2col(description, lowerCorner, upperCorner, channelsPerPixel, pixelsPerColumn);

    public ICudaGemm? OpenGemm(out string reason) => inner.OpenGemm(out reason);

    public void Dispose()
    {
        IsDisposed = true;
        inner.Dispose();
    }

    private static CudaException Error(int code, string call, string? detail = null) => new(code, $"CODE_{code}", "as asked for", call, detail: detail);

    private void Wait()
    {
        OnWait?.Invoke();
        if (LaunchesUntilHang <= 0)
        {
            Thread.Sleep(Timeout.Infinite);
        }
    }

    private void Enter(string call, string? detail = null)
    {
        Calls.Add(call);
        if (_lost != 0)
        {
            throw Error(_lost, call);
        }

        if (_code == 0 || (_only is not null && _only != call) || _first-- > 0)
        {
            return;
        }

        HasFailed = true;
        CudaException fault = Error(_code, call, detail);
        _lost = fault.IsFatal && StaysLost ? _code : 0;
        if (--_times == 0)
        {
            _code = 0;
        }

        throw fault;
    }
}
