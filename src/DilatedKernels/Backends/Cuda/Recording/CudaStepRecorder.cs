using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Recording;

/// <summary>A step as a CUDA graph: captured from the backend's stream once, then launched with one call.</summary>
internal sealed unsafe class CudaStepRecorder(CudaBackend backend) : StepRecorder
{
    private StepNotes? _notes;
    private StepRecording? _recording;
    private GraphExecHandle _graph;
    private byte* _values;

    public override RecordingStage Stage =>
        _recording is { IsIntact: true } ? RecordingStage.Recorded
        : _notes is not null && _recording is null ? RecordingStage.Noted
        : RecordingStage.Unknown;

    /// <summary>The memory that the recording holds, in bytes; 0 without one.</summary>
    public long MemoryBytes => _recording?.MemoryBytes ?? 0;

    private ICudaContext Context => backend.Context;

    public override void Note(Action step)
    {
        Forget();
        _notes = backend.Note(step);
    }

    public override bool TryRecord(StepScalars scalars, Action step, out string reason)
    {
        using Lock.Scope gate = backend.EnterGate();
        StepRecording? recording = null;
        GraphHandle captured = default;
        try
        {
            recording = new StepRecording(backend.Allocator, _notes!, scalars);
            captured = backend.Capture(recording, step);
            _graph = Context.Instantiate(captured);
            _values = recording.ValueBytes == 0 ? null : (byte*)Context.AllocatePinned(recording.ValueBytes);
            backend.Upload(recording);
            (_recording, recording) = (recording, null);
            reason = "";
            return true;
        }
        catch (RecordingRefusedException e)
        {
            reason = $"The step {e.Reason}.";
            return false;
        }
        catch (CudaException e) when (!e.IsFatal)
        {
            reason = e.Message;
            return false;
        }
        finally
        {
            if (captured != default)
            {
                Context.DestroyGraph(captured);
            }

            // Not handed over: the recording failed.
            if (recording is not null)
            {
                FreeGraph();
                recording.Dispose();
            }
        }
    }

    public override void Replay(StepScalars scalars)
    {
        // The values and the graph belong together, and neither may come into what another thread records.
        using Lock.Scope gate = backend.EnterGate();
        if (_values != null)
        {
            // Whoever replays has read the loss of the last step, so its upload has passed.
            _recording!.WriteValues(scalars, _values);
            Context.CopyToDevice(_values, _recording.Values, _recording.ValueBytes, backend.Stream);
        }

        ReplayAgain();
    }

    public override void ReplayAgain() => backend.Launch(_graph, _recording!.Description);

    public override void Forget()
    {
        using Lock.Scope gate = backend.EnterGate();
        _notes = null;
        if (_recording is null)
        {
            return;
        }

        try
        {
            Context.Synchronize(backend.Stream);
            FreeGraph();
        }
        catch (CudaException)
        {
            // A fault that lasts takes graph and memory with the context, and every later call reports it; a Dispose on the way out must not hide it.
            _graph = default;
            _values = null;
        }

        _recording.Dispose();
        _recording = null;
    }

    public override void Abandon() => backend.Abandon(this);

    public override void Dispose()
    {
        if (backend.Remove(this))
        {
            Forget();
        }
    }

    private void FreeGraph()
    {
        if (_graph != default)
        {
            Context.DestroyGraph(_graph);
            _graph = default;
        }

        if (_values != null)
        {
            Context.FreePinned(_values);
            _values = null;
        }
    }
}
