using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Segmentation.Crf;

/// <summary>What a CRF is said to need.</summary>
public class CrfMemoryTests
{
    [TestCase(3)]
    [TestCase(21)]
    public void APredictionAllocatesThatMuchAndItsLatticePoints(int classes)
    {
        const int Size = 96;
        var config = new CrfRnnConfig { Classes = classes, TestIterations = 1, BilateralSigma = 1000, ColorSigma = 1000, SpatialSigma = 1000 };
        using var device = Device.CreateCpu(1);
        using var layer = new CrfRnn(device, config, "crf");
        using Tensor scores = Tensor.FromChannelsLast(device, new Shape(1, classes, Size, Size), new float[classes * Size * Size]);
        using Tensor image = Tensor.FromChannelsLast(device, new Shape(1, 3, Size, Size), new float[3 * Size * Size]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        using (Tape tape = Tape.Inference())
        {
            layer.Forward(scores, image, ForwardContext.Inference);
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        long said = CrfMemory.Prediction(config, Size * Size);
        Assert.That(allocated, Is.InRange(said, 3 * said), "with deviations of 1000 pixels a lattice has a handful of points");
    }

    [Test]
    public void ASummaryCountsTheImageWithoutItsMargins()
    {
        ModelConfig network = Presets.Get("camvid-dilation8") with { UpsampleInNetwork = false };
        CrfRnnConfig crf = new() { Classes = network.Classes };
        ModelSummary summary = ModelSummary.Of(network with { Crf = crf }, 900, 2);
        long pixels = (900L - (2 * summary.Margin)) * (900 - (2 * summary.Margin));
        Assert.That(summary.CrfInferenceBytes, Is.EqualTo(CrfMemory.Prediction(crf, pixels)));
        Assert.That(summary.CrfTrainingBytes, Is.EqualTo(CrfMemory.Training(crf, pixels, 2)).And.GreaterThan(2 * summary.CrfInferenceBytes));
        Assert.That(ModelSummary.Of(network, 900).CrfInferenceBytes, Is.Zero);
    }
}
