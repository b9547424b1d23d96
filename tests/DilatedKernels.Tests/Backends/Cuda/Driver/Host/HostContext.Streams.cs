using System.Collections.Concurrent;
using System.Diagnostics;
using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver.Host;

/// <summary>Streams, events and graphs. A stream does what it is told at once, or notes it while it is recorded.</summary>
internal sealed unsafe partial class HostContext
{
    private readonly ConcurrentDictionary<nint, Graph?> _streams = new();
    private readonly ConcurrentDictionary<nint, long> _events = new();
    private readonly ConcurrentDictionary<nint, Graph> _graphs = new();
    private long _lastHandle;

    /// <summary>Whether events keep whoever asks for them waiting, as on a GPU whose work never ends.</summary>
    public bool IsBusy { get; set; }

    public StreamHandle CreateStream()
    {
        MakeCurrent();
        var stream = new StreamHandle(NewHandle());
        _streams[stream.Value] = null;
        return stream;
    }

    public void DestroyStream(StreamHandle stream)
    {
        if (!_streams.TryRemove(stream.Value, out _))
        {
            throw Refused("cuStreamDestroy", null, "there is no such stream");
        }
    }

    public void Synchronize(StreamHandle stream)
    {
        if (Recording(stream) is not null)
        {
            throw Refused("cuStreamSynchronize", null, "the stream is being recorded");
        }
    }

    public void Wait(StreamHandle stream, EventHandle @event)
    {
        _ = Recording(stream);
        Watch?.Invoke("Wait", stream);
    }

    public EventHandle CreateEvent(bool timing)
    {
        MakeCurrent();
        return new EventHandle(NewHandle());
    }

    public void DestroyEvent(EventHandle @event) => _events.TryRemove(@event.Value, out _);

    public void Record(EventHandle @event, StreamHandle stream)
    {
        Watch?.Invoke("Record", stream);
        Issue(stream, () => _events[@event.Value] = Stopwatch.GetTimestamp());
    }

    public void Synchronize(EventHandle @event) => MakeCurrent();

    public bool HasHappened(EventHandle @event)
    {
        MakeCurrent();
        return !IsBusy;
    }

    public float GetMilliseconds(EventHandle start, EventHandle end) =>
        (float)Stopwatch.GetElapsedTime(_events[start.Value], _events[end.Value]).TotalMilliseconds;

    public void BeginCapture(StreamHandle stream)
    {
        if (stream == default || Recording(stream) is not null)
        {
            throw Refused("cuStreamBeginCapture", null, "the default stream, or one that is being recorded, cannot be recorded");
        }

        _streams[stream.Value] = new Graph();
    }

    public GraphHandle EndCapture(StreamHandle stream)
    {
        Graph graph = Recording(stream) ?? throw Refused("cuStreamEndCapture", null, "the stream is not being recorded");
        _streams[stream.Value] = null;
        var handle = new GraphHandle(NewHandle());
        _graphs[handle.Value] = graph;
        return handle;
    }

    public GraphExecHandle Instantiate(GraphHandle graph)
    {
        var handle = new GraphExecHandle(NewHandle());
        _graphs[handle.Value] = _graphs[graph.Value];
        return handle;
    }

    public void Launch(GraphExecHandle graph, StreamHandle stream)
    {
        foreach (Action operation in _graphs[graph.Value].Operations)
        {
            operation();
        }
    }

    public void DestroyGraph(GraphHandle graph) => _graphs.TryRemove(graph.Value, out _);

    public void DestroyGraph(GraphExecHandle graph)
    {
        if (_graphs.TryRemove(graph.Value, out Graph? recording))
        {
            foreach (DevicePointer memory in recording.Freed)
            {
                Check(_api.Free(memory.Value), "dk_host_free");
            }

            recording.Freed.Clear();
        }
    }

    private nint NewHandle() => (nint)Interlocked.Increment(ref _lastHandle);

    private Graph? Recording(StreamHandle stream)
    {
        MakeCurrent();
        return stream == default ? null : _streams.TryGetValue(stream.Value, out Graph? graph) ? graph : throw Refused("stream", null, "there is no such stream");
    }

    /// <summary>Called with each launch, and each event that is recorded or waited for, and its stream.</summary>
    public Action<string, StreamHandle>? Watch { get; set; }

    private void Issue(StreamHandle stream, Action operation)
    {
        if (Recording(stream) is { } graph)
        {
            graph.Add(operation);
        }
        else
        {
            operation();
        }
    }

    // The driver copies a launch's arguments when it is recorded.
    private Action CopyLaunch(FunctionHandle function, LaunchConfiguration configuration, ReadOnlySpan<nint> arguments)
    {
        byte[][] values = new byte[arguments.Length][];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = new ReadOnlySpan<byte>((void*)arguments[i], _api.ParameterBytes(function.Value, i)).ToArray();
        }

        return () =>
        {
            void** copies = stackalloc void*[values.Length];
            byte* room = stackalloc byte[values.Sum(v => v.Length + 8)];
            for (int i = 0; i < values.Length; i++)
            {
                values[i].CopyTo(new Span<byte>(room, values[i].Length));
                copies[i] = room;
                room += (values[i].Length + 7) / 8 * 8;
            }

            Launch(function, configuration, copies);
        };
    }

    /// <summary>What was recorded, and the memory that belongs to it.</summary>
    private sealed class Graph
    {
        public List<Action> Operations { get; } = [];

        public HashSet<DevicePointer> Allocated { get; } = [];

        public HashSet<DevicePointer> Freed { get; } = [];

        public void Add(Action operation) => Operations.Add(operation);
    }
}
