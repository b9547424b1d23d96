using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Golden;

/// <summary>Every operator against PyTorch's float64 results, forward and backward, through the public operators and a tape.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class GoldenOperatorTests(Device device)
{
    [TestCaseSource(nameof(Cases), new object[] { "conv2d.json" })]
    public void Conv2d(string name)
    {
        GoldenCase golden = GoldenCase.Find("conv2d.json", name);
        var options = new Conv2dOptions { Stride = golden.Size("stride"), Dilation = golden.Size("dilation"), Padding = golden.Size("padding") };
        Shape weight = golden.Shape("w");
        GoldenCheck.Operator(device, golden, [("x", golden.Shape("x")), ("w", weight), ("b", Shape.PerChannel(weight.N))], 1, t => Ops.Conv2d(t[0], t[1], t[2], options));
    }

    [TestCaseSource(nameof(Cases), new object[] { "upsample.json" })]
    public void UpsampleBilinear(string name)
    {
        GoldenCase golden = GoldenCase.Find("upsample.json", name);
        Size2 size = golden.Size("size");
        BilinearAlignment alignment = golden.Flag("alignCorners") ? BilinearAlignment.CornerAligned : BilinearAlignment.HalfPixel;
        GoldenCheck.Operator(device, golden, x => Ops.UpsampleBilinear(x, size.Height, size.Width, alignment));
    }

    [TestCaseSource(nameof(Cases), new object[] { "deconvolution.json" })]
    public void BilinearDeconvolution(string name)
    {
        GoldenCase golden = GoldenCase.Find("deconvolution.json", name);
        GoldenCheck.Operator(device, golden, x => Ops.BilinearDeconvolution(x, golden.Int("scale")));
    }

    [TestCaseSource(nameof(Cases), new object[] { "max-pool.json" })]
    public void MaxPool2d(string name)
    {
        GoldenCase golden = GoldenCase.Find("max-pool.json", name);
        PoolRounding rounding = golden.Flag("ceiling") ? PoolRounding.Ceiling : PoolRounding.Floor;
        GoldenCheck.Operator(device, golden, x => Ops.MaxPool2d(x, golden.Size("kernel"), golden.Size("stride"), golden.Size("padding"), rounding));
    }

    [TestCaseSource(nameof(Cases), new object[] { "softmax.json" })]
    public void Softmax(string name)
    {
        GoldenCase golden = GoldenCase.Find("softmax.json", name);
        GoldenCheck.Operator(device, golden, Ops.Softmax, golden.Number("scale"));
    }

    [TestCaseSource(nameof(Cases), new object[] { "cross-entropy.json" })]
    public void SoftmaxCrossEntropy(string name)
    {
        GoldenCase golden = GoldenCase.Find("cross-entropy.json", name);
        Shape scores = golden.Shape("x");
        using LabelMap labels = LabelMap.FromArray(device, scores.N, scores.H, scores.W, Counter.Labels(golden.Seed, scores, golden.Int("voidOneIn")));
        GoldenCheck.Operator(device, golden, x => Ops.SoftmaxCrossEntropy(x, labels), golden.Number("scale"));
    }

    [TestCaseSource(nameof(Cases), new object[] { "upsample-cross-entropy.json" })]
    public void UpsampleSoftmaxCrossEntropy(string name)
    {
        GoldenCase golden = GoldenCase.Find("upsample-cross-entropy.json", name);
        Shape large = golden.Shape("x") with { H = golden.Size("size").Height, W = golden.Size("size").Width };
        BilinearAlignment alignment = golden.Flag("alignCorners") ? BilinearAlignment.CornerAligned : BilinearAlignment.HalfPixel;
        using LabelMap labels = LabelMap.FromArray(device, large.N, large.H, large.W, Counter.Labels(golden.Seed, large, golden.Int("voidOneIn")));
        GoldenCheck.Operator(device, golden, x => Ops.UpsampleSoftmaxCrossEntropy(x, labels, alignment), golden.Number("scale"));
    }

    [TestCaseSource(nameof(Cases), new object[] { "reflection-pad.json" })]
    public void ReflectionPad(string name)
    {
        GoldenCase golden = GoldenCase.Find("reflection-pad.json", name);
        GoldenCheck.Operator(device, golden, x => Ops.ReflectionPad(x, golden.Int("top"), golden.Int("bottom"), golden.Int("left"), golden.Int("right")));
    }

    private static IEnumerable<string> Cases(string file) => GoldenCase.Names(file);
}
