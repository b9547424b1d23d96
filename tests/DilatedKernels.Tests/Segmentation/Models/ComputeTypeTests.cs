using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Models;

public class ComputeTypeTests
{
    private const int Classes = 3;

    private static readonly ModelConfig Config = new()
    {
        Name = "joint",
        FrontEnd = FrontEndConfig.Vgg16(Classes, 1.0 / 64),
        Context = ContextConfig.Basic(Classes) with { Initialization = ContextInitialization.He },
    };

    [Test]
    public void ChainsTakeAndGiveFloat32AndFollowFloat32()
    {
        using SegmentationModel wide = SegmentationModel.Create(Device.Cpu, Config, seed: 1);
        using SegmentationModel narrow = SegmentationModel.Create(Device.Cpu, Config, seed: 1, ElementType.BFloat16);
        using Tensor x = Array4.Random(new Shape(1, 3, 404, 396), "image").ToTensor(Device.Cpu);
        using Tape tape = Tape.Inference();
        Tensor scores = narrow.Forward(x, ForwardContext.Inference);
        Assert.That(scores.ElementType, Is.EqualTo(ElementType.Float32));
        double[] expected = Array.ConvertAll(wide.Forward(x, ForwardContext.Inference).ToArray(), v => (double)v);

        // Some 20 layers in a row, each of which rounds.
        Assert.That(OperatorCheck.RelativeError(scores.ToArray(), expected), Is.InRange(1e-5, 0.05));

        Tensor maps = narrow.FrontEnd!.Forward(x, ForwardContext.Inference);
        Assert.That(maps.ElementType, Is.EqualTo(ElementType.Float32));
        Assert.That(narrow.Context!.Forward(maps, ForwardContext.Inference).ToArray(), Is.EqualTo(scores.ToArray()), "the parts in turn are the whole");
    }

    [Test]
    public void CheckpointsAreTheSameInEveryType()
    {
        using var folder = new TemporaryFolder();
        using SegmentationModel wide = SegmentationModel.Create(Device.Cpu, Config, seed: 1);
        using SegmentationModel narrow = SegmentationModel.Create(Device.Cpu, Config, seed: 1, ElementType.BFloat16);
        ModelFile.Save(folder["wide.safetensors"], wide);
        ModelFile.Save(folder["narrow.safetensors"], narrow);
        Assert.That(File.ReadAllBytes(folder["narrow.safetensors"]), Is.EqualTo(File.ReadAllBytes(folder["wide.safetensors"])));
        using SegmentationModel loaded = ModelFile.Load(folder["wide.safetensors"], Device.Cpu, ElementType.BFloat16);
        Assert.That(loaded.ComputeType, Is.EqualTo(ElementType.BFloat16));
        Assert.That(loaded.Parameters.Select(parameter => parameter.Value.ElementType), Is.All.EqualTo(ElementType.Float32));
    }
}
