namespace DilatedKernels.Segmentation.Crf;

/// <summary>Numbers lattice points in the order in which they are first met: a hash table with open addressing that grows with what it holds.</summary>
internal sealed class VertexTable
{
    private const int Empty = 0;

    private UInt128[] _keys = new UInt128[1 << 10];
    private int[] _slots = new int[1 << 11];

    public int Count { get; private set; }

    public UInt128 this[int vertex] => _keys[vertex];

    /// <summary>The number of a lattice point, a new one if it has none.</summary>
    public int Add(UInt128 key)
    {
        int slot = SlotOf(key);
        if (_slots[slot] == Empty)
        {
            if (Count == _keys.Length)
            {
                Grow();
                slot = SlotOf(key);
            }

            _keys[Count] = key;
            _slots[slot] = ++Count;
        }

        return _slots[slot] - 1;
    }

    /// <summary>The number of a lattice point, or −1.</summary>
    public int Find(UInt128 key) => _slots[SlotOf(key)] - 1;

    /// <summary>The slot that holds the key, or the one where it belongs. At most half of the slots are taken, so the search ends.</summary>
    private int SlotOf(UInt128 key)
    {
        int mask = _slots.Length - 1;
        int slot = (int)Hash(key) & mask;
        while (_slots[slot] != Empty && _keys[_slots[slot] - 1] != key)
        {
            slot = (slot + 1) & mask;
        }

        return slot;
    }

    private void Grow()
    {
        Array.Resize(ref _keys, 2 * _keys.Length);
        _slots = new int[2 * _keys.Length];
        for (int vertex = 0; vertex < Count; vertex++)
        {
            _slots[SlotOf(_keys[vertex])] = vertex + 1;
        }
    }

    // Neighbouring lattice points differ in few low bits of each coordinate; the multiplications spread them over the word.
    private static uint Hash(UInt128 key)
    {
        ulong h = (ulong)key ^ ((ulong)(key >> 64) * 0x9E3779B97F4A7C15UL);
        h = (h ^ (h >> 32)) * 0xD6E8FEB86659FD93UL;
        h = (h ^ (h >> 32)) * 0xD6E8FEB86659FD93UL;
        return (uint)(h >> 32);
    }
}
