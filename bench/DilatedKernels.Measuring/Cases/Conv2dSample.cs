using DilatedKernels.Backends;

namespace DilatedKernels.Measuring;

/// <summary>Single elements of a convolution and its gradients, in double precision, from channels-last arrays.</summary>
internal sealed class Conv2dSample(Conv2dGeometry geometry, float[] x, float[] weight, float[] bias, float[] dy)
{
    public double Output(SampleCheck.Position o, bool relu)
    {
        double sum = bias[o.C];
        for (int ky = 0; ky < geometry.KernelHeight; ky++)
        {
            for (int kx = 0; kx < geometry.KernelWidth; kx++)
            {
                int iy = (o.H * geometry.StrideH) - geometry.PadH + (ky * geometry.DilationH);
                int ix = (o.W * geometry.StrideW) - geometry.PadW + (kx * geometry.DilationW);
                if (iy < 0 || iy >= geometry.InHeight || ix < 0 || ix >= geometry.InWidth)
                {
                    continue;
                }

                long input = X(o.N, iy, ix);
                long tap = Weight(o.C, ky, kx);
                for (int c = 0; c < geometry.InChannels; c++)
                {
                    sum += (double)x[input + c] * weight[tap + c];
                }
            }
        }

        return relu ? Math.Max(sum, 0) : sum;
    }

    public double InputGradient(SampleCheck.Position i)
    {
        double sum = 0;
        for (int ky = 0; ky < geometry.KernelHeight; ky++)
        {
            for (int kx = 0; kx < geometry.KernelWidth; kx++)
            {
                (int oy, int restY) = Math.DivRem(i.H + geometry.PadH - (ky * geometry.DilationH), geometry.StrideH);
                (int ox, int restX) = Math.DivRem(i.W + geometry.PadW - (kx * geometry.DilationW), geometry.StrideW);
                if (restY != 0 || restX != 0 || oy < 0 || oy >= geometry.OutHeight || ox < 0 || ox >= geometry.OutWidth)
                {
                    continue;
                }

                long output = Y(i.N, oy, ox);
                for (int k = 0; k < geometry.OutChannels; k++)
                {
                    sum += (double)dy[output + k] * weight[Weight(k, ky, kx) + i.C];
                }
            }
        }

        return sum;
    }

    public double WeightGradient(SampleCheck.Position w)
    {
        double sum = 0;
        for (int n = 0; n < geometry.Batch; n++)
        {
            for (int oy = 0; oy < geometry.OutHeight; oy++)
            {
                for (int ox = 0; ox < geometry.OutWidth; ox++)
                {
                    int iy = (oy * geometry.StrideH) - geometry.PadH + (w.H * geometry.DilationH);
                    int ix = (ox * geometry.StrideW) - geometry.PadW + (w.W * geometry.DilationW);
                    if (iy >= 0 && iy < geometry.InHeight && ix >= 0 && ix < geometry.InWidth)
                    {
                        sum += (double)dy[Y(n, oy, ox) + w.N] * x[X(n, iy, ix) + w.C];
                    }
                }
            }
        }

        return sum;
    }

    public double BiasGradient(int k)
    {
        double sum = 0;
        for (long p = k; p < dy.Length; p += geometry.OutChannels)
        {
            sum += dy[p];
        }

        return sum;
    }

    private long X(int n, int y, int x1) => ((((long)n * geometry.InHeight) + y) * geometry.InWidth + x1) * geometry.InChannels;

    private long Y(int n, int y, int x1) => ((((long)n * geometry.OutHeight) + y) * geometry.OutWidth + x1) * geometry.OutChannels;

    private long Weight(int k, int ky, int kx) => ((((long)k * geometry.KernelHeight) + ky) * geometry.KernelWidth + kx) * geometry.InChannels;
}
