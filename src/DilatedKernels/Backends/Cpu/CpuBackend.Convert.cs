namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void Convert(DeviceBuffer x, DeviceBuffer y, long count)
    {
        if (x.ElementType == y.ElementType)
        {
            Copy(x, y, count * x.ElementType.Size());
        }
        else if (x.ElementType == ElementType.Float32)
        {
            float* from = Floats(x);
            ushort* to = Halves(y);
            ForRanges(count, CopyGrain, (begin, end) => BFloat16.Round(new(from + begin, (int)(end - begin)), new(to + begin, (int)(end - begin))));
        }
        else
        {
            ushort* from = Halves(x);
            float* to = Floats(y);
            ForRanges(count, CopyGrain, (begin, end) => BFloat16.Widen(new(from + begin, (int)(end - begin)), new(to + begin, (int)(end - begin))));
        }
    }
}
