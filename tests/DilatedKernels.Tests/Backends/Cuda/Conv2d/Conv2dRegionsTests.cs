using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>Rectangles of positions with the same taps inside: that none is missing, and how much work they leave.</summary>
public class Conv2dRegionsTests
{
    private const int TileRows = 128;

    private static IEnumerable<Conv2dGather> Gathers()
    {
        Conv2dGeometry[] more = [Same(8, 3, 16), Same(8, 7, 4), Same(8, 3, 64), Same(2, 3, 100), Same(1, 3, 5) with { PadH = 30, PadW = 3 }, Same(1, 3, 8) with { StrideH = 2, StrideW = 3 }];
        foreach (Conv2dGeometry g in Conv2dCases.All().Concat(more))
        {
            yield return Conv2dGather.Forward(g);
            for (int phase = 0; phase < Math.Min(g.StrideH, g.InHeight) * Math.Min(g.StrideW, g.InWidth); phase++)
            {
                yield return Conv2dGather.BackwardInput(g, phase / Math.Min(g.StrideW, g.InWidth), phase % Math.Min(g.StrideW, g.InWidth));
            }
        }
    }

    [Test]
    public void EveryPositionIsInOnePieceWithEveryTapThatIsInside()
    {
        int cut = 0;
        foreach (Conv2dAxis axis in Gathers().SelectMany(g => new[] { g.Rows, g.Columns }))
        {
            foreach (Conv2dPieces pieces in new[] { Conv2dPieces.ByTaps(axis), Conv2dPieces.Whole(axis) })
            {
                var seen = new int[axis.Count];
                foreach (Conv2dPiece piece in pieces.All)
                {
                    Assert.That(piece.FirstTap + piece.Taps, Is.LessThanOrEqualTo(axis.Taps));
                    for (int q = piece.Begin; q < piece.Begin + piece.Count; q++)
                    {
                        seen[q]++;
                        Assert.That(Inside(axis, q), Is.SubsetOf(Enumerable.Range(piece.FirstTap, piece.Taps)), $"{axis}, position {q}");
                        Assert.That(pieces.All.Length == 1 || Inside(axis, q).Count() == piece.Taps, $"{axis}, position {q}");
                    }
                }

                Assert.That(seen, Is.All.EqualTo(1), axis.ToString());
                Assert.That(pieces.All.ToArray().Select(piece => piece.Taps), Is.Ordered.Descending, "the longest tiles start first");
                cut += pieces.All.Length > 1 ? 1 : 0;
            }
        }

        Assert.That(cut, Is.GreaterThan(20));
    }

    // Batch 8 on 66×66 maps with as much padding as keeps the size. Without rectangles it is 1, and the share of taps that are inside is the least it can be.
    [TestCase(3, 1, 1.0)]
    [TestCase(3, 2, 1.0)]
    [TestCase(3, 4, 0.926)]
    [TestCase(3, 8, 0.845)]
    [TestCase(3, 16, 0.704)]
    [TestCase(7, 4, 0.819)]
    public void LeavesThisShareOfTheTilesTaps(int kernel, int dilation, double share)
    {
        Conv2dGeometry geometry = Same(8, kernel, dilation);
        foreach (Conv2dGather gather in new[] { Conv2dGather.Forward(geometry), Conv2dGather.BackwardInput(geometry, 0, 0) })
        {
            var regions = Conv2dRegions.Choose(gather, TileRows);
            long all = (gather.Positions + TileRows - 1) / TileRows * geometry.Taps;
            Assert.That(regions.TileTaps(8, TileRows) / (double)all, Is.EqualTo(share).Within(5e-4));

            int inside = Enumerable.Range(0, 66).Sum(q => Inside(gather.Rows, q).Count());
            Assert.That(regions.TileTaps(8, TileRows), Is.GreaterThanOrEqualTo(8.0 * inside * inside / TileRows), "every tap that is inside");
            Assert.That(regions.Count > 1, Is.EqualTo(share < 1));
            Assert.That(regions.Tiles(8, TileRows), Is.InRange(all / geometry.Taps, 1.05 * all / geometry.Taps), "few tiles are not full");
        }
    }

    [Test]
    public void WhatHasNoPaddingIsNotCut()
    {
        var regions = Conv2dRegions.Choose(Conv2dGather.Forward(Same(8, 7, 4) with { PadH = 0, PadW = 0 }), TileRows);
        Assert.That((regions.Rows.All.Length, regions.Columns.All.Length), Is.EqualTo((1, 1)));
        Assert.That(regions.Rows.All[0], Is.EqualTo(new Conv2dPiece(0, 42, 0, 7)));
    }

    [Test]
    public void SmallMapsAreNotCutIntoMoreWork()
    {
        var regions = Conv2dRegions.Choose(Conv2dGather.Forward(new Conv2dGeometry(1, 8, 11, 11, 8, 3, 3, 1, 1, 2, 2, 2, 2)), TileRows);
        Assert.That(regions.Tiles(1, TileRows), Is.EqualTo(1));
    }

    private static IEnumerable<int> Inside(Conv2dAxis axis, int q) =>
        Enumerable.Range(0, axis.Taps).Where(j => ((long)q * axis.Scale) + axis.Shift + ((long)j * axis.Step) is long source && source >= 0 && source < axis.Source);

    private static Conv2dGeometry Same(int batch, int kernel, int dilation)
    {
        int padding = kernel / 2 * dilation;
        return new(batch, 64, 66, 66, 64, kernel, kernel, 1, 1, dilation, dilation, padding, padding);
    }
}
