using System.Runtime.InteropServices;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>An axis's tables on the device, as the kernels' struct of the same layout holds them (kernels/upsample).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ResampleAxisTable
{
    public DevicePointer First;
    public DevicePointer Weight0;
    public DevicePointer Weight1;
    public DevicePointer Start;
    public int InExtent;
    public int OutExtent;
}

/// <summary>The interpolation tables that have been uploaded. A network resizes to few sizes, so after its first step it uploads none.</summary>
internal sealed class ResampleTables
{
    // Images of many sizes in a row must not fill the device; some KB each.
    private const int Most = 128;

    private readonly Dictionary<ResampleKey, (DeviceBuffer Buffer, ResampleAxisTable Table)> _tables = [];

    /// <summary>The tables of both axes.</summary>
    public (ResampleAxisTable Rows, ResampleAxisTable Columns) Get(CudaBackend backend, in UpsampleGeometry geometry)
    {
        // Room for both before either: what made room for the second would free the first, and no kernel that reads it is queued yet.
        if (_tables.Count > Most - 2)
        {
            // Freed in the stream's order: after the kernels that read them.
            Clear();
        }

        return (Get(backend, geometry.Rows), Get(backend, geometry.Columns));
    }

    /// <summary>Gives the memory back.</summary>
    public void Clear()
    {
        foreach ((DeviceBuffer buffer, _) in _tables.Values)
        {
            buffer.Dispose();
        }

        _tables.Clear();
    }

    private ResampleAxisTable Get(CudaBackend backend, ResampleAxis axis)
    {
        byte[] bytes =
        [
            .. MemoryMarshal.AsBytes<int>(axis.First), .. MemoryMarshal.AsBytes<float>(axis.Weight0),
            .. MemoryMarshal.AsBytes<float>(axis.Weight1), .. MemoryMarshal.AsBytes<int>(axis.Start),
        ];
        if (backend.RecordTable(bytes) is { } recorded)
        {
            return Describe(axis, recorded);
        }

        if (_tables.TryGetValue(axis.Key, out (DeviceBuffer Buffer, ResampleAxisTable Table) known))
        {
            return known.Table;
        }

        DeviceBuffer buffer = backend.Allocate(bytes.Length);
        try
        {
            backend.Upload(bytes, buffer);
        }
        catch
        {
            buffer.Dispose();
            throw;
        }

        ResampleAxisTable table = Describe(axis, backend.Pointer(buffer));
        _tables.Add(axis.Key, (buffer, table));
        return table;
    }

    private static ResampleAxisTable Describe(ResampleAxis axis, DevicePointer start)
    {
        long column = (long)axis.OutExtent * sizeof(float);
        return new ResampleAxisTable
        {
            First = start,
            Weight0 = start + column,
            Weight1 = start + (2 * column),
            Start = start + (3 * column),
            InExtent = axis.InExtent,
            OutExtent = axis.OutExtent,
        };
    }
}
