using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;

namespace DilatedKernels.Tests.Segmentation.Models;

public class ModelFileTests
{
    private string _folder = "";

    private string File1 => Path.Combine(_folder, "model.safetensors");

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("model").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void SavedAndLoadedIsTheSameBitForBit()
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, Joint(), seed: 1);
        ModelFile.Save(File1, model, new Dictionary<string, string> { ["step"] = "12" });
        using SegmentationModel loaded = ModelFile.Load(File1, Device.Cpu);
        Assert.That(loaded.Config.ToJson(), Is.EqualTo(model.Config.ToJson()));
        Assert.That(loaded.Parameters.Select(parameter => parameter.Name), Is.EqualTo(model.Parameters.Select(parameter => parameter.Name)));
        for (int i = 0; i < model.Parameters.Count; i++)
        {
            Assert.That(loaded.Parameters[i].Value.ToArray(), Is.EqualTo(model.Parameters[i].Value.ToArray()), model.Parameters[i].Name);
        }

        using SafetensorsFile file = SafetensorsFile.Open(File1);
        Assert.Multiple(() =>
        {
            Assert.That(file.Metadata["step"], Is.EqualTo("12"));
            Assert.That(file.ShapeOf("conv1_1.weight"), Is.EqualTo(new[] { 4, 3, 3, 3 }));
            Assert.That(file.ShapeOf("conv1_1.bias"), Is.EqualTo(new[] { 4 }));
            Assert.That(file.Read("conv2_1.weight").Values, Is.EqualTo(model.Parameters.Single(parameter => parameter.Name == "conv2_1.weight").Value.ToArray()));
        });
    }

    [Test]
    public void AnotherShapeNamesTheFirstTensorThatDiffers()
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, Joint(), seed: 1);
        ModelFile.Save(File1, model);
        using SegmentationModel other = SegmentationModel.Create(Device.Cpu, Joint(channels: 6), seed: 1);
        float[] before = other.Parameters[0].Value.ToArray();
        Assert.That(
            () => ModelFile.LoadWeights(File1, other),
            Throws.TypeOf<SafetensorsException>().With.Message.Contains("'conv1_1.weight' has shape [4, 3, 3, 3]; the network needs [6, 3, 3, 3]"));
        Assert.That(other.Parameters[0].Value.ToArray(), Is.EqualTo(before));
    }

    [Test]
    public void AMissingTensorIsNamed()
    {
        using SegmentationModel front = SegmentationModel.Create(Device.Cpu, Joint() with { Context = null }, seed: 1);
        ModelFile.Save(File1, front);
        using SegmentationModel joint = SegmentationModel.Create(Device.Cpu, Joint(), seed: 1);
        Assert.That(
            () => ModelFile.LoadWeights(File1, joint),
            Throws.TypeOf<SafetensorsException>().With.Message.Contains("no array 'context.conv1.weight'").And.Message.Contains("[3, 3, 3, 3]"));
    }

    [Test]
    public void ASuperfluousTensorIsNamed()
    {
        using SegmentationModel joint = SegmentationModel.Create(Device.Cpu, Joint(), seed: 1);
        ModelFile.Save(File1, joint);
        using SegmentationModel front = SegmentationModel.Create(Device.Cpu, Joint() with { Context = null }, seed: 1);
        Assert.That(() => ModelFile.LoadWeights(File1, front), Throws.TypeOf<SafetensorsException>().With.Message.Contains("no parameter for 'context.conv1.weight'"));
    }

    [Test]
    public void FrontEndWeightsGoIntoAJointNetwork()
    {
        using SegmentationModel front = SegmentationModel.Create(Device.Cpu, Joint() with { Context = null }, seed: 1);
        ModelFile.Save(File1, front);
        using SegmentationModel joint = SegmentationModel.Create(Device.Cpu, Joint(), seed: 2);
        float[] context = joint.Context!.Parameters[0].Value.ToArray();
        WeightLoadReport report = ModelFile.LoadMatching(File1, joint);
        Assert.Multiple(() =>
        {
            Assert.That(report.Loaded, Is.EqualTo(front.Parameters.Select(parameter => parameter.Name)));
            Assert.That(report.Missing, Is.EqualTo(joint.Context.Parameters.Select(parameter => parameter.Name)));
            Assert.That(report.Unused, Is.Empty);
            Assert.That(joint.FrontEnd!.Parameters[0].Value.ToArray(), Is.EqualTo(front.Parameters[0].Value.ToArray()));
            Assert.That(joint.Context.Parameters[0].Value.ToArray(), Is.EqualTo(context));
        });
    }

    [Test]
    public void MatchingReportsUnusedNamesAndRefusesAFileWithoutAnyMatch()
    {
        using SegmentationModel joint = SegmentationModel.Create(Device.Cpu, Joint(), seed: 1);
        ModelFile.Save(File1, joint);
        using SegmentationModel context = SegmentationModel.Create(Device.Cpu, Joint() with { FrontEnd = null }, seed: 1);
        Assert.That(ModelFile.LoadMatching(File1, context).Unused, Is.EqualTo(joint.FrontEnd!.Parameters.Select(parameter => parameter.Name)));

        using SegmentationModel front = SegmentationModel.Create(Device.Cpu, Joint() with { Context = null }, seed: 1);
        ModelFile.Save(File1, front);
        Assert.That(() => ModelFile.LoadMatching(File1, context), Throws.TypeOf<SafetensorsException>().With.Message.Contains("'conv1_1.weight'"));
    }

    [Test]
    public void WeightsThatAreNotFiniteAreRefused()
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, Joint(), seed: 1);
        model.Parameters[2].Value.SetArray(Enumerable.Repeat(float.NaN, (int)model.Parameters[2].Value.Shape.Count).ToArray());
        ModelFile.Save(File1, model);
        Assert.That(
            () => ModelFile.Load(File1, Device.Cpu),
            Throws.TypeOf<SafetensorsException>().With.Message.Contains($"'{model.Parameters[2].Name}' holds a number that is not finite"));
    }

    [Test]
    public void AFileWithoutConfigurationSaysSo()
    {
        SafetensorsWriter.Write(File1, [("a", [1], new float[] { 1 })]);
        Assert.That(() => ModelFile.Load(File1, Device.Cpu), Throws.TypeOf<SafetensorsException>().With.Message.Contains(ModelFile.ConfigKey));
    }

    [Test]
    public void AConfigurationThatClaimsMoreThanTheFileHoldsTakesNoMemory()
    {
        ModelConfig huge = new() { Name = "huge", FrontEnd = FrontEndConfig.Vgg16(21, 16) };
        SafetensorsWriter.Write(File1, [("a", [1], new float[] { 1 })], new Dictionary<string, string> { [ModelFile.ConfigKey] = huge.ToJson() });
        long live = Device.Cpu.Memory.PeakBytes;
        Assert.That(() => ModelFile.Load(File1, Device.Cpu), Throws.TypeOf<SafetensorsException>().With.Message.Contains("'conv1_1.weight'"));
        Assert.That(Device.Cpu.Memory.PeakBytes, Is.EqualTo(live));
    }

    [Test]
    public void AWrongConfigurationNamesFileAndReason()
    {
        SafetensorsWriter.Write(File1, [("a", [1], new float[] { 1 })], new Dictionary<string, string> { [ModelFile.ConfigKey] = """{"name":"x","context":{"classes":-1}}""" });
        Assert.That(() => ModelFile.ReadConfig(File1), Throws.TypeOf<SafetensorsException>().With.Message.Contains(File1).And.Message.Contains("Classes is from 1 to 255; it was -1"));
    }

    private static ModelConfig Joint(int channels = 4) => new()
    {
        Name = "joint",
        FrontEnd = FrontEndConfig.Small(3, channels),
        Context = ContextConfig.Basic(3) with { Dilations = [1, 2, 1], Noise = 0.01 },
        ClassNames = ["a", "b", "c"],
    };
}
