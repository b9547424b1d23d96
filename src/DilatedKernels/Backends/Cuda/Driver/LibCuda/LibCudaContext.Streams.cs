namespace DilatedKernels.Cuda;

internal sealed unsafe partial class LibCudaContext
{
    private const uint NonBlockingStream = 1;
    private const uint EventWithoutTiming = 2;
    private const int NotReady = 600;

    // Calls of other threads that may not be recorded do not spoil the recording.
    private const int ThreadLocalCapture = 1;

    public StreamHandle CreateStream()
    {
        MakeCurrent();
        nint stream = 0;
        Check(_api.StreamCreate(&stream, NonBlockingStream), "cuStreamCreate");
        return new StreamHandle(stream);
    }

    public void DestroyStream(StreamHandle stream)
    {
        Enter();
        Check(_api.StreamDestroy(stream.Value), "cuStreamDestroy");
    }

    public void Synchronize(StreamHandle stream)
    {
        Enter();
        Check(_api.StreamSynchronize(stream.Value), "cuStreamSynchronize");
    }

    public void Wait(StreamHandle stream, EventHandle @event)
    {
        Enter();
        Check(_api.StreamWaitEvent(stream.Value, @event.Value, 0), "cuStreamWaitEvent");
    }

    public EventHandle CreateEvent(bool timing)
    {
        MakeCurrent();
        nint handle = 0;
        Check(_api.EventCreate(&handle, timing ? 0 : EventWithoutTiming), "cuEventCreate");
        return new EventHandle(handle);
    }

    public void DestroyEvent(EventHandle @event)
    {
        Enter();
        Check(_api.EventDestroy(@event.Value), "cuEventDestroy");
    }

    public void Record(EventHandle @event, StreamHandle stream)
    {
        Enter();
        Check(_api.EventRecord(@event.Value, stream.Value), "cuEventRecord");
    }

    public void Synchronize(EventHandle @event)
    {
        Enter();
        Check(_api.EventSynchronize(@event.Value), "cuEventSynchronize");
    }

    public bool HasHappened(EventHandle @event)
    {
        Enter();
        int code = _api.EventQuery(@event.Value);
        if (code == NotReady)
        {
            return false;
        }

        Check(code, "cuEventQuery");
        return true;
    }

    public float GetMilliseconds(EventHandle start, EventHandle end)
    {
        Enter();
        float milliseconds = 0;
        Check(_api.EventElapsedTime(&milliseconds, start.Value, end.Value), "cuEventElapsedTime");
        return milliseconds;
    }

    public void BeginCapture(StreamHandle stream)
    {
        Enter();
        Check(_api.StreamBeginCapture(stream.Value, ThreadLocalCapture), "cuStreamBeginCapture");
    }

    public GraphHandle EndCapture(StreamHandle stream)
    {
        Enter();
        nint graph = 0;
        Check(_api.StreamEndCapture(stream.Value, &graph), "cuStreamEndCapture");
        return new GraphHandle(graph);
    }

    public GraphExecHandle Instantiate(GraphHandle graph)
    {
        MakeCurrent();
        nint exec = 0;
        Check(_api.GraphInstantiate(&exec, graph.Value, 0), "cuGraphInstantiateWithFlags");
        return new GraphExecHandle(exec);
    }

    public void Launch(GraphExecHandle graph, StreamHandle stream)
    {
        Enter();
        Check(_api.GraphLaunch(graph.Value, stream.Value), "cuGraphLaunch");
    }

    public void DestroyGraph(GraphHandle graph)
    {
        Enter();
        Check(_api.GraphDestroy(graph.Value), "cuGraphDestroy");
    }

    public void DestroyGraph(GraphExecHandle graph)
    {
        Enter();
        Check(_api.GraphExecDestroy(graph.Value), "cuGraphExecDestroy");
    }
}
