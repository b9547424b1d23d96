using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Recording;

/// <summary>What a step that runs as it is called takes: memory, in which order, and how many values and tables a recording of it will hold.</summary>
internal sealed class StepNotes
{
    private readonly List<MemoryEvent> _events = [];
    private readonly Dictionary<DevicePointer, MemoryEvent> _live = [];
    private int _blocks;

    /// <summary>Values that change from step to step.</summary>
    public int Values { get; set; }

    /// <summary>The tables that kernels read, in bytes.</summary>
    public long TableBytes { get; private set; }

    public void AddAllocation(DevicePointer pointer, long bytes)
    {
        var allocation = new MemoryEvent(_blocks++, bytes, IsFree: false);
        _live[pointer] = allocation;
        _events.Add(allocation);
    }

    /// <summary>Memory that is older than the step is no part of it.</summary>
    public void AddFree(DevicePointer pointer)
    {
        if (_live.Remove(pointer, out MemoryEvent allocation))
        {
            _events.Add(allocation with { IsFree = true });
        }
    }

    public void AddTable(int bytes) => TableBytes += MemoryPlan.Align(bytes);

    /// <summary>
    /// The order of allocations and frees, blocks numbered anew. What is left at the step's end, such as gradients that came into being, is left
    /// out: the next step finds it there.
    /// </summary>
    public MemoryEvent[] FinishEvents()
    {
        HashSet<int> outlive = [.. _live.Values.Select(e => e.Block)];
        var numbers = new Dictionary<int, int>();
        foreach (MemoryEvent e in _events)
        {
            if (!e.IsFree && !outlive.Contains(e.Block))
            {
                numbers.Add(e.Block, numbers.Count);
            }
        }

        return [.. _events.Where(e => numbers.ContainsKey(e.Block)).Select(e => e with { Block = numbers[e.Block] })];
    }
}
