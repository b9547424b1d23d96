namespace DilatedKernels.Cuda;

internal sealed unsafe partial class LibCudaContext
{
    // CUmemPool_attribute.
    private const int PoolThreshold = 4;
    private const int PoolReserved = 5;
    private const int PoolUsed = 7;

    public DevicePointer Allocate(long bytes, StreamHandle stream)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        Enter();
        ulong pointer = 0;
        int code = _api.MemAllocAsync(&pointer, (nuint)bytes, stream.Value);
        if (code != 0)
        {
            Throw(code, "cuMemAllocAsync", null, AllocationDetail(bytes));
        }

        return new DevicePointer(pointer);
    }

    public void Free(DevicePointer pointer, StreamHandle stream)
    {
        Enter();
        Check(_api.MemFreeAsync(pointer.Value, stream.Value), "cuMemFreeAsync");
    }

    public (long Free, long Total) GetMemory()
    {
        MakeCurrent();
        nuint free = 0;
        nuint total = 0;
        Check(_api.MemGetInfo(&free, &total), "cuMemGetInfo");
        return ((long)free, (long)total);
    }

    public PoolStatistics GetPool()
    {
        Enter();
        return new PoolStatistics(GetPoolAttribute(PoolReserved), GetPoolAttribute(PoolUsed));
    }

    public void SetPoolThreshold(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Enter();
        ulong value = (ulong)bytes;
        Check(_api.MemPoolSetAttribute(_pool, PoolThreshold, &value), "cuMemPoolSetAttribute");
    }

    public void TrimPool(long keepBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(keepBytes);
        Enter();
        Check(_api.MemPoolTrimTo(_pool, (nuint)keepBytes), "cuMemPoolTrimTo");
    }

    public void* AllocatePinned(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        MakeCurrent();
        void* memory = null;
        int code = _api.MemAllocHost(&memory, (nuint)bytes);
        if (code != 0)
        {
            Throw(code, "cuMemAllocHost", null, $"Page-locked host memory of {bytes} bytes was asked for.");
        }

        return memory;
    }

    public void FreePinned(void* memory)
    {
        Enter();
        Check(_api.MemFreeHost(memory), "cuMemFreeHost");
    }

    public void CopyToDevice(void* source, DevicePointer target, long bytes, StreamHandle stream)
    {
        Enter();
        Check(_api.MemcpyHtoDAsync(target.Value, source, (nuint)bytes, stream.Value), "cuMemcpyHtoDAsync");
    }

    public void CopyToHost(DevicePointer source, void* target, long bytes, StreamHandle stream)
    {
        Enter();
        Check(_api.MemcpyDtoHAsync(target, source.Value, (nuint)bytes, stream.Value), "cuMemcpyDtoHAsync");
    }

    public void CopyOnDevice(DevicePointer source, DevicePointer target, long bytes, StreamHandle stream)
    {
        Enter();
        Check(_api.MemcpyDtoDAsync(target.Value, source.Value, (nuint)bytes, stream.Value), "cuMemcpyDtoDAsync");
    }

    public void Fill(DevicePointer target, uint word, long count, StreamHandle stream)
    {
        Enter();
        Check(_api.MemsetD32Async(target.Value, word, (nuint)count, stream.Value), "cuMemsetD32Async");
    }

    private long GetPoolAttribute(int attribute)
    {
        ulong value = 0;
        Check(_api.MemPoolGetAttribute(_pool, attribute, &value), "cuMemPoolGetAttribute");
        return (long)value;
    }

    private string AllocationDetail(long bytes)
    {
        nuint free = 0;
        nuint total = 0;
        return _api.MemGetInfo(&free, &total) == 0
            ? $"{bytes} bytes were asked for; {free} of the device's {total} bytes are free."
            : $"{bytes} bytes were asked for.";
    }
}
