using System.Runtime.InteropServices;
using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>
/// The table of parameters on the device. Gradients mostly get the same memory in every step, and rates are arguments of the launch, so the
/// table is uploaded only when it differs from the one that is there. A recorded step has its own, which no other step overwrites.
/// </summary>
internal sealed class OptimizerTable
{
    private OptimizerEntry[] _uploaded = [];
    private DeviceBuffer? _buffer;

    public DevicePointer Get(CudaBackend backend, ReadOnlySpan<OptimizerEntry> entries)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(entries);
        if (backend.RecordTable(bytes) is { } recorded)
        {
            return recorded;
        }

        if (_buffer is null || !bytes.SequenceEqual(MemoryMarshal.AsBytes<OptimizerEntry>(_uploaded)))
        {
            if (_buffer is null || _buffer.ByteLength < bytes.Length)
            {
                Clear();
                _buffer = backend.Allocate(bytes.Length);
            }

            // Known by nobody until all of it is there.
            _uploaded = [];
            backend.Upload(bytes, _buffer);
            _uploaded = entries.ToArray();
        }

        return backend.Pointer(_buffer);
    }

    /// <summary>Gives the memory back.</summary>
    public void Clear()
    {
        _buffer?.Dispose();
        _buffer = null;
        _uploaded = [];
    }
}
