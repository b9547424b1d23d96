using DilatedKernels.Nn;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>
/// Mean-field inference as a layer behind a network's scores, to be trained with it (Zheng et al. 2015): every iteration filters the
/// probabilities with a kernel of position and colour and one of position, weighs them by class, mixes classes by a compatibility matrix and
/// adds the result to the scores. The iterations share their weights. Kernels are divided by their response to ones.
/// </summary>
/// <remarks>
/// It computes on the processor; on another device scores and gradients are copied there and back. The same bits for every number of
/// threads. A forward pass that records keeps one array of the scores' size for each iteration. Several threads may compute with one layer at once, unless
/// one of them updates its parameters.
/// </remarks>
public sealed class CrfRnn : IDisposable
{
    private readonly Pieces _pieces;
    private readonly Parameter[] _parameters;
    private SpatialKernel? _spatial;

    /// <summary>Makes the layer with its initial weights, and −I for compatibility.</summary>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="config">Kernels and iterations.</param>
    /// <param name="name">The parameters are called <c>name.bilateral</c>, <c>name.spatial</c> and <c>name.compatibility</c>.</param>
    /// <param name="threads">Processor threads, or 0 for the device's.</param>
    /// <exception cref="ArgumentException">A number is out of its range.</exception>
    public CrfRnn(Device device, CrfRnnConfig config, string name = "crf", int threads = 0)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentException.ThrowIfNullOrEmpty(name);
        config.Validate();
        Config = config;
        _pieces = new Pieces(threads == 0 ? device.Threads : threads);
        _parameters = [.. ParametersOf(config, name).Select(Create)];
        (BilateralWeight, SpatialWeight, Compatibility) = (_parameters[0], _parameters[1], _parameters[2]);
        // A matrix of one class is a number too.
        Fill(BilateralWeight, (l, m) => l == m || !config.FullKernelWeights ? config.BilateralWeight : 0);
        Fill(SpatialWeight, (l, m) => l == m || !config.FullKernelWeights ? config.SpatialWeight : 0);
        Fill(Compatibility, (l, m) => l == m ? -1 : 0);

        // Weight decay would pull a compatibility towards no CRF at all.
        Parameter Create((string Name, Shape Shape) parameter, int index) => new(parameter.Name, Tensor.Zeros(device, parameter.Shape))
        {
            LearningRateMultiplier = (float)(index == 2 ? config.LearningRateMultiplier / 10 : config.LearningRateMultiplier),
            WeightDecayMultiplier = 0,
        };

        static void Fill(Parameter parameter, Func<int, int, double> value)
        {
            Shape shape = parameter.Value.Shape;
            parameter.Value.SetArray([.. Enumerable.Range(0, (int)shape.Count).Select(i => (float)value(i / shape.C, i % shape.C))]);
        }
    }

    /// <summary>Kernels and iterations.</summary>
    public CrfRnnConfig Config { get; }

    /// <summary>Weights of the kernel of position and colour, <c>[1, C, 1, 1]</c>, or <c>[C, C, 1, 1]</c> with <see cref="CrfRnnConfig.FullKernelWeights"/>.</summary>
    public Parameter BilateralWeight { get; }

    /// <summary>Weights of the kernel of position, of the same shape.</summary>
    public Parameter SpatialWeight { get; }

    /// <summary>μ <c>[C, C, 1, 1]</c>: <c>μ(l, m)</c> is what class l pays next to class m.</summary>
    public Parameter Compatibility { get; }

    /// <summary>All parameters.</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The scores after the CRF, not normalised, for a loss or a softmax.</summary>
    /// <param name="scores">The network's scores <c>[N, C, H, W]</c>.</param>
    /// <param name="image">The images <c>[N, 3, H, W]</c>, of the scores' resolution. Only differences of colours count, so a mean may be subtracted; they get no gradient.</param>
    /// <param name="context">Training or prediction: which number of iterations.</param>
    /// <returns><c>[N, C, H, W]</c>, of the scores' type.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit each other or C, or the image has a value that is not finite.</exception>
    public Tensor Forward(Tensor scores, Tensor image, ForwardContext context) => Forward(
        scores, image, BilateralWeight.Value, SpatialWeight.Value, Compatibility.Value, context.IsTraining ? Config.TrainingIterations : Config.TestIterations);

    /// <summary>Gives the parameters' memory back.</summary>
    public void Dispose()
    {
        foreach (Parameter parameter in _parameters)
        {
            parameter.Dispose();
        }
    }

    /// <summary>The names and shapes of a layer's parameters, without making one.</summary>
    internal static IReadOnlyList<(string Name, Shape Shape)> ParametersOf(CrfRnnConfig config, string name)
    {
        Shape kernel = config.FullKernelWeights ? Matrix(config.Classes) : Shape.PerChannel(config.Classes);
        return [($"{name}.bilateral", kernel), ($"{name}.spatial", kernel), ($"{name}.compatibility", Matrix(config.Classes))];
    }

    /// <summary>The layer with parameters from elsewhere.</summary>
    internal Tensor Forward(Tensor scores, Tensor image, Tensor bilateral, Tensor spatial, Tensor compatibility, int iterations)
    {
        CheckShapes(scores, image);
        Shape shape = scores.Shape;
        Tensor[] inputs = [scores, bilateral, spatial, compatibility];
        bool records = Tape.Current is { IsRecording: true } && inputs.Any(input => input.RequiresGradient);
        var weights = new Weights(shape.C, bilateral.ToArray(), spatial.ToArray(), compatibility.ToArray());
        float[] values = scores.ToChannelsLast();
        float[] colors = image.ToChannelsLast();
        float[] result = new float[values.Length];
        int points = shape.H * shape.W;
        int length = points * shape.C;
        var passes = new List<(MeanField Field, List<float[]> History)>();
        for (int n = 0; n < shape.N; n++)
        {
            var field = new MeanField(points, shape.C, [Bilateral(shape, colors, n), Spatial(shape)], weights.Couplings, _pieces);
            List<float[]>? history = records ? [] : null;
            Rows.Unpad(field.Scores(Rows.Pad(values.AsSpan(n * length, length), points, shape.C), iterations, history), result.AsSpan(n * length, length), shape.C);
            if (history is not null)
            {
                passes.Add((field, history));
            }
        }

        return Ops.Custom(inputs, shape, result, gradient => Backward(shape, weights, passes, gradient));
    }

    private static float[][] Backward(Shape shape, Weights weights, List<(MeanField Field, List<float[]> History)> passes, float[] gradient)
    {
        int points = shape.H * shape.W;
        int length = points * shape.C;
        float[] scores = new float[gradient.Length];
        double[][] couplings = [new double[shape.C * shape.C], new double[shape.C * shape.C]];
        for (int n = 0; n < passes.Count; n++)
        {
            (MeanField field, List<float[]> history) = passes[n];
            (float[] unary, double[][] matrices) = field.Backward(history, Rows.Pad(gradient.AsSpan(n * length, length), points, shape.C));
            Rows.Unpad(unary, scores.AsSpan(n * length, length), shape.C);
            for (int k = 0; k < couplings.Length; k++)
            {
                for (int i = 0; i < couplings[k].Length; i++)
                {
                    couplings[k][i] += matrices[k][i];
                }
            }
        }

        return [scores, .. weights.Gradients(couplings)];
    }

    private static Shape Matrix(int classes) => new(classes, classes, 1, 1);

    private void CheckShapes(Tensor scores, Tensor image)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(image);
        Shape shape = scores.Shape;
        if (shape.C != Config.Classes)
        {
            throw new ArgumentException($"The CRF has {Config.Classes} classes; the scores {shape} have {shape.C}.", nameof(scores));
        }

        if (image.Shape != new Shape(shape.N, 3, shape.H, shape.W))
        {
            throw new ArgumentException($"The scores {shape} need an image [{shape.N}, 3, {shape.H}, {shape.W}]; it was {image.Shape}.", nameof(image));
        }
    }

    private GaussianFilter Spatial(Shape shape)
    {
        // Another thread may come with another size meanwhile.
        SpatialKernel? kept = _spatial;
        if (kept is null || (kept.Width, kept.Height) != (shape.W, shape.H))
        {
            kept = new SpatialKernel(shape.W, shape.H, Create(PixelFeatures.Spatial(shape.W, shape.H, Config.SpatialSigma)));
            _spatial = kept;
        }

        return kept.Filter;
    }

    private GaussianFilter Bilateral(Shape shape, float[] colors, int image)
    {
        int start = image * shape.H * shape.W;
        return Create(PixelFeatures.Bilateral(
            shape.W, shape.H, i => (colors[3 * (start + i)], colors[(3 * (start + i)) + 1], colors[(3 * (start + i)) + 2]), Config.BilateralSigma, Config.ColorSigma));
    }

    private GaussianFilter Create(PixelFeatures features) => new(
        Config.Kernel == CrfKernel.Exact ? new ExactKernel(features, _pieces) : new PermutohedralLattice(features, _pieces), CrfNormalization.Response);

    /// <summary>The kernel of position, which all images of a size share.</summary>
    private sealed record SpatialKernel(int Width, int Height, GaussianFilter Filter);

    /// <summary>The learned numbers of one pass: W of each kernel, by class or as a matrix, and μ.</summary>
    private sealed class Weights(int classes, float[] bilateral, float[] spatial, float[] compatibility)
    {
        private readonly float[][] _kernels = [bilateral, spatial];

        /// <summary><c>A = −μ·W</c> for each kernel.</summary>
        public Coupling[] Couplings => [.. _kernels.Select(kernel => Coupling.Full(classes, (l, m) => IsFull(kernel)
            ? -Enumerable.Range(0, classes).Sum(k => (double)compatibility[(l * classes) + k] * kernel[(k * classes) + m])
            : -(double)compatibility[(l * classes) + m] * kernel[m]))];

        /// <summary><c>dW = −μᵀ·dA</c> for each kernel, and <c>dμ = −Σ dA·Wᵀ</c>.</summary>
        public float[][] Gradients(double[][] couplings)
        {
            double[] mu = new double[classes * classes];
            var result = new List<float[]>();
            for (int k = 0; k < couplings.Length; k++)
            {
                double[] gradient = couplings[k];
                float[] kernel = _kernels[k];
                float[] weight = new float[kernel.Length];
                for (int i = 0; i < weight.Length; i++)
                {
                    (int row, int column) = IsFull(kernel) ? (i / classes, i % classes) : (i, i);
                    weight[i] = (float)-Enumerable.Range(0, classes).Sum(l => compatibility[(l * classes) + row] * gradient[(l * classes) + column]);
                }

                result.Add(weight);
                for (int i = 0; i < mu.Length; i++)
                {
                    (int l, int m) = (i / classes, i % classes);
                    mu[i] -= IsFull(kernel)
                        ? Enumerable.Range(0, classes).Sum(j => gradient[(l * classes) + j] * kernel[(m * classes) + j])
                        : gradient[i] * kernel[m];
                }
            }

            result.Add(Array.ConvertAll(mu, value => (float)value));
            return [.. result];
        }

        // One class has one weight either way.
        private bool IsFull(float[] kernel) => kernel.Length > classes;
    }
}
