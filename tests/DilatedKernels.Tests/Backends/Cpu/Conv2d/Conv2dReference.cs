using DilatedKernels.Backends;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d;

/// <summary>Convolution and its gradients as loops in double precision straight from the definition, on channels-last arrays.</summary>
internal static class Conv2dReference
{
    public static double[] Forward(Conv2dGeometry g, float[] x, float[] weight, float[]? bias, bool relu)
    {
        double[] y = new double[g.OutShape.Count];
        for (int i = 0; i < y.Length; i++)
        {
            y[i] = bias is null ? 0 : bias[i % g.OutChannels];
        }

        Visit(g, (xAt, wAt, yAt) =>
        {
            double sum = y[yAt];
            for (int c = 0; c < g.InChannels; c++)
            {
                sum += (double)x[xAt + c] * weight[wAt + c];
            }

            y[yAt] = sum;
        });
        return relu ? [.. y.Select(v => v < 0 ? 0 : v)] : y;
    }

    public static double[] BackwardInput(Conv2dGeometry g, float[] dy, float[] weight)
    {
        double[] dx = new double[g.InShape.Count];
        Visit(g, (xAt, wAt, yAt) =>
        {
            double slope = dy[yAt];
            for (int c = 0; c < g.InChannels; c++)
            {
                dx[xAt + c] += slope * weight[wAt + c];
            }
        });
        return dx;
    }

    public static double[] BackwardWeight(Conv2dGeometry g, float[] x, float[] dy)
    {
        double[] dw = new double[g.WeightShape.Count];
        Visit(g, (xAt, wAt, yAt) =>
        {
            double slope = dy[yAt];
            for (int c = 0; c < g.InChannels; c++)
            {
                dw[wAt + c] += x[xAt + c] * slope;
            }
        });
        return dw;
    }

    /// <summary>‖a − b‖ / ‖b‖.</summary>
    public static double RelativeError(float[] actual, double[] expected) => Error.Relative(actual, expected);

    // Of each output and tap: where the input's channels start, the weights of that tap, and the output.
    private static void Visit(Conv2dGeometry g, Action<int, int, int> taps)
    {
        for (int n = 0; n < g.Batch; n++)
        {
            for (int oy = 0; oy < g.OutHeight; oy++)
            {
                for (int ox = 0; ox < g.OutWidth; ox++)
                {
                    for (int ky = 0; ky < g.KernelHeight; ky++)
                    {
                        int iy = (oy * g.StrideH) - g.PadH + (ky * g.DilationH);
                        for (int kx = 0; kx < g.KernelWidth; kx++)
                        {
                            int ix = (ox * g.StrideW) - g.PadW + (kx * g.DilationW);
                            if (iy < 0 || iy >= g.InHeight || ix < 0 || ix >= g.InWidth)
                            {
                                continue;
                            }

                            for (int k = 0; k < g.OutChannels; k++)
                            {
                                taps(
                                    ((((n * g.InHeight) + iy) * g.InWidth) + ix) * g.InChannels,
                                    ((((k * g.KernelHeight) + ky) * g.KernelWidth) + kx) * g.InChannels,
                                    (((((n * g.OutHeight) + oy) * g.OutWidth) + ox) * g.OutChannels) + k);
                            }
                        }
                    }
                }
            }
        }
    }
}
