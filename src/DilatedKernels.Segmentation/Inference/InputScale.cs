using System.Numerics;
using System.Runtime.InteropServices;

namespace DilatedKernels.Segmentation.Inference;

/// <summary>Multiplies network input by <see cref="Models.ModelConfig.InputScale"/>.</summary>
internal static class InputScale
{
    public static void Apply(Span<float> values, double scale)
    {
        if (scale == 1)
        {
            return;
        }

        float factor = (float)scale;
        Span<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(values);
        for (int i = 0; i < vectors.Length; i++)
        {
            vectors[i] *= factor;
        }

        for (int i = vectors.Length * Vector<float>.Count; i < values.Length; i++)
        {
            values[i] *= factor;
        }
    }
}
