using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver;

/// <summary>The contract on this machine's GPU, through libcuda.</summary>
[Category("Gpu")]
public sealed class LibCudaGpuTests : CudaDriverContract
{
    /// <summary>The contract's kernel as PTX text, which every device and driver since CUDA 10.2 takes.</summary>
    internal static ReadOnlySpan<byte> Ptx => """
        .version 6.5
        .target sm_75
        .address_size 64
        .visible .entry add_f32(.param .u64 x, .param .u64 z, .param .u64 y, .param .u64 count)
        {
            .reg .pred %p;
            .reg .b32 %i<3>;
            .reg .b64 %a<6>;
            .reg .f32 %v<2>;
            mov.u32 %i0, %ctaid.x;
            mov.u32 %i1, %ntid.x;
            mov.u32 %i2, %tid.x;
            mad.lo.u32 %i0, %i0, %i1, %i2;
            cvt.u64.u32 %a0, %i0;
            ld.param.u64 %a1, [count];
            setp.ge.u64 %p, %a0, %a1;
            @%p bra DONE;
            shl.b64 %a0, %a0, 2;
            ld.param.u64 %a2, [x];
            ld.param.u64 %a3, [z];
            ld.param.u64 %a4, [y];
            add.u64 %a2, %a2, %a0;
            add.u64 %a3, %a3, %a0;
            add.u64 %a4, %a4, %a0;
            ld.f32 %v0, [%a2];
            ld.f32 %v1, [%a3];
            add.rn.f32 %v0, %v0, %v1;
            st.f32 [%a4], %v0;
        DONE:
            ret;
        }
        """u8;

    protected override ReadOnlySpan<byte> KernelImage => Ptx;

    protected override bool HasTensorMaps => Driver.GetProperty(0, DeviceProperty.TensorMaps) == 1;

    protected override ICudaDriver OpenDriver()
    {
        if (!LibCudaDriver.TryOpen(out LibCudaDriver? driver, out string reason))
        {
            Assert.Ignore(reason);
        }

        return driver!;
    }
}
