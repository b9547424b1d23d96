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

        Visit(g, (xAt, wAt, yAt) => y[yAt] += (double)x[xAt] * weight[wAt]);
        return relu ? [.. y.Select(v => v < 0 ? 0 : v)] : y;
    }

    public static double[] BackwardInput(Conv2dGeometry g, float[] dy, float[] weight)
    {
        double[] dx = new double[g.InShape.Count];
        Visit(g, (xAt, wAt, yAt) => dx[xAt] += (double)dy[yAt] * weight[wAt]);
        return dx;
    }

    public static double[] BackwardWeight(Conv2dGeometry g, float[] x, float[] dy)
    {
        double[] dw = new double[g.WeightShape.Count];
        Visit(g, (xAt, wAt, yAt) => dw[wAt] += (double)x[xAt] * dy[yAt]);
        return dw;
    }

    /// <summary>‖a − b‖ / ‖b‖.</summary>
    public static double RelativeError(float[] actual, double[] expected) => Error.Relative(actual, expected);

    private static void Visit(Conv2dGeometry g, Action<int, int, int> term)
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
                                for (int c = 0; c < g.InChannels; c++)
                                {
                                    term(
                                        (((((n * g.InHeight) + iy) * g.InWidth) + ix) * g.InChannels) + c,
                                        (((((k * g.KernelHeight) + ky) * g.KernelWidth) + kx) * g.InChannels) + c,
                                        (((((n * g.OutHeight) + oy) * g.OutWidth) + ox) * g.OutChannels) + k);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
