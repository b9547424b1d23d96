using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Segmentation.Data;

namespace DilatedKernels.Tests.Segmentation.Training;

public class ScoreMapStoreTests
{
    [Test]
    public void ADamagedMapIsComputedAgain()
    {
        using TestDataset set = new TestDataset().Add("0", 20, 16).Add("1", 20, 16);
        using var maps = new TemporaryFolder();
        DatasetFolder data = DatasetFolder.Open(set.Root);
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, new ModelConfig { Name = "small", FrontEnd = FrontEndConfig.Small(3, 4) }, seed: 1);
        Fill();
        string[] files = [.. Directory.GetFiles(maps.Path).Order(StringComparer.Ordinal)];
        Assert.That(files, Has.Length.EqualTo(4), "two images and their mirror images");
        byte[][] whole = [.. files.Select(File.ReadAllBytes)];
        byte[] damaged = [.. whole[0]];
        damaged[^1] ^= 1;
        File.WriteAllBytes(files[0], damaged);
        File.WriteAllBytes(files[1], whole[1][..^5]);
        File.WriteAllBytes(files[2], []);
        Fill();
        Assert.That(files.Select(File.ReadAllBytes), Is.EqualTo(whole));

        void Fill() => new ScoreMapStore(maps.Path).Fill(
            new Predictor(model), data.Split("train"), data.Classes, model.Stride, LabelResolution.Stride, mirror: true, onImage: null, new Ending(null, CancellationToken.None), group: null);
    }
}
