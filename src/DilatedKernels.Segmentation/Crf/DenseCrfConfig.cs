using System.Globalization;
using System.Text.Json;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// The energy and the inference of a dense CRF (Krähenbühl and Koltun 2011). Two pixels of different classes pay
/// <c>w₁·exp(−|p_i − p_j|²/2σ_α² − |I_i − I_j|²/2σ_β²) + w₂·exp(−|p_i − p_j|²/2σ_γ²)</c>, each kernel normalised, with positions p in pixels and
/// colours I from 0 to 255; a pixel pays −log of its probability. The kernels contain the pixel itself, as in the authors' release.
/// </summary>
/// <remarks>Two records that hold equal matrices are not equal by <c>==</c>: lists compare by reference.</remarks>
public sealed record DenseCrfConfig
{
    internal const double LeastSigma = 0.1;
    internal const double MostSigma = 1e5;
    internal const double MostWeight = 1e4;
    internal const int MostIterations = 1000;

    /// <summary>DeepLab's script: 4, 49, 5 and 3, 3; ten iterations. The default.</summary>
    public static DenseCrfConfig DeepLab { get; } = new();

    /// <summary>DeepLab v2 on VGG-16: 4, 65, 3 and 2, 2.</summary>
    public static DenseCrfConfig DeepLabV2Vgg { get; } = new() { BilateralSigma = 65, ColorSigma = 3, SpatialWeight = 2, SpatialSigma = 2 };

    /// <summary>DeepLab v2 on ResNet-101: 4, 67, 3 and 3, 1.</summary>
    public static DenseCrfConfig DeepLabV2ResNet { get; } = new() { BilateralSigma = 67, ColorSigma = 3, SpatialSigma = 1 };

    /// <summary>The example of the authors' release: 10, 80, 13 and 3, 3; five iterations.</summary>
    public static DenseCrfConfig DenseCrfDemo { get; } = new() { BilateralWeight = 10, BilateralSigma = 80, ColorSigma = 13, Iterations = 5 };

    /// <summary>What CRF-RNN starts from: 5, 160, 3 and 3, 3, divided by the response; ten iterations.</summary>
    public static DenseCrfConfig CrfRnn { get; } = new()
    {
        BilateralWeight = 5,
        BilateralSigma = 160,
        ColorSigma = 3,
        Normalization = CrfNormalization.Response,
    };

    /// <summary>The sets above by the names that people type.</summary>
    public static IReadOnlyDictionary<string, DenseCrfConfig> Known { get; } = new SortedDictionary<string, DenseCrfConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["deeplab"] = DeepLab,
        ["deeplab-v2-vgg"] = DeepLabV2Vgg,
        ["deeplab-v2-resnet"] = DeepLabV2ResNet,
        ["densecrf-demo"] = DenseCrfDemo,
        ["crf-rnn"] = CrfRnn,
    };

    /// <summary>w₁, of the kernel of position and colour, 0 to 10,000. With 0 the kernel is left out.</summary>
    public double BilateralWeight { get; init; } = 4;

    /// <summary>σ_α, how far apart pixels of like colour still speak to each other, 0.1 to 100,000 pixels.</summary>
    public double BilateralSigma { get; init; } = 49;

    /// <summary>σ_β, how different their colours may be, 0.1 to 100,000.</summary>
    public double ColorSigma { get; init; } = 5;

    /// <summary>w₂, of the kernel of position alone, 0 to 10,000. With 0 the kernel is left out.</summary>
    public double SpatialWeight { get; init; } = 3;

    /// <summary>σ_γ, its reach, 0.1 to 100,000 pixels.</summary>
    public double SpatialSigma { get; init; } = 3;

    /// <summary>Mean-field iterations, 0 to 1000. After five little changes.</summary>
    public int Iterations { get; init; } = 10;

    /// <summary>What the filters are divided by.</summary>
    public CrfNormalization Normalization { get; init; }

    /// <summary>How the filters are computed.</summary>
    public CrfKernel Kernel { get; init; }

    /// <summary>Probabilities below this count as this, above 0 and at most 0.1, so that no class is ruled out for good. 1e-5 by default.</summary>
    public double ProbabilityFloor { get; init; } = 1e-5;

    /// <summary>
    /// μ, row by row, C×C numbers from −10,000 to 10,000: <c>μ[l·C + m]</c> is what class l pays next to class m. Null, the default, is Potts: 1 between
    /// different classes, 0 within one.
    /// </summary>
    public IReadOnlyList<double>? Compatibility { get; init; }

    /// <summary>Reads what <see cref="ToJson"/> wrote. What the text leaves out has its default; a property that does not exist is an error.</summary>
    /// <param name="json">The text.</param>
    /// <exception cref="ArgumentException">The text is no JSON, or a number is out of its range.</exception>
    public static DenseCrfConfig FromJson(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            DenseCrfConfig config = CrfJson.Read(json);
            config.Validate();
            return config;
        }
        // Half of a UTF-16 pair is an invalid operation to a tree of nodes.
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new ArgumentException($"The CRF's parameters are no valid JSON: {JsonErrors.Describe(exception, ofTree: true)}", nameof(json), exception);
        }
    }

    /// <summary>Writes the parameters as JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, CrfJson.Default.DenseCrfConfig);

    /// <summary>Checks that every number is in its range.</summary>
    /// <exception cref="ArgumentException">One is not; the message names it and the range.</exception>
    public void Validate()
    {
        Range(BilateralWeight, 0, MostWeight, nameof(BilateralWeight));
        Range(BilateralSigma, LeastSigma, MostSigma, nameof(BilateralSigma));
        Range(ColorSigma, LeastSigma, MostSigma, nameof(ColorSigma));
        Range(SpatialWeight, 0, MostWeight, nameof(SpatialWeight));
        Range(SpatialSigma, LeastSigma, MostSigma, nameof(SpatialSigma));
        Range(Iterations, 0, MostIterations, nameof(Iterations));
        That(ProbabilityFloor is > 0 and <= 0.1, string.Create(CultureInfo.InvariantCulture, $"ProbabilityFloor is above 0 and at most 0.1; it was {ProbabilityFloor}."));
        That(Enum.IsDefined(Normalization), $"Normalization is Symmetric or Response; it was {Normalization}.");
        That(Enum.IsDefined(Kernel), $"Kernel is Lattice or Exact; it was {Kernel}.");
        That(Compatibility is null || Compatibility.All(mu => Math.Abs(mu) <= MostWeight), string.Create(CultureInfo.InvariantCulture, $"every number of Compatibility is from {-MostWeight} to {MostWeight}."));
    }

    internal static void Range(double value, double least, double most, string name) =>
        That(value >= least && value <= most, string.Create(CultureInfo.InvariantCulture, $"{name} is from {least} to {most}; it was {value}."));

    private static void That(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException($"The CRF's parameters are wrong: {message}");
        }
    }
}
