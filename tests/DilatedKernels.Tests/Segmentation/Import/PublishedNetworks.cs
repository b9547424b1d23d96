using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Segmentation.Import;

/// <summary>Networks of ours written as others publish them; the names are typed out here, apart from the import's rules.</summary>
internal static class PublishedNetworks
{
    private static readonly string[] Trunk =
    [
        "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3", "fc6", "fc7",
    ];

    private static readonly int[] FeatureIndices = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];

    /// <summary>Our layers and what a published network calls them.</summary>
    public static IReadOnlyList<(string Ours, string Theirs)> Names(string network) =>
    [
        .. Trunk.Select(name => (name, name)),
        .. network switch
        {
            "vgg" => [],
            "voc-dilation8" => Context("fc-final", ["ct_conv1_1", "ct_conv1_2", "ct_conv2_1", "ct_conv3_1", "ct_conv4_1", "ct_conv5_1", "ct_fc1", "ct_final"]),
            "camvid-dilation8" => Context("final", ["ctx_conv1_1", "ctx_conv1_2", "ctx_conv2_1", "ctx_conv3_1", "ctx_conv4_1", "ctx_conv5_1", "ctx_fc1", "ctx_final"]),
            "kitti-dilation7" => Context("final", ["ctx_conv1_1", "ctx_conv1_2", "ctx_conv2_1", "ctx_conv3_1", "ctx_conv4_1", "ctx_fc1", "ctx_final"]),
            _ => Context(
                "final",
                ["ctx_conv1_1", "ctx_conv1_2", "ctx_conv2_1", "ctx_conv3_1", "ctx_conv4_1", "ctx_conv5_1", "ctx_conv6_1", "ctx_conv7_1", "ctx_fc1", "ctx_final"]),
        },
    ];

    /// <summary>A preset at a fraction of its width.</summary>
    public static ModelConfig Narrow(string preset, double width = 1.0 / 64)
    {
        ModelConfig config = Presets.Get(preset);
        return config with
        {
            FrontEnd = config.FrontEnd is { } frontEnd ? frontEnd with { WidthMultiplier = width } : null,
            Fcn = config.Fcn is { } fcn ? fcn with { WidthMultiplier = width } : null,
            DeepLab = config.DeepLab is { } deepLab ? deepLab with { WidthMultiplier = width } : null,
        };
    }

    /// <summary>A model whose biases are random, too.</summary>
    public static SegmentationModel Random(ModelConfig config)
    {
        SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, seed: 5);
        foreach (Parameter parameter in model.Parameters.Where(parameter => parameter.Name.EndsWith(".bias", StringComparison.Ordinal)))
        {
            var random = new RandomSequence(6, parameter.Name);
            parameter.Value.SetArray([.. Enumerable.Range(0, (int)parameter.Value.Shape.Count).Select(_ => (float)random.NextGaussian())]);
        }

        return model;
    }

    /// <summary>The layers of a model under their published names.</summary>
    public static IEnumerable<(string Layer, CaffeBlob[] Blobs)> Layers(SegmentationModel model, string network) =>
        from pair in Names(network)
        select (pair.Theirs, new[] { Blob(model, pair.Ours + ".weight"), Blob(model, pair.Ours + ".bias") });

    /// <summary>The layers with the fully connected ones as matrices, as the original VGG-16 has them.</summary>
    public static IEnumerable<(string Layer, CaffeBlob[] Blobs)> AsClassifier(IEnumerable<(string Layer, CaffeBlob[] Blobs)> layers) =>
        from layer in layers
        select layer.Layer is "fc6" or "fc7"
            ? (layer.Layer, [new CaffeBlob([layer.Blobs[0].Shape[0], layer.Blobs[0].Shape[1..].Aggregate((a, b) => a * b)], layer.Blobs[0].Values), layer.Blobs[1]])
            : layer;

    /// <summary>The arrays of a model under torchvision's names, or timm's, with the classifier that both have at the end.</summary>
    public static IEnumerable<(string Name, int[] Shape, ReadOnlyMemory<float> Values)> Torch(SegmentationModel model, bool isTimm)
    {
        for (int i = 0; i < Trunk.Length; i++)
        {
            string name = Trunk[i] switch
            {
                "fc6" => isTimm ? "pre_logits.fc1" : "classifier.0",
                "fc7" => isTimm ? "pre_logits.fc2" : "classifier.3",
                _ => $"features.{FeatureIndices[i]}",
            };
            (_, CaffeBlob[] blobs) = (isTimm ? Layers(model, "vgg") : AsClassifier(Layers(model, "vgg"))).ElementAt(i);
            yield return (name + ".weight", blobs[0].Shape, blobs[0].Values);
            yield return (name + ".bias", blobs[1].Shape, blobs[1].Values);
        }

        yield return (isTimm ? "head.fc.weight" : "classifier.6.weight", [10, 2], new float[20]);
        yield return (isTimm ? "head.fc.bias" : "classifier.6.bias", [10], new float[10]);
    }

    public static float[] Values(SegmentationModel model, string parameter) => model.Parameters.Single(p => p.Name == parameter).Value.ToArray();

    private static CaffeBlob Blob(SegmentationModel model, string parameter)
    {
        Shape shape = model.Parameters.Single(p => p.Name == parameter).Value.Shape;
        return new CaffeBlob(parameter.EndsWith(".bias", StringComparison.Ordinal) ? [shape.C] : [shape.N, shape.C, shape.H, shape.W], Values(model, parameter));
    }

    private static IEnumerable<(string Ours, string Theirs)> Context(string final, string[] theirs) =>
        [("final", final), .. theirs.Select((name, i) => ($"context.conv{i + 1}", name))];
}
