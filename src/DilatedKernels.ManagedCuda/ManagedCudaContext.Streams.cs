using System.Collections.Concurrent;
using ManagedCuda;
using ManagedCuda.BasicTypes;
using static ManagedCuda.DriverAPINativeMethods;

namespace DilatedKernels.Cuda;

internal sealed unsafe partial class ManagedCudaContext
{
    private readonly ConcurrentDictionary<nint, CudaStream> _streams = new();
    private readonly ConcurrentDictionary<nint, CudaEvent> _events = new();

    public StreamHandle CreateStream()
    {
        MakeCurrent();
        CudaStream stream = ManagedCudaError.Guard("cuStreamCreate", () => new CudaStream(CUStreamFlags.NonBlocking));
        _streams[stream.Stream.Pointer] = stream;
        return new StreamHandle(stream.Stream.Pointer);
    }

    public void DestroyStream(StreamHandle stream)
    {
        Enter();
        if (_streams.TryRemove(stream.Value, out CudaStream? owner))
        {
            owner.Dispose();
        }
    }

    public void Synchronize(StreamHandle stream)
    {
        Enter();
        Check(Streams.cuStreamSynchronize(Native(stream)), "cuStreamSynchronize");
    }

    public void Wait(StreamHandle stream, EventHandle @event)
    {
        Enter();
        Check(Streams.cuStreamWaitEvent(Native(stream), Native(@event), 0), "cuStreamWaitEvent");
    }

    public EventHandle CreateEvent(bool timing)
    {
        MakeCurrent();
        CudaEvent made = ManagedCudaError.Guard("cuEventCreate", () => new CudaEvent(timing ? CUEventFlags.Default : CUEventFlags.DisableTiming));
        _events[made.Event.Pointer] = made;
        return new EventHandle(made.Event.Pointer);
    }

    public void DestroyEvent(EventHandle @event)
    {
        Enter();
        if (_events.TryRemove(@event.Value, out CudaEvent? owner))
        {
            owner.Dispose();
        }
    }

    public void Record(EventHandle @event, StreamHandle stream)
    {
        Enter();
        Check(Events.cuEventRecord(Native(@event), Native(stream)), "cuEventRecord");
    }

    public void Synchronize(EventHandle @event)
    {
        Enter();
        Check(Events.cuEventSynchronize(Native(@event)), "cuEventSynchronize");
    }

    public bool HasHappened(EventHandle @event)
    {
        Enter();
        CUResult result = Events.cuEventQuery(Native(@event));
        if (result == CUResult.ErrorNotReady)
        {
            return false;
        }

        Check(result, "cuEventQuery");
        return true;
    }

    public float GetMilliseconds(EventHandle start, EventHandle end)
    {
        Enter();
        float milliseconds = 0;
        Check(Events.cuEventElapsedTime(ref milliseconds, Native(start), Native(end)), "cuEventElapsedTime");
        return milliseconds;
    }

    public void BeginCapture(StreamHandle stream)
    {
        Enter();
        Check(Streams.cuStreamBeginCapture(Native(stream), CUstreamCaptureMode.Local), "cuStreamBeginCapture");
    }

    public GraphHandle EndCapture(StreamHandle stream)
    {
        Enter();
        CUgraph graph = default;
        Check(Streams.cuStreamEndCapture(Native(stream), ref graph), "cuStreamEndCapture");
        return new GraphHandle(graph.Pointer);
    }

    public GraphExecHandle Instantiate(GraphHandle graph)
    {
        MakeCurrent();
        CUgraphExec exec = default;
        Check(GraphManagment.cuGraphInstantiate(ref exec, new CUgraph { Pointer = graph.Value }, default), "cuGraphInstantiateWithFlags");
        return new GraphExecHandle(exec.Pointer);
    }

    public void Launch(GraphExecHandle graph, StreamHandle stream)
    {
        Enter();
        Check(GraphManagment.cuGraphLaunch(new CUgraphExec { Pointer = graph.Value }, Native(stream)), "cuGraphLaunch");
    }

    public void DestroyGraph(GraphHandle graph)
    {
        Enter();
        Check(GraphManagment.cuGraphDestroy(new CUgraph { Pointer = graph.Value }), "cuGraphDestroy");
    }

    public void DestroyGraph(GraphExecHandle graph)
    {
        Enter();
        Check(GraphManagment.cuGraphExecDestroy(new CUgraphExec { Pointer = graph.Value }), "cuGraphExecDestroy");
    }
}
