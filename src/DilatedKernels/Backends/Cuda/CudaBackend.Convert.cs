namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void Convert(DeviceBuffer x, DeviceBuffer y, long count)
    {
        if (x.ElementType == y.ElementType)
        {
            Copy(x, y, count * x.ElementType.Size());
            return;
        }

        LaunchElementwise(x.ElementType == ElementType.Float32 ? "cast_f32_bf16" : "cast_bf16_f32", count, x, y);
    }
}
