namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    public override void ReflectionPadForward(in ReflectionPadGeometry geometry, DeviceBuffer x, DeviceBuffer y)
    {
        ReflectionPadGeometry g = geometry;
        float* from = Floats(x);
        float* to = Floats(y);
        int channels = g.In.C;
        long pixel = channels * sizeof(float);
        _pool.For(checked(g.Out.N * g.Out.H), piece =>
        {
            int iy = ReflectionPadGeometry.Source(piece % g.Out.H, g.Top, g.In.H);
            float* source = from + (((((long)(piece / g.Out.H)) * g.In.H) + iy) * g.In.W * channels);
            float* target = to + ((long)piece * g.Out.W * channels);
            for (int ox = 0; ox < g.Left; ox++)
            {
                Buffer.MemoryCopy(source + ((long)(g.Left - ox) * channels), target + ((long)ox * channels), pixel, pixel);
            }

            Buffer.MemoryCopy(source, target + ((long)g.Left * channels), pixel * g.In.W, pixel * g.In.W);
            for (int ox = g.Left + g.In.W; ox < g.Out.W; ox++)
            {
                int ix = ReflectionPadGeometry.Source(ox, g.Left, g.In.W);
                Buffer.MemoryCopy(source + ((long)ix * channels), target + ((long)ox * channels), pixel, pixel);
            }
        });
    }

    public override void ReflectionPadBackward(in ReflectionPadGeometry geometry, DeviceBuffer dy, DeviceBuffer dx)
    {
        ReflectionPadGeometry g = geometry;
        float* from = Floats(dy);
        float* to = Floats(dx);
        int channels = g.In.C;
        _pool.For(checked(g.In.N * g.In.H), piece =>
        {
            int n = piece / g.In.H;
            Span<int> rows = stackalloc int[3];
            Span<int> columns = stackalloc int[3];
            rows = rows[..ReflectionPadGeometry.Images(piece % g.In.H, g.Top, g.Bottom, g.In.H, rows)];
            for (int ix = 0; ix < g.In.W; ix++)
            {
                float* target = to + ((((long)piece * g.In.W) + ix) * channels);
                new Span<float>(target, channels).Clear();
                int count = ReflectionPadGeometry.Images(ix, g.Left, g.Right, g.In.W, columns);
                foreach (int oy in rows)
                {
                    foreach (int ox in columns[..count])
                    {
                        float* source = from + (((((((long)n * g.Out.H) + oy) * g.Out.W) + ox)) * channels);
                        SimdMath.AddScaled(1f, source, target, channels);
                    }
                }
            }
        });
    }
}
