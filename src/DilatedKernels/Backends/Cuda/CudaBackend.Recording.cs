using System.Collections.Concurrent;
using DilatedKernels.Backends.Cuda.Recording;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed;

namespace DilatedKernels.Backends.Cuda;

// Steps as CUDA graphs. While a step is noted or recorded, every allocation, value and table of its operations passes by here.
internal sealed unsafe partial class CudaBackend
{
    private readonly HashSet<CudaStepRecorder> _recorders = [];
    private readonly ConcurrentQueue<CudaStepRecorder> _abandoned = new();
    private StepRecording? _recording;

    /// <summary>The recording under way, for the thread that records. The others wait for its end wherever they would queue something.</summary>
    private StepRecording? Recording => _recording is { } recording && recording.Thread == Environment.CurrentManagedThreadId ? recording : null;

    internal CudaAllocator Allocator => _allocator;

    /// <summary>For what is several calls that belong together; other threads' wait.</summary>
    internal Lock.Scope EnterGate() => _gate.EnterScope();

    public override StepRecorder CreateRecorder()
    {
        lock (_gate)
        {
            ThrowIfUnusable();
            ForgetAbandoned();
            var recorder = new CudaStepRecorder(this);
            _recorders.Add(recorder);
            return recorder;
        }
    }

    /// <summary>Runs a step as it is called, and says what it took. What other threads do on the device waits for its end.</summary>
    internal StepNotes Note(Action step)
    {
        using Lock.Scope gate = _gate.EnterScope();
        ThrowIfRecording("runs another step inside itself");
        ForgetAbandoned();
        var notes = new StepNotes();
        _allocator.Notes = notes;
        try
        {
            step();
            return notes;
        }
        finally
        {
            _allocator.Notes = null;
        }
    }

    /// <summary>Captures what a step queues.</summary>
    /// <exception cref="RecordingRefusedException">It does what a recording cannot hold.</exception>
    internal GraphHandle Capture(StepRecording recording, Action step)
    {
        using Lock.Scope gate = _gate.EnterScope();
        ThrowIfRecording("records another step inside itself");
        _context.BeginCapture(_stream);
        _recording = recording;
        _allocator.DefersFrees = true;
        GraphHandle graph = default;
        bool returned = false;
        try
        {
            step();
            returned = true;
        }
        catch (Exception) when (recording.Fault is not null)
        {
            // Told below: the first fault, and not what came of it.
        }
        finally
        {
            _recording = null;
            recording.End();
            try
            {
                graph = EndCapture(isWanted: returned && recording.Fault is null);
            }
            finally
            {
                _allocator.DefersFrees = false;
            }
        }

        return recording.Fault is { } fault ? throw new RecordingRefusedException(fault) : graph;
    }

    /// <summary>Uploads a recording's tables.</summary>
    internal void Upload(StepRecording recording)
    {
        foreach ((DevicePointer target, byte[] bytes) in recording.Tables)
        {
            Upload(bytes, target);
        }
    }

    /// <summary>Queues a recorded step.</summary>
    internal void Launch(GraphExecHandle graph, string description)
    {
        using Lock.Scope gate = _gate.EnterScope();
        ThrowIfUnusable();
        using Watchdog.Scope suspension = Watchdog.EnterSuspension();
        try
        {
            _context.Launch(graph, _stream);
        }
        catch (CudaException e) when (Noted(e).IsFatal)
        {
            throw;
        }

        _launches.Add(description);
        _hasReplays = true;
    }

    /// <summary>Lets go of a recorder; false when the backend has been disposed and has done so already.</summary>
    internal bool Remove(CudaStepRecorder recorder)
    {
        lock (_gate)
        {
            return _recorders.Remove(recorder);
        }
    }

    /// <summary>For finalizers: notes a recorder that nobody disposed, for the next step to let go of.</summary>
    internal void Abandon(CudaStepRecorder recorder) => _abandoned.Enqueue(recorder);

    /// <summary>A table for kernels to read in the recording's own memory; null when nothing is recorded.</summary>
    internal DevicePointer? RecordTable(ReadOnlySpan<byte> bytes)
    {
        _allocator.Notes?.AddTable(bytes.Length);
        return Recording?.AddTable(bytes);
    }

    /// <summary>A kernel's argument that changes from step to step, and how it follows from what the step is given.</summary>
    private StepValue<T> Step<T>(T value, Func<StepScalars, T> ofStep, string what)
        where T : unmanaged
    {
        if (_allocator.Notes is { } notes)
        {
            notes.Values++;
        }

        return Recording is { } recording ? recording.Place(value, ofStep, what) : new StepValue<T>(value);
    }

    private void ThrowIfRecording(string what)
    {
        if (Recording is { } recording)
        {
            throw recording.Refuse(what);
        }
    }

    private GraphHandle EndCapture(bool isWanted)
    {
        GraphHandle graph = default;
        try
        {
            graph = _context.EndCapture(_stream);
        }
        catch (CudaException e) when (!isWanted && !e.IsFatal)
        {
            // What made the recording unwanted may have broken it for the driver too.
        }

        if (!isWanted && graph != default)
        {
            _context.DestroyGraph(graph);
            return default;
        }

        return graph;
    }

    private void ForgetAbandoned()
    {
        while (_abandoned.TryDequeue(out CudaStepRecorder? recorder))
        {
            recorder.Dispose();
        }
    }

    private void ForgetRecordings()
    {
        foreach (CudaStepRecorder recorder in _recorders)
        {
            recorder.Forget();
        }

        _recorders.Clear();
    }
}
