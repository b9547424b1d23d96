using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>Which convolutions Hopper's own kernel takes, and how: decided without a device.</summary>
public class Conv2dWgmmaPlanTests
{
    [TestCase("Bf16", 80, ExpectedResult = "sm_80 has no wgmma; sm_90 alone has")]
    [TestCase("Bf16", 100, ExpectedResult = "sm_100 has no wgmma; sm_90 alone has")]
    [TestCase("Tf32", 80, ExpectedResult = "sm_80 has no wgmma; sm_90 alone has")]
    [TestCase("Tf32", 90, ExpectedResult = null)]
    [TestCase("Bf16x3", 90, ExpectedResult = "there is no kernel for sm_90 that gathers and multiplies bf16x3")]
    [TestCase("Tf32x3", 90, ExpectedResult = "there is no kernel for sm_90 that gathers and multiplies tf32x3")]
    [TestCase("Bf16", 90, ExpectedResult = null)]
    [TestCase("Bf16x6", 80, ExpectedResult = "sm_80 has no wgmma; sm_90 alone has")]
    [TestCase("Bf16x6", 90, ExpectedResult = "64 to 64 channels are few; from 64 to more than 64 on it pays to split them")]
    public string? WhatMultipliesOnHopper(string product, int architecture) =>
        Conv2dWgmmaGatherPlan.WhyNot(Enum.Parse<Conv2dProduct>(product), Conv2dGather.Forward(Same(8, 64, 64, 66, 2)), architecture);

    // float32 in three parts of bfloat16: the parts of both operands in one stage, of which there are two.
    [TestCase(512, 512, ExpectedResult = "pair_128x128, 132 blocks of 2, 197632 bytes")]
    [TestCase(672, 336, ExpectedResult = "pair_128x112, 132 blocks of 2, 185344 bytes")]
    [TestCase(64, 128, ExpectedResult = "pair_128x128, 132 blocks of 2, 197632 bytes")]
    [TestCase(64, 84, ExpectedResult = "pair_128x112, 132 blocks of 2, 185344 bytes", Description = "a wider tile, but half of its weights")]
    [TestCase(64, 170, ExpectedResult = "pair_128x112, 132 blocks of 2, 185344 bytes")]
    public string Float32InPartsHasTwoStages(int inChannels, int outChannels)
    {
        Conv2dGather gather = Conv2dGather.Forward(Same(8, inChannels, outChannels, 66, 2));
        Assert.That(Conv2dProduct.Tf32x3.OnDevice([gather], 90), Is.EqualTo(Conv2dProduct.Bf16x6));
        LaunchPlan plan = Conv2dWgmmaGatherPlan.Choose(Conv2dProduct.Bf16x6, gather, Conv2dWgmmaGatherPlan.ChooseRegions(gather), 132, Conv2dSharing.WhereItPays, out _);
        return $"{plan.Kernel["conv2d_gather_bf16x6_sm90_".Length..]}, {plan.Grid.X} blocks of {plan.Cluster.X}, {plan.SharedBytes} bytes";
    }

    // TF32: rows of 32 channels, as many bytes as bfloat16's of 64, and as many clocks for their product.
    [TestCase(512, 8, 2, ExpectedResult = "pair_128x256, 132 blocks of 2, 197632 bytes")]
    [TestCase(672, 8, 16, ExpectedResult = "pair_128x256, 132 blocks of 2, 197632 bytes", Description = "in nine rectangles")]
    [TestCase(336, 8, 2, ExpectedResult = "pair_128x168, 132 blocks of 2, 228352 bytes")]
    [TestCase(128, 8, 2, ExpectedResult = "pair_128x128, 132 blocks of 2, 230400 bytes")]
    [TestCase(84, 8, 2, ExpectedResult = "128x88, 132 blocks of 0, 222208 bytes")]
    [TestCase(42, 8, 2, ExpectedResult = "128x64, 132 blocks of 0, 197632 bytes")]
    [TestCase(21, 8, 2, ExpectedResult = "128x24, 132 blocks of 0, 156672 bytes")]
    public string Tf32HasFewerTiles(int channels, int batch, int dilation)
    {
        Conv2dGather gather = Conv2dGather.Forward(Same(batch, 512, channels, 66, dilation));
        LaunchPlan plan = Conv2dWgmmaGatherPlan.Choose(Conv2dProduct.Tf32, gather, Conv2dWgmmaGatherPlan.ChooseRegions(gather), 132, Conv2dSharing.WhereItPays, out _);
        return $"{plan.Kernel["conv2d_gather_tf32_sm90_".Length..]}, {plan.Grid.X} blocks of {plan.Cluster.X}, {plan.SharedBytes} bytes";
    }

    [Test]
    public void PartsArePaddedToWholeProducts()
    {
        Assert.That(Conv2dProduct.Bf16x6.PadPart(66), Is.EqualTo(80));
        Assert.That(Conv2dProduct.Bf16x6.Pad(66), Is.EqualTo(240));
        Assert.That(Conv2dProduct.Bf16x3.Pad(66), Is.EqualTo(160));
        Assert.That(Conv2dPackPlan.PadsActivations(Conv2dProduct.Bf16x6, 128, aligned: true));
        Assert.That(Conv2dPackPlan.PadsWeights(Conv2dProduct.Bf16x6, 128, aligned: true));
        // A phase that has no taps reads no weights, so that it does not matter; one whose taps reach too far keeps all on the kernels for sm_80, since they share the weights.
        Conv2dGeometry strided = Same(1, 128, 128, 9, 1) with { KernelHeight = 1, KernelWidth = 1, StrideH = 2, StrideW = 2, PadH = 0, PadW = 0 };
        Assert.That(Conv2dProduct.Tf32x3.OnDevice([Conv2dGather.BackwardInput(strided, 0, 0)], 90), Is.EqualTo(Conv2dProduct.Bf16x6));
        Assert.That(Conv2dProduct.Tf32x3.OnDevice([Conv2dGather.BackwardInput(strided, 0, 0), Conv2dGather.BackwardInput(strided, 0, 1)], 90), Is.EqualTo(Conv2dProduct.Bf16x6));
        Assert.That(Conv2dProduct.Tf32x3.OnDevice([Conv2dGather.BackwardInput(strided, 0, 0), Conv2dGather.Forward(Same(1, 128, 128, 300, 128))], 90), Is.EqualTo(Conv2dProduct.Tf32x3));
    }

    // The farthest of the paper's dilations, and beyond.
    [TestCase(66, 64, 1, ExpectedResult = null)]
    [TestCase(128, 64, 1, ExpectedResult = null)]
    [TestCase(300, 127, 1, ExpectedResult = null)]
    [TestCase(300, 128, 1, ExpectedResult = "the taps' rows reach over 256 pixels; 255 fit a tensor map")]
    [TestCase(300, 129, 1, ExpectedResult = "the first and last rows read at -129 and -129 from the source's ends; -128 to 127 fit a tensor map")]
    [TestCase(66, 2, 8, ExpectedResult = null)]
    [TestCase(66, 2, 9, ExpectedResult = "the positions' rows are 9 pixels apart; 8 fit a tensor map")]
    public string? WhatDoesNotFitATensorMapIsRefused(int extent, int dilation, int stride) =>
        WhyNot(Conv2dGather.Forward(Same(1, 8, 8, extent, dilation) with { StrideH = stride, StrideW = stride }));

    [Test]
    public void NothingToReadIsRefused()
    {
        Assert.That(WhyNot(Conv2dGather.Forward(Same(1, 0, 8, 5, 1))), Is.EqualTo("nothing of the source is read"));
        Assert.That(WhyNot(Conv2dGather.BackwardInput(Same(1, 8, 8, 9, 1) with { KernelHeight = 1, KernelWidth = 1, StrideH = 2, StrideW = 2 }, 0, 0)), Is.EqualTo("nothing of the source is read"));
    }

    // Channels: those of the paper's networks, at its batch and map, and with one image.
    [TestCase(512, 8, ExpectedResult = "conv2d_gather_bf16_sm90_128x256, 132 blocks, 197632 bytes")]
    [TestCase(672, 8, ExpectedResult = "conv2d_gather_bf16_sm90_128x224, 132 blocks, 226304 bytes")]
    [TestCase(336, 8, ExpectedResult = "conv2d_gather_bf16_sm90_128x168, 132 blocks, 228352 bytes")]
    [TestCase(128, 8, ExpectedResult = "conv2d_gather_bf16_sm90_128x128, 132 blocks, 230400 bytes")]
    [TestCase(84, 8, ExpectedResult = "conv2d_gather_bf16_sm90_128x88, 132 blocks, 222208 bytes")]
    [TestCase(64, 8, ExpectedResult = "conv2d_gather_bf16_sm90_128x64, 132 blocks, 197632 bytes")]
    [TestCase(42, 8, ExpectedResult = "conv2d_gather_bf16_sm90_128x48, 132 blocks, 181248 bytes")]
    [TestCase(21, 8, ExpectedResult = "conv2d_gather_bf16_sm90_128x24, 132 blocks, 156672 bytes")]
    [TestCase(11, 8, ExpectedResult = "conv2d_gather_bf16_sm90_128x16, 132 blocks, 148480 bytes")]
    [TestCase(512, 1, ExpectedResult = "conv2d_gather_bf16_sm90_128x224, 105 blocks, 226304 bytes", Description = "one wave of wider tiles, though the last holds 64 channels")]
    public string TileFitsTheChannels(int channels, int batch)
    {
        LaunchPlan plan = Choose(Conv2dGather.Forward(Same(batch, 512, channels, 66, 2)), 132, Conv2dSharing.Never, out int columns);
        Assert.That(plan.Kernel, Does.EndWith($"x{columns}"));
        Assert.That(plan.Cluster, Is.EqualTo(default(Dim3)));
        Assert.That(plan.Block, Is.EqualTo(new Dim3(384)));
        Assert.That(plan.SharedBytes, Is.LessThanOrEqualTo((227 << 10) - 256));
        return $"{plan.Kernel}, {plan.Grid.X} blocks, {plan.SharedBytes} bytes";
    }

    [Test]
    public void TileIsTheSameOnEveryGpuAndTheGridIsNot()
    {
        Conv2dGather gather = Conv2dGather.Forward(Same(8, 512, 512, 66, 2));
        LaunchPlan small = Choose(gather, 66, Conv2dSharing.Never, out int columns);
        Assert.That(columns, Is.EqualTo(256));
        Assert.That(small.Grid, Is.EqualTo(new Dim3(66)));
        Assert.That(Choose(gather, 67, Conv2dSharing.WhereItPays, out columns) is { Grid: var grid, Cluster: var cluster } ? (grid, cluster) : default, Is.EqualTo((new Dim3(66), new Dim3(2))));
        Assert.That(Choose(gather, 1, Conv2dSharing.WhereItPays, out columns).Cluster, Is.EqualTo(default(Dim3)), "a pair takes two multiprocessors");
    }

    /// <summary>Blocks come in pairs where L2 is predicted to decide and pairs to ask for an eighth less: wide tiles, and enough of them.</summary>
    [TestCase(512, 8, 2, ExpectedResult = "pair_128x256, 132 blocks of 2, 197632 bytes")]
    [TestCase(672, 8, 2, ExpectedResult = "pair_128x224, 132 blocks of 2, 226304 bytes")]
    [TestCase(672, 8, 16, ExpectedResult = "pair_128x224, 132 blocks of 2, 226304 bytes", Description = "in nine rectangles")]
    [TestCase(336, 8, 2, ExpectedResult = "pair_128x168, 132 blocks of 2, 228352 bytes")]
    [TestCase(128, 8, 2, ExpectedResult = "pair_128x128, 132 blocks of 2, 230400 bytes")]
    [TestCase(512, 1, 2, ExpectedResult = "pair_128x224, 108 blocks of 2, 226304 bytes", Description = "35 tiles of positions are 18 pairs")]
    [TestCase(84, 8, 2, ExpectedResult = "128x88, 132 blocks of 0, 222208 bytes", Description = "a wider tile for half of its bytes is no gain")]
    [TestCase(64, 8, 2, ExpectedResult = "128x64, 132 blocks of 0, 197632 bytes")]
    [TestCase(21, 8, 2, ExpectedResult = "128x24, 132 blocks of 0, 156672 bytes")]
    [TestCase(256, 1, 2, ExpectedResult = "128x88, 105 blocks of 0, 222208 bytes", Description = "a ninth less is not enough")]
    public string PairsShareTheirWeightsWhereItPays(int channels, int batch, int dilation)
    {
        LaunchPlan plan = Choose(Conv2dGather.Forward(Same(batch, 512, channels, 66, dilation)), 132, Conv2dSharing.WhereItPays, out int columns);
        Assert.That(plan.Kernel, Does.EndWith($"x{columns}"));
        return $"{plan.Kernel["conv2d_gather_bf16_sm90_".Length..]}, {plan.Grid.X} blocks of {plan.Cluster.X}, {plan.SharedBytes} bytes";
    }

    [TestCase(256, ExpectedResult = 128)]
    [TestCase(224, ExpectedResult = 112)]
    [TestCase(168, ExpectedResult = 88)]
    [TestCase(128, ExpectedResult = 64)]
    public int HalvesAreWholeEights(int columns) => Conv2dWgmmaGatherPlan.FirstHalf(columns);

    [TestCase(66, 3, 2, 2, 1, ExpectedResult = "-2, -2")]
    [TestCase(66, 7, 4, 0, 1, ExpectedResult = "0, -24", Description = "valid: the last base pixel is 24 before the last")]
    [TestCase(66, 3, 1, 1, 2, ExpectedResult = "-1, -2", Description = "33 positions two apart end at 63")]
    [TestCase(9, 3, 16, 19, 1, ExpectedResult = "-19, -13")]
    public string CornersHoldAsManyBasePixelsAsPositions(int extent, int taps, int dilation, int padding, int stride)
    {
        int positions = ((extent + (2 * padding) - (dilation * (taps - 1)) - 1) / stride) + 1;
        (int lower, int upper) = Conv2dWgmmaGatherPlan.Corners(Conv2dAxis.Forward(extent, positions, taps, stride, dilation, padding));
        Assert.That((extent + upper - lower + stride - 1) / stride, Is.EqualTo(positions));
        return $"{lower}, {upper}";
    }

    [Test]
    public void AscendingReadsTheSame()
    {
        Conv2dGeometry g = Same(1, 8, 8, 15, 2) with { StrideH = 2, StrideW = 3 };
        for (int phase = 0; phase < 3; phase++)
        {
            Conv2dAxis axis = Conv2dAxis.BackwardInput(g.InWidth, g.OutWidth, g.KernelWidth, g.StrideW, g.DilationW, g.PadW, phase);
            Conv2dAxis ascending = axis.ToAscending();
            Assert.That(ascending.Step, Is.Not.Negative);
            Assert.That(Reads(ascending), Is.EquivalentTo(Reads(axis)));
        }

        static IEnumerable<(int Source, int Tap)> Reads(Conv2dAxis a) => Enumerable.Range(0, a.Taps).Select(j => (a.Shift + (j * a.Step), a.FirstTap + (j * a.TapStep)));
    }

    /// <summary>Taps in the padding are left out where the rectangles' maps fit the launch; the numbers are kernels.md's.</summary>
    [TestCase(3, 66, 2, ExpectedResult = "1, 1.000")]
    [TestCase(3, 66, 4, ExpectedResult = "9, 0.926")]
    [TestCase(3, 66, 8, ExpectedResult = "9, 0.845")]
    [TestCase(3, 66, 16, ExpectedResult = "9, 0.704")]
    [TestCase(3, 300, 64, ExpectedResult = "9, 0.736", Description = "the maps of pieces hold what these read, however large the source")]
    [TestCase(3, 300, 65, ExpectedResult = "1, 1.000", Description = "the middle's taps reach over 130 pixels, and -128 is the lowest corner")]
    [TestCase(7, 66, 4, ExpectedResult = "7, 0.904", Description = "along one axis: 49 rectangles are too many")]
    [TestCase(3, 12, 20, ExpectedResult = "1, 1.000", Description = "one tap is inside, everywhere")]
    public string TapsInThePaddingAreLeftOut(int kernel, int extent, int dilation)
    {
        int padding = (kernel - 1) * dilation / 2;
        var g = new Conv2dGeometry(8, 64, extent, extent, 64, kernel, kernel, 1, 1, dilation, dilation, padding, padding);
        Conv2dGather forward = Conv2dGather.Forward(g);
        Conv2dGather back = Conv2dGather.BackwardInput(g, 0, 0);
        back = back with { Rows = back.Rows.ToAscending(), Columns = back.Columns.ToAscending() };
        var regions = Conv2dWgmmaGatherPlan.ChooseRegions(forward);
        Assert.That(Conv2dWgmmaGatherPlan.ChooseRegions(back).TileTaps(8, 128), Is.EqualTo(regions.TileTaps(8, 128)), "the data gradient");
        double all = (double)kernel * kernel * (((8L * extent * extent) + 127) / 128);
        return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{regions.Count}, {regions.TileTaps(8, 128) / all:F3}");
    }

    /// <summary>What a piece's positions read of its window are the same elements, from the window's first to its last.</summary>
    [TestCase(20, 8, 1)]
    [TestCase(31, 10, 2)]
    public void WindowsHoldWhatTheirPiecesRead(int extent, int dilation, int stride)
    {
        Conv2dAxis axis = Conv2dAxis.Forward(extent, ((extent - 1) / stride) + 1, 3, stride, dilation, dilation);
        foreach (Conv2dPiece piece in Conv2dPieces.ByTaps(axis).All)
        {
            Conv2dWindow window = Conv2dWindow.Of(axis, piece);
            int[] expected = [.. Enumerable.Range(piece.Begin, piece.Count).SelectMany(q => Enumerable.Range(piece.FirstTap, piece.Taps).Select(j => (q * stride) - dilation + (j * dilation)))];
            int[] read = [.. Enumerable.Range(0, window.Axis.Count).SelectMany(q => Enumerable.Range(0, window.Axis.Taps).Select(j => window.Origin + (q * window.Axis.Scale) + (j * window.Axis.Step)))];
            Assert.That(read, Is.EqualTo(expected));
            Assert.That((read.Min(), read.Max()), Is.EqualTo((window.Origin, window.Origin + window.Axis.Source - 1)));
            (int lower, int upper) = Conv2dWgmmaGatherPlan.Corners(window.Axis);
            Assert.That((window.Axis.Source + upper - lower + stride - 1) / stride, Is.EqualTo(piece.Count));
        }
    }

    private static LaunchPlan Choose(in Conv2dGather gather, int multiprocessors, Conv2dSharing sharing, out int columns) =>
        Conv2dWgmmaGatherPlan.Choose(Conv2dProduct.Bf16, gather, Conv2dWgmmaGatherPlan.ChooseRegions(gather), multiprocessors, sharing, out columns);

    private static string? WhyNot(in Conv2dGather gather) => Conv2dWgmmaGatherPlan.WhyNot(Conv2dProduct.Bf16, gather, 90);

    private static Conv2dGeometry Same(int batch, int inChannels, int outChannels, int extent, int dilation) =>
        new(batch, inChannels, extent, extent, outChannels, 3, 3, 1, 1, dilation, dilation, dilation, dilation);
}
