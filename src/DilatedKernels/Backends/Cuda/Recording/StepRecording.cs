using System.Runtime.CompilerServices;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Recording;

/// <summary>
/// A step while it is recorded, and what its replays need. All its memory is one block, so that the graph allocates nothing: first the values
/// that change from step to step, then the tables, then the place of every buffer, in the order that the notes foretold.
/// </summary>
internal sealed unsafe class StepRecording : IDisposable
{
    private readonly MemoryEvent[] _events;
    private readonly long[] _offsets;
    private readonly DeviceBuffer _memory;
    private readonly DevicePointer _start;
    private readonly long _tablesEnd;
    private readonly StepScalars _scalars;
    private readonly int _mostValues;
    private readonly List<Action<StepScalars, nint>> _values = [];
    private readonly List<(DevicePointer Target, byte[] Bytes)> _tables = [];
    private readonly HashSet<DeviceBuffer> _borrowed = [];
    private readonly Lock _lock = new();
    private long _nextTable;
    private int _nextEvent;

    /// <param name="allocator">Where the memory comes from.</param>
    /// <param name="notes">What the step took when it ran as it was called.</param>
    /// <param name="scalars">What it is given now.</param>
    public StepRecording(CudaAllocator allocator, StepNotes notes, StepScalars scalars)
    {
        _events = notes.FinishEvents();
        (_offsets, long bytes) = MemoryPlan.Place(_events);
        _scalars = scalars;
        _mostValues = notes.Values;
        _nextTable = MemoryPlan.Align(notes.Values * sizeof(ulong));
        _tablesEnd = _nextTable + notes.TableBytes;
        _memory = allocator.Allocate(_tablesEnd + bytes);
        _start = ((ICudaMemory)_memory).Pointer;
    }

    /// <summary>The thread that records.</summary>
    public int Thread { get; } = Environment.CurrentManagedThreadId;

    /// <summary>Why the recording cannot be used, as the rest of a sentence that begins with the step; null as long as it can.</summary>
    public string? Fault { get; private set; }

    /// <summary>True when the step is not being recorded any more.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>How many kernels were recorded.</summary>
    public int Launches { get; set; }

    /// <summary>The recording among the names of kernels.</summary>
    public string Description => field ??= $"a recorded step of {Launches} kernels";

    /// <summary>The memory's size in bytes.</summary>
    public long MemoryBytes => _memory.ByteLength;

    /// <summary>Where the values that change are to be, one word each.</summary>
    public DevicePointer Values => _start;

    /// <summary>Their size in bytes.</summary>
    public int ValueBytes => _values.Count * sizeof(ulong);

    /// <summary>The tables that go to the device before the first replay.</summary>
    public IReadOnlyList<(DevicePointer Target, byte[] Bytes)> Tables => _tables;

    /// <summary>Whether all memory that the step was given from outside is still there.</summary>
    public bool IsIntact => !_borrowed.Any(b => b.IsDisposed);

    /// <summary>The next of the noted allocations.</summary>
    public RecordedBuffer Allocate(long bytes)
    {
        lock (_lock)
        {
            if (_nextEvent == _events.Length || _events[_nextEvent].IsFree || _events[_nextEvent].Bytes != bytes)
            {
                throw Refuse($"takes {bytes} bytes of memory where the step before it {Describe(_nextEvent)}");
            }

            int block = _events[_nextEvent++].Block;
            return new RecordedBuffer(this, block, _start + (_tablesEnd + _offsets[block]), bytes);
        }
    }

    /// <summary>The end of an allocation. It may come from a Dispose, so a fault shows later.</summary>
    public void Free(int block)
    {
        lock (_lock)
        {
            if (HasEnded)
            {
                return;
            }

            if (_nextEvent < _events.Length && _events[_nextEvent].IsFree && _events[_nextEvent].Block == block)
            {
                _nextEvent++;
            }
            else
            {
                Refuse($"gives memory back where the step before it {Describe(_nextEvent)}");
            }
        }
    }

    /// <summary>The place of a value that changes from step to step.</summary>
    /// <param name="value">What the step gave.</param>
    /// <param name="ofStep">How it follows from the scalars of a step.</param>
    /// <param name="what">The value's name for a message.</param>
    public StepValue<T> Place<T>(T value, Func<StepScalars, T> ofStep, string what)
        where T : unmanaged
    {
        Expect(value, ofStep, what);
        if (_values.Count == _mostValues)
        {
            throw Refuse("has more values that change than the step before it");
        }

        DevicePointer place = Values + ValueBytes;
        _values.Add((scalars, target) => Unsafe.Write((void*)target, ofStep(scalars)));
        return new StepValue<T>(place);
    }

    /// <summary>Refuses a value that is another than the scalars of the step make it: it would stay as it is now in every replay.</summary>
    public void Expect<T>(T value, Func<StepScalars, T> ofStep, string what)
        where T : unmanaged
    {
        T expected = ofStep(_scalars);
        if (!EqualityComparer<T>.Default.Equals(value, expected))
        {
            throw Refuse($"uses {what} of its own, {value} where the recorded step has {expected}, which replays would not follow");
        }
    }

    /// <summary>Refuses labels that are not the step's: nobody would tell replays how many of them are valid.</summary>
    public void ExpectLabels(DeviceBuffer labels)
    {
        if (!_scalars.Labels.Step.Maps.Any(part => part.Buffer == labels))
        {
            throw Refuse("compares scores with labels other than those it is given, and replays would not learn how many of them are valid");
        }
    }

    /// <summary>Which of the step's parts a random step belongs to; the first where it belongs to none.</summary>
    public ulong PartOf(ulong randomStep) =>
        unchecked(randomStep - _scalars.RandomStep) is var part && part < (ulong)_scalars.Labels.Step.Count ? part : 0;

    /// <summary>Keeps a table for the kernels, and says where it will be.</summary>
    public DevicePointer AddTable(ReadOnlySpan<byte> bytes)
    {
        if (_nextTable + MemoryPlan.Align(bytes.Length) > _tablesEnd)
        {
            throw Refuse("has more or longer tables than the step before it");
        }

        DevicePointer place = _start + _nextTable;
        _tables.Add((place, bytes.ToArray()));
        _nextTable += MemoryPlan.Align(bytes.Length);
        return place;
    }

    /// <summary>Notes a buffer that the step works on; those that are not its own must outlive the recording.</summary>
    public void Touch(DeviceBuffer buffer)
    {
        if (buffer is not RecordedBuffer)
        {
            _borrowed.Add(buffer);
        }
    }

    /// <summary>Notes why the recording cannot be used; the first reason stays.</summary>
    public RecordingRefusedException Refuse(string reason)
    {
        Fault ??= reason;
        return new RecordingRefusedException(Fault);
    }

    /// <summary>The step has been recorded, or has failed to be.</summary>
    public void End()
    {
        HasEnded = true;
        if (_nextEvent < _events.Length)
        {
            Refuse($"ends where the step before it {Describe(_nextEvent)}");
        }
    }

    /// <summary>Writes the values of a step to host memory of <see cref="ValueBytes"/>.</summary>
    public void WriteValues(StepScalars scalars, byte* target)
    {
        foreach (Action<StepScalars, nint> write in _values)
        {
            write(scalars, (nint)target);
            target += sizeof(ulong);
        }
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => _memory.Dispose();

    private string Describe(int index) => index == _events.Length ? "was at its end"
        : _events[index].IsFree ? $"gave back {_events[index].Bytes} bytes"
        : $"took {_events[index].Bytes}";
}
