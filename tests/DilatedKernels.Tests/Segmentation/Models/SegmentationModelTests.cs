using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Models;

public class SegmentationModelTests
{
    private const int Classes = 3;

    [Test]
    public void ANetworkBeyondAllMemoryIsRefusedBeforeItIsTaken()
    {
        var config = new ModelConfig
        {
            Name = "huge",
            FrontEnd = new FrontEndConfig { Classes = Classes, Stages = [new Stage(1, 65536, PoolAfter: true)], FcKernel = 7, FcChannels = 65536 },
        };
        Assert.That(
            () => SegmentationModel.Create(Device.Cpu, config, seed: 1),
            Throws.TypeOf<InsufficientMemoryException>().With.Message.Match(@"^The network has 214,\d{3},\d{3},\d{3} weights and biases, \d+\.\d MiB; \d+\.\d MiB is free\. One of a smaller width would fit\.$"));
    }

    [Test]
    public void IdentityBasicContextHandsNonNegativeScoresOnExactly([Values] ContextPadding padding, [Values] PaddingMode mode)
    {
        using SegmentationModel model = ContextOnly(ContextConfig.Basic(Classes) with { Padding = padding, PaddingMode = mode });
        float[] scores = Scores(70, seed: 1, value => Math.Abs(value));
        CheckIdentity(model, scores, 70, padding == ContextPadding.None ? 33 : 0, value => value);
    }

    [Test]
    public void IdentityLargeContextHandsNonNegativeScoresOn([Values] ContextPadding padding, [Values] ConvolutionAlgorithm algorithm)
    {
        using SegmentationModel model = ContextOnly(ContextConfig.Large(Classes) with { Padding = padding, Noise = 0 }, algorithm);
        // Sums of up to 32 equal terms are exact for values of few bits.
        float[] scores = Scores(70, seed: 2, value => MathF.Round(Math.Abs(value) * 256) / 256);
        CheckIdentity(model, scores, 70, padding == ContextPadding.None ? 33 : 0, value => value, IsExact(algorithm));
    }

    [Test]
    public void NegativeScoresBecomeZero([Values(ContextKind.Basic, ContextKind.Large)] ContextKind kind, [Values] ConvolutionAlgorithm algorithm)
    {
        using SegmentationModel model = ContextOnly(new ContextConfig { Classes = Classes, Kind = kind }, algorithm);
        float[] scores = Scores(40, seed: 3, value => MathF.Round(value * 256) / 256);
        Assert.That(scores.Count(value => value < 0), Is.GreaterThan(1000));
        CheckIdentity(model, scores, 40, 0, value => Math.Max(value, 0), IsExact(algorithm));
    }

    [Test]
    public void ContextSeesExactly67Cells()
    {
        using SegmentationModel model = ContextOnly(ContextConfig.Basic(Classes) with { Initialization = ContextInitialization.He, Padding = ContextPadding.PerLayer });
        const int Size = 75;
        using Tensor zero = Tensor.Zeros(Device.Cpu, new Shape(1, Classes, Size, Size));
        float[] one = new float[Classes * Size * Size];
        one[(Size / 2 * Size) + (Size / 2)] = 1;
        using Tensor impulse = Tensor.FromArray(Device.Cpu, zero.Shape, one);
        using Tape tape = Tape.Inference();
        // Random weights: an input inside the field changes some channel, one outside can change none.
        float[] response = model.Forward(impulse, ForwardContext.Inference).ToArray();
        int[] rows = [.. Enumerable.Range(0, response.Length).Where(i => response[i] != 0).Select(i => i / Size % Size).Distinct().Order()];
        Assert.That((rows[0], rows[^1]), Is.EqualTo(((Size / 2) - 33, (Size / 2) + 33)));
    }

    [TestCase(PoolRounding.Floor)]
    [TestCase(PoolRounding.Ceiling)]
    public void ForwardHasTheSummarysShape(PoolRounding rounding)
    {
        ModelConfig config = Tiny() with { FrontEnd = FrontEndConfig.Vgg16(Classes, 1.0 / 64) with { PoolRounding = rounding } };
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, seed: 1);
        foreach (Size2 size in (Size2[])[380, new Size2(388, 399), new Size2(401, 383)])
        {
            using Tensor x = Tensor.Zeros(Device.Cpu, new Shape(1, 3, size.Height, size.Width));
            using Tape tape = Tape.Inference();
            Shape shape = model.Forward(x, ForwardContext.Inference).Shape;
            Assert.Multiple(() =>
            {
                Assert.That(shape, Is.EqualTo(ModelSummary.Of(config, size).Output));
                Assert.That(new Size2(shape.H, shape.W), Is.EqualTo(model.OutputSize(size)));
            });
        }
    }

    [Test]
    public void InputScaleIsPartOfTheNetwork()
    {
        ModelConfig plain = new() { Name = "plain", FrontEnd = FrontEndConfig.Small(Classes, 4) };
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, plain, seed: 1);
        using SegmentationModel scaled = SegmentationModel.Create(Device.Cpu, plain with { InputScale = 0.25 }, seed: 1);
        float[] pixels = Scores(80, seed: 6, value => value);
        using Tensor x = Tensor.FromArray(Device.Cpu, new Shape(1, 3, 80, 80), pixels);
        using Tensor quarter = Tensor.FromArray(Device.Cpu, new Shape(1, 3, 80, 80), [.. pixels.Select(value => value / 4)]);
        using Tape tape = Tape.Inference();
        Assert.That(
            scaled.Forward(x, ForwardContext.Inference).ToArray(),
            Is.EqualTo(model.Forward(quarter, ForwardContext.Inference).ToArray()));
        Assert.That(ModelSummary.Of(scaled.Config, 80).Layers[0].Kind, Is.EqualTo("scale"));
    }

    [Test]
    public void UpsamplingInTheNetworkGivesPixels()
    {
        ModelConfig config = new() { Name = "up", FrontEnd = FrontEndConfig.Small(Classes, 4), Context = SmallContext(), UpsampleInNetwork = true };
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, seed: 1);
        using Tensor x = Tensor.Zeros(Device.Cpu, new Shape(2, 3, 100, 108));
        using Tape tape = Tape.Inference();
        Assert.Multiple(() =>
        {
            Assert.That(model.Forward(x, ForwardContext.Inference).Shape, Is.EqualTo(new Shape(2, Classes, 24, 32)));
            Assert.That(model.Stride, Is.EqualTo(4));
            Assert.That(model.OutputStride, Is.EqualTo(1));
            Assert.That(model.Margin, Is.EqualTo(38));
        });
    }

    [Test]
    public void TheSummaryCountsTheModelsParameters()
    {
        ModelConfig config = Tiny();
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, seed: 1);
        ModelSummary summary = ModelSummary.Of(config, 400);
        Assert.That(model.Parameters.Sum(parameter => parameter.Value.Shape.Count), Is.EqualTo(summary.Parameters));
        Assert.That((model.ReceptiveField, model.Margin, model.Stride), Is.EqualTo((summary.ReceptiveField, summary.Margin, summary.Stride)));
    }

    [Test]
    public void ParametersBearTheFieldsNamesAndRecipe()
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, Tiny(), seed: 1);
        string[] names = [.. model.Parameters.Select(parameter => parameter.Name)];
        Assert.Multiple(() =>
        {
            Assert.That(names[..2], Is.EqualTo(new[] { "conv1_1.weight", "conv1_1.bias" }));
            Assert.That(names, Does.Contain("conv5_3.weight").And.Contain("fc6.weight").And.Contain("fc7.bias").And.Contain("final.weight"));
            Assert.That(names[^1], Is.EqualTo("context.conv8.bias"));
            Assert.That(names, Is.Unique);
            Assert.That(model.Parameters.Where(parameter => parameter.Name.EndsWith("bias", StringComparison.Ordinal)).Select(parameter => (parameter.LearningRateMultiplier, parameter.WeightDecayMultiplier)), Is.All.EqualTo((2f, 0f)));
            Assert.That(model.Parameters.Where(parameter => parameter.Name.EndsWith("weight", StringComparison.Ordinal)).Select(parameter => (parameter.LearningRateMultiplier, parameter.WeightDecayMultiplier)), Is.All.EqualTo((1f, 1f)));
        });
    }

    [Test]
    public void AFrozenFrontEndGetsNoGradientAndTheContextDoes()
    {
        ModelConfig config = new() { Name = "joint", FrontEnd = FrontEndConfig.Small(Classes, 4) with { Dropout = 0.5f }, Context = SmallContext() };
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, seed: 1);
        model.SetFrontEndTrainable(false);
        Step(model);
        Assert.Multiple(() =>
        {
            Assert.That(model.FrontEnd!.Parameters.Select(parameter => parameter.Gradient), Is.All.Null);
            Assert.That(model.Context!.Parameters.Select(parameter => parameter.Gradient), Is.All.Not.Null);
        });

        model.SetFrontEndTrainable(true);
        Step(model);
        Assert.That(model.FrontEnd!.Parameters.Select(parameter => parameter.Gradient), Is.All.Not.Null);
    }

    [Test]
    public void FreshWeightsStartNearLnC()
    {
        ModelConfig config = new() { Name = "fresh", FrontEnd = FrontEndConfig.Small(Classes), Context = SmallContext() with { Noise = 0.01 }, InputScale = 1.0 / 64 };
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, seed: 1);
        Assert.That(Step(model), Is.EqualTo(Math.Log(Classes)).Within(0.1));
    }

    [Test]
    public void WrongInputsAreNamed()
    {
        using SegmentationModel model = ContextOnly(ContextConfig.Basic(Classes) with { PaddingMode = PaddingMode.Reflect });
        using Tensor channels = Tensor.Zeros(Device.Cpu, new Shape(1, 4, 66, 66));
        using Tensor small = Tensor.Zeros(Device.Cpu, new Shape(1, Classes, 33, 66));
        Assert.Multiple(() =>
        {
            Assert.That(() => model.Forward(channels, ForwardContext.Inference), Throws.ArgumentException.With.Message.Contains("takes 3 channels"));
            Assert.That(() => model.Forward(small, ForwardContext.Inference), Throws.ArgumentException.With.Message.Contains("context.pad mirrors 33 cells").And.Message.Contains("34×34"));
            Assert.That(() => model.SetFrontEndTrainable(false), Throws.InvalidOperationException.With.Message.Contains("no front end"));
        });
    }

    private static ModelConfig Tiny() => new()
    {
        Name = "tiny",
        FrontEnd = FrontEndConfig.Vgg16(Classes, 1.0 / 64),
        Context = ContextConfig.Basic(Classes),
    };

    private static ContextConfig SmallContext() => ContextConfig.Basic(Classes) with { Dilations = [1, 2, 1] };

    private static SegmentationModel ContextOnly(ContextConfig context, ConvolutionAlgorithm algorithm = ConvolutionAlgorithm.Automatic) =>
        SegmentationModel.Create(algorithm == ConvolutionAlgorithm.Automatic ? Device.Cpu : Device.CreateCpu(2, algorithm), new ModelConfig { Name = "context", Context = context }, seed: 1);

    private static float[] Scores(int size, ulong seed, Func<float, float> map)
    {
        var random = new RandomSequence(seed, "scores");
        return [.. Enumerable.Range(0, Classes * size * size).Select(_ => map((float)random.NextGaussian()))];
    }

    // F(4×4, 3×3) multiplies by numbers that are not exact in binary; direct sums and F(2×2, 3×3) of short numbers are exact.
    private static bool IsExact(ConvolutionAlgorithm algorithm) => algorithm is ConvolutionAlgorithm.Direct or ConvolutionAlgorithm.Winograd;

    private static void CheckIdentity(SegmentationModel model, float[] scores, int size, int lost, Func<float, float> expected, bool exact = true)
    {
        using Tensor x = Tensor.FromArray(model.Device, new Shape(1, Classes, size, size), scores);
        using Tape tape = Tape.Inference();
        Tensor y = model.Forward(x, ForwardContext.Inference);
        int left = size - (2 * lost);
        Assert.That(y.Shape, Is.EqualTo(new Shape(1, Classes, left, left)));
        IEnumerable<float> inner =
            from c in Enumerable.Range(0, Classes)
            from row in Enumerable.Range(lost, left)
            from column in Enumerable.Range(lost, left)
            select expected(scores[(((c * size) + row) * size) + column]);
        if (exact)
        {
            Assert.That(y.ToArray(), Is.EqualTo(inner.ToArray()));
        }
        else
        {
            Assert.That(Error.Relative(y.ToArray(), [.. inner.Select(value => (double)value)]), Is.LessThan(5e-6));
        }
    }

    private static float Step(SegmentationModel model)
    {
        const int Size = 100;
        var random = new RandomSequence(5, "image");
        float[] pixels = [.. Enumerable.Range(0, 3 * Size * Size).Select(_ => (float)random.NextGaussian())];
        Size2 output = model.OutputSize(Size);
        using Tensor x = Tensor.FromArray(Device.Cpu, new Shape(1, 3, Size, Size), pixels);
        using LabelMap labels = LabelMap.FromArray(Device.Cpu, 1, output.Height, output.Width, [.. Enumerable.Range(0, output.Height * output.Width).Select(i => (byte)(i % Classes))]);
        using Tape tape = Tape.Record();
        Tensor loss = Ops.SoftmaxCrossEntropy(model.Forward(x, ForwardContext.Training(1, 0)), labels);
        tape.Backward(loss);
        return loss.Item();
    }
}
