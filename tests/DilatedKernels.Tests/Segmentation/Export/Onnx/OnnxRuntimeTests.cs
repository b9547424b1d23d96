using System.Globalization;
using System.Text.Json;
using DilatedKernels.Nn;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Export;
using DilatedKernels.Segmentation.Export.Onnx;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Oracles;
using DilatedKernels.Tests.Segmentation.Import;
using Microsoft.ML.OnnxRuntime;

namespace DilatedKernels.Tests.Segmentation.Export.Onnx;

/// <summary>Exported networks run in ONNX Runtime and give our forward pass's scores, at sizes that the export was never told.</summary>
public class OnnxRuntimeTests
{
    // Both sides sum in float32, each in its own order.
    private const double Tolerance = 1e-4;

    private static readonly Shape[] Images = [new Shape(1, 3, 388, 397), new Shape(1, 3, 405, 380), new Shape(2, 3, 411, 422)];

    private static IEnumerable<string> PresetNames() => Presets.Names;

    [TestCaseSource(nameof(PresetNames))]
    public void EveryPresetGivesOurScores(string preset) => Compare(Narrow(preset), Images);

    [Test]
    public void BordersOfAnySizeComeOutTheSame([Values("fcn-32s", "fcn-16s", "fcn-8s", "deeplab", "deeplab-msc-largefov")] string preset) =>
        Compare(Narrow(preset), [new Shape(1, 3, 37, 53), new Shape(1, 3, 64, 41), new Shape(1, 3, 98, 111)]);

    [Test]
    public void ScaleReflectionAndEitherRoundingComeOutTheSame([Values] PoolRounding rounding, [Values] bool upsamples) => Compare(
        new ModelConfig
        {
            Name = "small",
            FrontEnd = FrontEndConfig.Small(3, 4) with { PoolRounding = rounding, Dropout = 0.5f },
            Context = ContextConfig.Basic(3) with { Dilations = [1, 2, 1], PaddingMode = PaddingMode.Reflect, Noise = 0.1 },
            InputScale = 1.0 / 64,
            UpsampleInNetwork = upsamples,
        },
        [new Shape(1, 3, 100, 117), new Shape(3, 3, 101, 103), new Shape(1, 3, 130, 98)]);

    [Test]
    public void AContextModuleAloneTakesScores([Values] ContextPadding padding) => Compare(
        new ModelConfig { Name = "context", Context = ContextConfig.Large(4) with { Padding = padding } },
        [new Shape(1, 4, 67, 80), new Shape(2, 4, 70, 69), new Shape(1, 4, 90, 71)]);

    [Test]
    public void ProbabilitiesAreTheSoftmaxOfTheScores()
    {
        ModelConfig config = Narrow("deeplab-largefov");
        using var folder = new TemporaryFolder();
        using SegmentationModel model = Random(config);
        ModelExport.ToOnnx(folder["p.onnx"], model, probabilities: true);
        using var session = new InferenceSession(folder["p.onnx"]);
        var shape = new Shape(1, 3, 65, 73);
        float[] pixels = Pixels(shape);
        (_, float[] probabilities) = Run(session, shape, pixels);
        using Tensor x = Tensor.FromArray(Device.Cpu, shape, pixels);
        using Tape tape = Tape.Inference();
        Assert.That(session.OutputNames, Is.EqualTo(new[] { "probabilities" }));
        Assert.That(RelativeError(probabilities, Ops.Softmax(model.Forward(x, ForwardContext.Inference)).ToArray()), Is.LessThan(Tolerance));
    }

    [Test]
    public void TheMetadataSayHowToUseTheNetwork()
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = Narrow("camvid-dilation8");
        using SegmentationModel model = Random(config);
        ModelExport.ToOnnx(folder["a.onnx"], model);
        using var session = new InferenceSession(folder["a.onnx"]);
        Dictionary<string, string> metadata = session.ModelMetadata.CustomMetadataMap;
        Assert.Multiple(() =>
        {
            Assert.That(session.ModelMetadata.ProducerName, Is.EqualTo("DilatedKernels"));
            Assert.That(List(metadata["classes"], item => item.GetString()), Is.EqualTo(config.ClassNames));
            Assert.That(List(metadata["palette"], item => item.GetString()).First(), Is.EqualTo("#800000"));
            Assert.That(List(metadata["palette"], item => item.GetString()).Count(), Is.EqualTo(11));
            Assert.That(List(metadata["mean"], item => item.GetDouble()), Is.EqualTo(config.MeanBgr));
            Assert.That(metadata["margin"], Is.EqualTo("186"));
            Assert.That(metadata["stride"], Is.EqualTo("8"));
            Assert.That(ModelConfig.FromJson(metadata[ModelFile.ConfigKey]).ToJson(), Is.EqualTo(config.ToJson()));
            Assert.That(session.InputMetadata["image"].SymbolicDimensions, Is.EqualTo(new[] { "batch", "", "height", "width" }));
        });

        static IEnumerable<T> List<T>(string json, Func<JsonElement, T> read) => JsonDocument.Parse(json).RootElement.EnumerateArray().Select(read);
    }

    [Test]
    public void AFileBeyondTwoGibibytesIsRefusedBeforeItIsWritten() => Assert.That(
        () => new OnnxGraph("huge").Floats("w", [1 << 15, 1 << 15], () => throw new InvalidOperationException("Nothing is fetched.")),
        Throws.TypeOf<UserInputException>().With.Message.Contains((4L << 30).ToString(CultureInfo.InvariantCulture)));

    private static void Compare(ModelConfig config, Shape[] inputs)
    {
        using var folder = new TemporaryFolder();
        using SegmentationModel model = Random(config);
        ModelExport.ToOnnx(folder["a.onnx"], model);
        using var session = new InferenceSession(folder["a.onnx"]);
        foreach (Shape shape in inputs)
        {
            float[] pixels = Pixels(shape);
            (long[] extents, float[] actual) = Run(session, shape, pixels);
            using Tensor x = Tensor.FromArray(Device.Cpu, shape, pixels);
            using Tape tape = Tape.Inference();
            Tensor expected = model.Forward(x, ForwardContext.Inference);
            Assert.That(extents, Is.EqualTo(new long[] { expected.Shape.N, expected.Shape.C, expected.Shape.H, expected.Shape.W }), $"{shape}");
            float[] scores = expected.ToArray();
            Assert.That(scores.Distinct().Count(), Is.GreaterThan(scores.Length / 4), "a network whose scores are all alike would compare nothing");
            Assert.That(RelativeError(actual, scores), Is.LessThan(Tolerance), $"{shape}");
        }
    }

    private static ModelConfig Narrow(string preset) => PublishedNetworks.Narrow(preset, 1.0 / 32);

    /// <summary>A network in which nothing is zero that training would change.</summary>
    private static SegmentationModel Random(ModelConfig config)
    {
        SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, seed: 3);
        foreach (Parameter parameter in model.Parameters)
        {
            float[] values = parameter.Value.ToArray();
            var random = new RandomSequence(4, parameter.Name);
            double scale = 0.3 / Math.Sqrt(parameter.Value.Shape.C);
            parameter.Value.SetArray(Array.ConvertAll(values, value => value + (float)(scale * random.NextGaussian())));
        }

        return model;
    }

    private static float[] Pixels(Shape shape)
    {
        var random = new RandomSequence(8, $"{shape}");
        return [.. Enumerable.Range(0, (int)shape.Count).Select(_ => (float)(60 * random.NextGaussian()))];
    }

    private static (long[] Extents, float[] Values) Run(InferenceSession session, Shape shape, float[] pixels)
    {
        using OrtValue input = OrtValue.CreateTensorValueFromMemory(pixels, [shape.N, shape.C, shape.H, shape.W]);
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> results = session.Run(options, session.InputNames, [input], session.OutputNames);
        return (results[0].GetTensorTypeAndShape().Shape, results[0].GetTensorDataAsSpan<float>().ToArray());
    }

    private static double RelativeError(float[] actual, float[] expected) =>
        Error.OrInfinite(Math.Sqrt(actual.Zip(expected, (a, b) => ((double)a - b) * ((double)a - b)).Sum() / expected.Sum(b => (double)b * b)));
}
