namespace DilatedKernels.Segmentation.Crf;

/// <summary>The memory of a <see cref="CrfRnn"/> that follows from an image's size alone. A lattice's points, which depend on its colours, come on top.</summary>
internal static class CrfMemory
{
    // Scores without the CRF, scores, probabilities, what a kernel makes of them; in a backward pass their gradients, and one more.
    private const int PredictionMaps = 4;
    private const int BackwardMaps = 5;

    // By pixel and corner of the simplex around it: number and weight, once by pixel and once by lattice point. Corners in the five dimensions of
    // position and colour, and in the two of position.
    private const int BytesACorner = 16;
    private const int Corners = 6 + 3;

    /// <summary>Bytes while one image is predicted.</summary>
    public static long Prediction(CrfRnnConfig config, long pixels) => checked(PredictionMaps * MapBytes(config, pixels) + LatticeBytes(config, pixels));

    /// <summary>Bytes in a training step, which keeps every iteration's probabilities of every image.</summary>
    public static long Training(CrfRnnConfig config, long pixels, int batch) => checked(
        ((long)batch * ((config.TrainingIterations * MapBytes(config, pixels)) + LatticeBytes(config, pixels))) + (BackwardMaps * MapBytes(config, pixels)));

    private static long MapBytes(CrfRnnConfig config, long pixels) => pixels * Rows.Stride(config.Classes) * sizeof(float);

    private static long LatticeBytes(CrfRnnConfig config, long pixels) => config.Kernel == CrfKernel.Exact ? 0 : pixels * BytesACorner * Corners;
}
