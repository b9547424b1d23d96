using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>Which weight gradients Hopper's own kernel takes, and how it divides them: decided without a device.</summary>
public class Conv2dWgmmaWeightPlanTests
{
    [TestCase("Bf16", 80, 512, 512, ExpectedResult = "sm_80 has no wgmma; sm_90 alone has")]
    [TestCase("Tf32", 90, 512, 512, ExpectedResult = "there is no kernel for sm_90 that multiplies tf32 across positions: wgmma reads them in 16 bits alone")]
    [TestCase("Bf16x3", 80, 512, 512, ExpectedResult = "sm_80 has no wgmma; sm_90 alone has")]
    [TestCase("Bf16x3", 90, 512, 512, ExpectedResult = null)]
    [TestCase("Bf16x3", 90, 64, 64, ExpectedResult = null)]
    [TestCase("Bf16x3", 90, 42, 84, ExpectedResult = "its tiles would multiply 1.5 times what those for sm_80 do, for 42 to 84 channels are few")]
    [TestCase("Bf16x3", 90, 21, 21, ExpectedResult = "its tiles would multiply 6.0 times what those for sm_80 do, for 21 to 21 channels are few")]
    [TestCase("Bf16", 90, 512, 512, ExpectedResult = null)]
    [TestCase("Bf16", 90, 64, 64, ExpectedResult = null)]
    [TestCase("Bf16", 90, 42, 84, ExpectedResult = null)]
    [TestCase("Bf16", 90, 3, 64, ExpectedResult = "its tiles would multiply 6.0 times what those for sm_80 do, for 3 to 64 channels are few")]
    [TestCase("Bf16", 90, 21, 21, ExpectedResult = "its tiles would multiply 6.0 times what those for sm_80 do, for 21 to 21 channels are few")]
    [TestCase("Bf16x6", 90, 512, 512, ExpectedResult = null)]
    [TestCase("Bf16x6", 90, 64, 128, ExpectedResult = null)]
    [TestCase("Bf16x6", 90, 128, 64, ExpectedResult = "128 to 64 channels are few; from 64 to more than 64 on it pays to split them")]
    [TestCase("Bf16x6", 90, 64, 72, ExpectedResult = "its tiles would multiply 1.3 times what those for sm_80 do, for 64 to 72 channels are few")]
    public string? WhatServesIsDecidedByTypeAndChannels(string product, int architecture, int inChannels, int outChannels) =>
        Conv2dWgmmaWeightPlan.WhyNot(Enum.Parse<Conv2dProduct>(product), Same(8, inChannels, outChannels, 66, 2), architecture);

    [Test]
    public void WhatDoesNotFitATensorMapIsRefused() => Assert.That(
        Conv2dWgmmaWeightPlan.WhyNot(Conv2dProduct.Bf16, Same(1, 64, 64, 300, 129), 90), Is.EqualTo("the first and last rows read at -129 and -129 from the source's ends; -128 to 127 fit a tensor map"));

    // Of the paper's networks at its batch and map.
    [TestCase(512, 512, 3, 2, ExpectedResult = "128x256, 132 workers, 0 waves, 197632 bytes, parts on 131 x 4")]
    [TestCase(512, 4096, 7, 1, ExpectedResult = "128x256, 132 workers, 23 waves, 197632 bytes, parts on 131 x 4")]
    [TestCase(4096, 4096, 1, 1, ExpectedResult = "128x256, 132 workers, 3 waves, 197632 bytes, parts on 131 x 4")]
    [TestCase(336, 672, 3, 1, ExpectedResult = "128x168, 132 workers, 0 waves, 205824 bytes, parts on 131 x 3")]
    [TestCase(672, 672, 3, 1, ExpectedResult = "128x224, 132 workers, 1 waves, 197632 bytes, parts on 131 x 4")]
    [TestCase(64, 128, 3, 1, ExpectedResult = "128x192, 132 workers, 0 waves, 205824 bytes, parts on 131 x 3")]
    [TestCase(128, 128, 1, 1, ExpectedResult = "128x128, 132 workers, 0 waves, 230400 bytes, parts on 131 x 2")]
    [TestCase(64, 64, 3, 1, ExpectedResult = "64x384, 132 workers, 0 waves, 230400 bytes, parts on 131 x 3")]
    [TestCase(256, 64, 1, 1, ExpectedResult = "64x256, 132 workers, 0 waves, 205824 bytes, parts on 131 x 2")]
    [TestCase(64, 64, 1, 1, ExpectedResult = "64x128, 132 workers, 0 waves, 197632 bytes, parts on 131 x 1")]
    public string TileFitsTheChannels(int inChannels, int outChannels, int kernel, int dilation)
    {
        int padding = (kernel - 1) * dilation / 2;
        var plan = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, new Conv2dGeometry(8, inChannels, 66, 66, outChannels, kernel, kernel, 1, 1, dilation, dilation, padding, padding), 132, Conv2dSharing.Never);
        Assert.That(plan.Partial.Grid, Is.EqualTo(new Dim3(132)));
        Assert.That(plan.Partial.Block, Is.EqualTo(new Dim3(384)));
        Assert.That(plan.Partial.SharedBytes, Is.LessThanOrEqualTo((227 << 10) - 256));
        return $"{plan.Partial.Kernel["conv2d_wgrad_bf16_sm90_".Length..]}, {plan.Workers} workers, {plan.Waves} waves, {plan.Partial.SharedBytes} bytes, parts on {plan.Finish?.Grid.X} x {plan.Finish?.Grid.Y}";
    }

    // float32 in two parts of bfloat16: the products decide, not L2.
    [TestCase(512, 512, ExpectedResult = "pair_128x256, 132 workers, 197632 bytes", Description = "a sum of 297 steps would be too long")]
    [TestCase(64, 64, ExpectedResult = "64x256, 132 workers, 164864 bytes")]
    [TestCase(128, 128, ExpectedResult = "128x256, 132 workers, 197632 bytes", Description = "two taps a tile")]
    public string Float32InHalves(int inChannels, int outChannels)
    {
        var plan = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16x3, Same(8, inChannels, outChannels, 66, 2), 132, Conv2dSharing.WhereItPays);
        return $"{plan.Partial.Kernel["conv2d_wgrad_bf16x3_sm90_".Length..]}, {plan.Workers} workers, {plan.Partial.SharedBytes} bytes";
    }

    // float32 in three parts of bfloat16.
    [TestCase(512, 512, ExpectedResult = "pair_128x128, 66 workers, 197632 bytes")]
    [TestCase(64, 128, ExpectedResult = "128x128, 132 workers, 197632 bytes", Description = "one tile of output channels")]
    public string Float32InPartsHasTwoStages(int inChannels, int outChannels)
    {
        var plan = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16x6, Same(8, inChannels, outChannels, 66, 2), 132, Conv2dSharing.WhereItPays);
        return $"{plan.Partial.Kernel["conv2d_wgrad_bf16x6_sm90_".Length..]}, {plan.Workers} workers, {plan.Partial.SharedBytes} bytes";
    }

    [Test]
    public void WorkersAreTheSameOnEveryGpuAndTheGridIsNot()
    {
        var small = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, Same(8, 512, 512, 66, 2), 66, Conv2dSharing.Never);
        Assert.That(small.Workers, Is.EqualTo(132));
        Assert.That(small.Partial.Grid, Is.EqualTo(new Dim3(66)));
    }

    /// <summary>Workers are pairs of blocks where L2 is predicted to decide and pairs to take an eighth less time: where the tiles of output channels come in twos.</summary>
    [TestCase(512, 512, 3, 2, ExpectedResult = "pair_128x256, 132 blocks of 2, 66 workers, 0 waves, 197632 bytes, parts on 65 x 4 x 2")]
    [TestCase(512, 4096, 7, 1, ExpectedResult = "pair_128x256, 132 blocks of 2, 66 workers, 23 waves, 197632 bytes, parts on 65 x 4 x 2")]
    [TestCase(4096, 4096, 1, 1, ExpectedResult = "pair_128x256, 132 blocks of 2, 66 workers, 3 waves, 197632 bytes, parts on 65 x 4 x 2")]
    [TestCase(336, 672, 3, 1, ExpectedResult = "pair_128x168, 132 blocks of 2, 66 workers, 0 waves, 205824 bytes, parts on 65 x 3 x 2")]
    [TestCase(336, 672, 3, 16, ExpectedResult = "pair_128x168, 132 blocks of 2, 66 workers, 0 waves, 205824 bytes, parts on 65 x 3 x 2")]
    [TestCase(672, 672, 3, 1, ExpectedResult = "pair_128x224, 132 blocks of 2, 66 workers, 1 waves, 197632 bytes, parts on 65 x 4 x 2")]
    [TestCase(64, 256, 3, 1, ExpectedResult = "pair_128x256, 132 blocks of 2, 66 workers, 0 waves, 197632 bytes, parts on 65 x 4 x 2")]
    [TestCase(64, 128, 3, 1, ExpectedResult = "128x192, 132 blocks of 0, 132 workers, 0 waves, 205824 bytes, parts on 131 x 3 x 1")]
    [TestCase(128, 300, 1, 1, ExpectedResult = "128x128, 132 blocks of 0, 132 workers, 0 waves, 230400 bytes, parts on 131 x 2 x 1", Description = "three tiles of output channels")]
    public string WorkersArePairsWhereItPays(int inChannels, int outChannels, int kernel, int dilation)
    {
        int padding = (kernel - 1) * dilation / 2;
        var plan = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, new Conv2dGeometry(8, inChannels, 66, 66, outChannels, kernel, kernel, 1, 1, dilation, dilation, padding, padding), 132, Conv2dSharing.WhereItPays);
        Assert.That(plan.Partial.SharedBytes, Is.LessThanOrEqualTo((227 << 10) - 256));
        Assert.That(plan.PartialBytes, Is.EqualTo(2L * plan.Partial.Grid.X * 64 * plan.RowBoxes * plan.Columns * (plan.RowBoxes == 2 ? 1 : 2) * sizeof(float)), "two parts a block");
        return $"{plan.Partial.Kernel["conv2d_wgrad_bf16_sm90_".Length..]}, {plan.Partial.Grid.X} blocks of {plan.Partial.Cluster.X}, {plan.Workers} workers, {plan.Waves} waves, {plan.Partial.SharedBytes} bytes, "
            + $"parts on {plan.Finish?.Grid.X} x {plan.Finish?.Grid.Y} x {plan.Finish?.Grid.Z}";
    }

    [Test]
    public void PairsAreTheSameOnEveryGpu()
    {
        var odd = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, Same(8, 512, 512, 66, 2), 67, Conv2dSharing.WhereItPays);
        Assert.That((odd.Workers, odd.Partial.Grid, odd.Partial.Cluster), Is.EqualTo((66, new Dim3(66), new Dim3(2))));
    }

    [Test]
    public void FewStepsHaveFewWorkersAndOneHasNoParts()
    {
        var one = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, Same(1, 64, 64, 5, 1), 132, Conv2dSharing.WhereItPays);
        Assert.That((one.Workers, one.Finish), Is.EqualTo((1, (LaunchPlan?)null)));
        // 18 tiles of one step each.
        var few = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, Same(1, 256, 256, 8, 1), 132, Conv2dSharing.WhereItPays);
        Assert.That((few.Workers, few.Finish), Is.EqualTo((4, (LaunchPlan?)null)), "whole tiles");
        Assert.That(few.Waves, Is.EqualTo(4));
    }

    [Test]
    public void NoSumIsOfMoreThan65536Positions()
    {
        // 3 tiles, 34848 steps each.
        var plan = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, Same(8, 64, 128, 528, 1), 132, Conv2dSharing.WhereItPays);
        Assert.That(plan.Workers, Is.EqualTo(132));
        plan = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, Same(16, 64, 128, 528, 1), 132, Conv2dSharing.WhereItPays);
        Assert.That(plan.Workers, Is.EqualTo(264));
    }

    /// <summary>What a tap multiplies with the padding is left out, in whole steps: the numbers of kernels.md for the paper's dilations.</summary>
    [TestCase(2, ExpectedResult = "1, 1.000")]
    [TestCase(4, ExpectedResult = "9, 0.921")]
    [TestCase(8, ExpectedResult = "9, 0.845")]
    [TestCase(16, ExpectedResult = "9, 0.703")]
    [TestCase(64, ExpectedResult = "9, 0.126")]
    [TestCase(66, ExpectedResult = "1, 1.000", Description = "eight taps are inside nowhere, and their weights have to be written all the same")]
    public string TapsInThePaddingAreLeftOut(int dilation)
    {
        Conv2dGather gather = Conv2dGather.Forward(Same(8, 336, 672, 66, dilation));
        Conv2dRegions taps = Conv2dTapPositions.Choose(gather, 64);
        long all = 9 * ((8 * 66 * 66 / 64) + 1);
        return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{taps.Count}, {Conv2dTapPositions.Steps(gather, taps, 64) / (double)all:F3}");
    }

    [Test]
    public void SevenTapsAreCutAlongOneAxis()
    {
        Conv2dGather gather = Conv2dGather.Forward(new Conv2dGeometry(8, 512, 66, 66, 4096, 7, 7, 1, 1, 4, 4, 12, 12));
        Conv2dRegions taps = Conv2dTapPositions.Choose(gather, 64);
        Assert.That(taps.Count, Is.EqualTo(7));
        Assert.That(Conv2dTapPositions.Steps(gather, taps, 64) / (49.0 * 545), Is.EqualTo(0.897).Within(0.001));
    }

    [Test]
    public void WavesOfTilesAreNotCut()
    {
        var plan = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, new Conv2dGeometry(8, 512, 66, 66, 4096, 7, 7, 1, 1, 4, 4, 12, 12), 132, Conv2dSharing.Never);
        Assert.That((plan.Waves, plan.Taps.Count), Is.EqualTo((23, 1)));
        plan = Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, Same(8, 336, 672, 66, 16), 132, Conv2dSharing.Never);
        Assert.That((plan.Waves, plan.Taps.Count), Is.EqualTo((0, 9)));
    }

    [Test]
    public void PiecesAreThePositionsThatReadInside()
    {
        foreach (Conv2dGeometry g in (Conv2dGeometry[])[Same(1, 64, 64, 20, 8), Same(1, 64, 64, 31, 10) with { StrideH = 2, StrideW = 3 }])
        {
            Conv2dGather gather = Conv2dGather.Forward(g);
            Conv2dRegions taps = Conv2dTapPositions.Choose(gather, 1);
            Assert.That(taps.Count, Is.EqualTo(9));
            foreach ((Conv2dAxis axis, Conv2dPiece[] pieces) in ((Conv2dAxis, Conv2dPiece[])[])[(gather.Rows, taps.Rows.All.ToArray()), (gather.Columns, taps.Columns.All.ToArray())])
            {
                for (int tap = 0; tap < 3; tap++)
                {
                    int[] inside = [.. Enumerable.Range(0, axis.Count).Where(q => (q * axis.Scale) + axis.Shift + (tap * axis.Step) is int at && at >= 0 && at < axis.Source)];
                    Assert.That(Enumerable.Range(pieces[tap].Begin, pieces[tap].Count), Is.EqualTo(inside));
                }
            }
        }
    }

    [Test]
    public void TheDeviceCheckRunsEveryTile() => Assert.That(
        DeviceCheck.Convolutions().Where(g => Conv2dWgmmaWeightPlan.WhyNot(Conv2dProduct.Bf16, g, 90) is null).Select(g => Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, g, 132, Conv2dSharing.Never).Partial.Kernel["conv2d_wgrad_bf16_sm90_".Length..]).Distinct(),
        Is.EquivalentTo(new[] { "128x256", "128x224", "128x192", "128x168", "128x128", "64x384", "64x256", "64x128" }));

    [Test]
    public void TheDeviceCheckRunsEveryTileOfPairs()
    {
        string[] widths = ["128x256", "128x224", "128x168", "128x128"];
        Assert.That(DeviceCheck.Convolutions().Where(g => Conv2dWgmmaWeightPlan.WhyNot(Conv2dProduct.Bf16, g, 90) is null)
            .Select(g => Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16, g, 132, Conv2dSharing.Always).Partial.Kernel["conv2d_wgrad_bf16_sm90_pair_".Length..]).Distinct(), Is.EquivalentTo(widths));
        Assert.That(DeviceCheck.Convolutions().Select(g => Conv2dGather.Forward(g))
            .Select(g => Conv2dWgmmaGatherPlan.Choose(Conv2dProduct.Bf16, g, Conv2dWgmmaGatherPlan.ChooseRegions(g), 132, Conv2dSharing.Always, out _).Kernel["conv2d_gather_bf16_sm90_pair_".Length..]).Distinct(), Is.EquivalentTo(widths));
    }

    /// <summary>Of float32 in parts: by pairs all that there are; by themselves the wide tiles take more positions than the check has, which a test on GPUs has.</summary>
    [Test]
    public void TheDeviceCheckRunsFloat32InParts()
    {
        Assert.That(DeviceCheck.Convolutions().Where(g => Conv2dWgmmaWeightPlan.WhyNot(Conv2dProduct.Bf16x6, g, 90) is null)
            .Select(g => Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16x6, g, 132, Conv2dSharing.Always).Partial.Kernel).Distinct(), Is.EquivalentTo(new[] { "conv2d_wgrad_bf16x6_sm90_pair_128x128" }));
        Conv2dGather[] gathers = [.. DeviceCheck.Convolutions().Select(g => Conv2dGather.Forward(g)).Where(g => Conv2dWgmmaGatherPlan.WhyNot(Conv2dProduct.Bf16x6, g, 90) is null)];
        Assert.That(gathers.Select(g => Choose(g, Conv2dSharing.Always)).Distinct(), Is.EquivalentTo(new[] { "conv2d_gather_bf16x6_sm90_pair_128x128", "conv2d_gather_bf16x6_sm90_pair_128x112" }));
        Assert.That(gathers.Select(g => Choose(g, Conv2dSharing.Never)).Distinct(), Is.EquivalentTo(new[] { "conv2d_gather_bf16x6_sm90_128x88" }));
        Assert.That(Float32PrecisionTests.LongReductions.Select(g => Conv2dGather.Forward(g)).Where(g => Conv2dWgmmaGatherPlan.WhyNot(Conv2dProduct.Bf16x6, g, 90) is null)
            .Select(g => Choose(g, Conv2dSharing.Never)).Distinct(), Is.SupersetOf(new[] { "conv2d_gather_bf16x6_sm90_128x128", "conv2d_gather_bf16x6_sm90_128x112", "conv2d_gather_bf16x6_sm90_128x88" }));

        static string Choose(in Conv2dGather gather, Conv2dSharing sharing) =>
            Conv2dWgmmaGatherPlan.Choose(Conv2dProduct.Bf16x6, gather, Conv2dWgmmaGatherPlan.ChooseRegions(gather), 132, sharing, out _).Kernel;
    }

    [Test]
    public void TheDeviceCheckRunsTf32()
    {
        Conv2dGather[] gathers = [.. DeviceCheck.Convolutions().Select(g => Conv2dGather.Forward(g))];
        Assert.That(gathers.Select(g => Conv2dWgmmaGatherPlan.Choose(Conv2dProduct.Tf32, g, Conv2dWgmmaGatherPlan.ChooseRegions(g), 132, Conv2dSharing.Always, out _).Kernel["conv2d_gather_tf32_sm90_pair_".Length..]).Distinct(),
            Is.EquivalentTo(new[] { "128x256", "128x168", "128x128" }));
        Assert.That(DeviceCheck.Convolutions().Where(g => Conv2dWgmmaWeightPlan.WhyNot(Conv2dProduct.Bf16x3, g, 90) is null)
            .Select(g => Conv2dWgmmaWeightPlan.Choose(Conv2dProduct.Bf16x3, g, 132, Conv2dSharing.Always).Partial.Kernel["conv2d_wgrad_bf16x3_sm90_pair_".Length..]).Distinct(), Is.EquivalentTo(new[] { "128x256", "128x128" }));
    }

    private static Conv2dGeometry Same(int batch, int inChannels, int outChannels, int extent, int dilation) =>
        new(batch, inChannels, extent, extent, outChannels, 3, 3, 1, 1, dilation, dilation, dilation, dilation);
}
