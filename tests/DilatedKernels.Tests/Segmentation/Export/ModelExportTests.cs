using DilatedKernels.Segmentation.Export;
using DilatedKernels.Segmentation.Import;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;
using DilatedKernels.Tests.Segmentation.Import;

namespace DilatedKernels.Tests.Segmentation.Export;

/// <summary>Networks as safetensors, with our names and with torchvision's.</summary>
public class ModelExportTests
{
    [Test]
    public void TorchvisionsNamesLoadAgain([Values("camvid-dilation8", "fcn-8s", "deeplab-largefov")] string preset)
    {
        using var folder = new TemporaryFolder();
        ModelConfig config = PublishedNetworks.Narrow(preset) with { InputScale = 1.0 / 64 };
        using SegmentationModel model = PublishedNetworks.Random(config);
        ModelExport.ToTorchvision(folder["a.safetensors"], model);
        using SegmentationModel loaded = WeightImport.Load([folder["a.safetensors"]], config, Device.Cpu, out ImportReport report);
        Assert.That(report.Initialized, Is.Empty);
        Assert.That(report.Skipped, Is.Empty);
        // There and back, the first layer is rounded twice; its bias loses what the mean's share of it is larger.
        foreach (string name in model.Parameters.Select(parameter => parameter.Name))
        {
            float[] expected = PublishedNetworks.Values(model, name);
            double tolerance = name == "conv1_1.bias" ? 1e-4 : name == "conv1_1.weight" ? 1e-6 : 0;
            Assert.That(PublishedNetworks.Values(loaded, name), Is.EqualTo(expected).Within(tolerance), name);
        }
    }

    [Test]
    public void TorchvisionsFileHasTorchvisionsNamesAndShapes()
    {
        using var folder = new TemporaryFolder();
        using SegmentationModel model = PublishedNetworks.Random(PublishedNetworks.Narrow("camvid-dilation8"));
        ModelExport.ToTorchvision(folder["a.safetensors"], model);
        using SafetensorsFile file = SafetensorsFile.Open(folder["a.safetensors"]);
        foreach ((string name, int[] shape, _) in PublishedNetworks.Torch(model, isTimm: false).Where(array => !array.Name.StartsWith("classifier.6", StringComparison.Ordinal)))
        {
            Assert.That(file.ShapeOf(name), Is.EqualTo(shape), name);
        }

        Assert.That(file.Names, Has.Count.EqualTo(model.Parameters.Count));
        Assert.That(file.Names, Does.Contain("final.weight").And.Contain("context.conv8.bias"));
        Assert.That(file.Metadata["format"], Is.EqualTo("pt"));
    }

    [Test]
    public void OwnNamesAreACheckpoint()
    {
        using var folder = new TemporaryFolder();
        using SegmentationModel model = PublishedNetworks.Random(PublishedNetworks.Narrow("kitti-dilation7"));
        ModelExport.ToSafetensors(folder["a.safetensors"], model);
        using SegmentationModel loaded = ModelFile.Load(folder["a.safetensors"], Device.Cpu);
        Assert.That(loaded.Parameters.SelectMany(parameter => parameter.Value.ToArray()), Is.EqualTo(model.Parameters.SelectMany(parameter => parameter.Value.ToArray())));
    }

    [Test]
    public void AContextModuleAloneHasNoTorchvisionNames()
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, new ModelConfig { Name = "context", Context = ContextConfig.Basic(3) }, seed: 1);
        Assert.That(() => ModelExport.ToTorchvision("never", model), Throws.ArgumentException.With.Message.Contains("conv1_1"));
    }
}
