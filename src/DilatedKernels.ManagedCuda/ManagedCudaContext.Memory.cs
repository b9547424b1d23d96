using ManagedCuda.BasicTypes;
using static ManagedCuda.DriverAPINativeMethods;

namespace DilatedKernels.Cuda;

internal sealed unsafe partial class ManagedCudaContext
{
    public DevicePointer Allocate(long bytes, StreamHandle stream)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        Enter();
        CUdeviceptr pointer = default;
        CUResult result = MemoryManagement.cuMemAllocAsync(ref pointer, new SizeT(bytes), Native(stream));
        if (result != CUResult.Success)
        {
            SizeT free = 0;
            SizeT total = 0;
            string detail = MemoryManagement.cuMemGetInfo_v2(ref free, ref total) == CUResult.Success
                ? $"{bytes} bytes were asked for; {(ulong)free} of the device's {(ulong)total} bytes are free."
                : $"{bytes} bytes were asked for.";
            ManagedCudaError.Throw(result, "cuMemAllocAsync", null, detail);
        }

        return new DevicePointer(pointer.Pointer);
    }

    public void Free(DevicePointer pointer, StreamHandle stream)
    {
        Enter();
        Check(MemoryManagement.cuMemFreeAsync(Native(pointer), Native(stream)), "cuMemFreeAsync");
    }

    public (long Free, long Total) GetMemory()
    {
        MakeCurrent();
        SizeT free = 0;
        SizeT total = 0;
        Check(MemoryManagement.cuMemGetInfo_v2(ref free, ref total), "cuMemGetInfo");
        return ((long)(ulong)free, (long)(ulong)total);
    }

    public PoolStatistics GetPool()
    {
        Enter();
        return new PoolStatistics(GetPoolAttribute(CUmemPool_attribute.ReservedMemCurrent), GetPoolAttribute(CUmemPool_attribute.UsedMemCurrent));
    }

    public void SetPoolThreshold(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Enter();
        ulong value = (ulong)bytes;
        Check(MemoryManagement.cuMemPoolSetAttribute(_pool, CUmemPool_attribute.ReleaseThreshold, ref value), "cuMemPoolSetAttribute");
    }

    public void TrimPool(long keepBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(keepBytes);
        Enter();
        Check(MemoryManagement.cuMemPoolTrimTo(_pool, new SizeT(keepBytes)), "cuMemPoolTrimTo");
    }

    public void* AllocatePinned(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        MakeCurrent();
        nint memory = 0;
        CUResult result = MemoryManagement.cuMemAllocHost_v2(ref memory, new SizeT(bytes));
        if (result != CUResult.Success)
        {
            ManagedCudaError.Throw(result, "cuMemAllocHost", null, $"Page-locked host memory of {bytes} bytes was asked for.");
        }

        return (void*)memory;
    }

    public void FreePinned(void* memory)
    {
        Enter();
        Check(MemoryManagement.cuMemFreeHost((nint)memory), "cuMemFreeHost");
    }

    public void CopyToDevice(void* source, DevicePointer target, long bytes, StreamHandle stream)
    {
        Enter();
        Check(AsynchronousMemcpy_v2.cuMemcpyHtoDAsync_v2(Native(target), (nint)source, new SizeT(bytes), Native(stream)), "cuMemcpyHtoDAsync");
    }

    public void CopyToHost(DevicePointer source, void* target, long bytes, StreamHandle stream)
    {
        Enter();
        Check(AsynchronousMemcpy_v2.cuMemcpyDtoHAsync_v2((nint)target, Native(source), new SizeT(bytes), Native(stream)), "cuMemcpyDtoHAsync");
    }

    public void CopyOnDevice(DevicePointer source, DevicePointer target, long bytes, StreamHandle stream)
    {
        Enter();
        Check(AsynchronousMemcpy_v2.cuMemcpyDtoDAsync_v2(Native(target), Native(source), new SizeT(bytes), Native(stream)), "cuMemcpyDtoDAsync");
    }

    public void Fill(DevicePointer target, uint word, long count, StreamHandle stream)
    {
        Enter();
        Check(MemsetAsync.cuMemsetD32Async(Native(target), word, new SizeT(count), Native(stream)), "cuMemsetD32Async");
    }

    private long GetPoolAttribute(CUmemPool_attribute attribute)
    {
        ulong value = 0;
        Check(MemoryManagement.cuMemPoolGetAttribute(_pool, attribute, ref value), "cuMemPoolGetAttribute");
        return (long)value;
    }
}
