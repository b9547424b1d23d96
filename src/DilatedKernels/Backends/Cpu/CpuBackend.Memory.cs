namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    private const long CopyGrain = 1 << 16;

    public override void Upload(ReadOnlySpan<byte> source, DeviceBuffer target) => source.CopyTo(new Span<byte>(Bytes(target), source.Length));

    public override void Download(DeviceBuffer source, Span<byte> target) => new ReadOnlySpan<byte>(Bytes(source), target.Length).CopyTo(target);

    public override void Copy(DeviceBuffer source, DeviceBuffer target, long bytes)
    {
        byte* from = Bytes(source);
        byte* to = Bytes(target);
        ForRanges(bytes, CopyGrain * sizeof(float), (begin, end) => Buffer.MemoryCopy(from + begin, to + begin, end - begin, end - begin));
    }

    public override void CopyBlock(in BlockCopy block, DeviceBuffer source, DeviceBuffer target)
    {
        byte* from = Bytes(source);
        byte* to = Bytes(target);
        BlockCopy b = block;
        long element = source.ElementType.Size();
        _pool.For(checked(b.Extent.N * b.Extent.H), piece =>
        {
            int n = piece / b.Extent.H;
            int h = piece % b.Extent.H;
            byte* sourceRow = from + (Offset(b.Source, b.SourceOffset, n, h) * element);
            byte* targetRow = to + (Offset(b.Target, b.TargetOffset, n, h) * element);
            long bytes = b.Extent.C * element;
            if (b.Extent.C == b.Source.C && b.Extent.C == b.Target.C)
            {
                Buffer.MemoryCopy(sourceRow, targetRow, bytes * b.Extent.W, bytes * b.Extent.W);
                return;
            }

            for (int w = 0; w < b.Extent.W; w++)
            {
                Buffer.MemoryCopy(sourceRow + ((long)w * b.Source.C * element), targetRow + ((long)w * b.Target.C * element), bytes, bytes);
            }
        });

        static long Offset(Shape shape, Shape start, int n, int h) =>
            (((((long)(start.N + n) * shape.H) + start.H + h) * shape.W) + start.W) * shape.C + start.C;
    }

    public override void Fill(DeviceBuffer target, long count, float value)
    {
        if (target.ElementType == ElementType.BFloat16)
        {
            ushort rounded = BFloat16.Round(value);
            ushort* halves = Halves(target);
            ForRanges(count, CopyGrain, (begin, end) => new Span<ushort>(halves + begin, (int)(end - begin)).Fill(rounded));
            return;
        }

        float* to = Floats(target);
        ForRanges(count, CopyGrain, (begin, end) => new Span<float>(to + begin, (int)(end - begin)).Fill(value));
    }
}
