namespace DilatedKernels.Segmentation.Crf;

/// <summary>A CRF whose weights are learned with the network (Zheng et al. 2015). The widths of its kernels are not.</summary>
public sealed record CrfRnnConfig
{
    /// <summary>C, 1 to 255.</summary>
    public required int Classes { get; init; }

    /// <summary>σ_α, the reach of the kernel of position and colour, 0.1 to 100,000 pixels.</summary>
    public double BilateralSigma { get; init; } = 160;

    /// <summary>σ_β, how different colours may be, 0.1 to 100,000, in the unit of the image that is given.</summary>
    public double ColorSigma { get; init; } = 3;

    /// <summary>σ_γ, the reach of the kernel of position alone, 0.1 to 100,000 pixels.</summary>
    public double SpatialSigma { get; init; } = 3;

    /// <summary>The initial weight of the kernel of position and colour, of every class, 0 to 10,000.</summary>
    public double BilateralWeight { get; init; } = 5;

    /// <summary>The initial weight of the kernel of position alone, of every class, 0 to 10,000.</summary>
    public double SpatialWeight { get; init; } = 3;

    /// <summary>Iterations while training, 1 to 1000.</summary>
    public int TrainingIterations { get; init; } = 5;

    /// <summary>Iterations in prediction, 1 to 1000.</summary>
    public int TestIterations { get; init; } = 10;

    /// <summary>Whether each kernel has a C×C matrix of weights instead of one weight a class.</summary>
    public bool FullKernelWeights { get; init; }

    /// <summary>
    /// Factor on the learning rate of the kernels' weights, 0.0001 to 10,000; the compatibility's is a tenth of it. The authors' release has 10,000 and
    /// 1000 with plain gradient descent; Adam's steps have the size of the rate, whatever the gradient's.
    /// </summary>
    public double LearningRateMultiplier { get; init; } = 10;

    /// <summary>How the kernels are computed.</summary>
    public CrfKernel Kernel { get; init; }

    /// <summary>The layer that starts from a CRF's weights and has its kernels.</summary>
    /// <param name="crf">The CRF; its normalization, floor and compatibility have no counterpart in the layer and do not count.</param>
    /// <param name="classes">C.</param>
    public static CrfRnnConfig From(DenseCrfConfig crf, int classes)
    {
        ArgumentNullException.ThrowIfNull(crf);
        return new CrfRnnConfig
        {
            Classes = classes,
            BilateralSigma = crf.BilateralSigma,
            ColorSigma = crf.ColorSigma,
            SpatialSigma = crf.SpatialSigma,
            BilateralWeight = crf.BilateralWeight,
            SpatialWeight = crf.SpatialWeight,
            TestIterations = crf.Iterations,
            Kernel = crf.Kernel,
        };
    }

    /// <summary>Checks that every number is in its range.</summary>
    /// <exception cref="ArgumentException">One is not; the message names it and the range.</exception>
    public void Validate()
    {
        DenseCrfConfig.Range(Classes, 1, 255, nameof(Classes));
        DenseCrfConfig.Range(TrainingIterations, 1, DenseCrfConfig.MostIterations, nameof(TrainingIterations));
        DenseCrfConfig.Range(TestIterations, 1, DenseCrfConfig.MostIterations, nameof(TestIterations));
        DenseCrfConfig.Range(LearningRateMultiplier, 1e-4, 1e4, nameof(LearningRateMultiplier));
        new DenseCrfConfig
        {
            BilateralSigma = BilateralSigma,
            ColorSigma = ColorSigma,
            SpatialSigma = SpatialSigma,
            BilateralWeight = BilateralWeight,
            SpatialWeight = SpatialWeight,
            Kernel = Kernel,
        }.Validate();
    }
}
