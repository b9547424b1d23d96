using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text.RegularExpressions;
using DilatedKernels.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d;

/// <summary>What the compiler makes of the tiles of dot products. That they are right is seen in <see cref="Conv2dKernelTests"/>.</summary>
public sealed unsafe partial class DotTileTests
{
    [Test]
    public void ATileAddsItsLanesInOneOrder()
    {
        // Each lane's sum is a power of two of its own, but for the fifth, which is lost unless it meets the first before all others.
        float[] x = new float[4 * 16], w = new float[3 * 16];
        float[] lanes = [1e8f, 2, 4, 8, -1e8f, 32, 64, 0.5f];
        for (int i = 0; i < 4; i++)
        {
            lanes.CopyTo(x, i * 16);
        }

        w.AsSpan().Fill(1);
        float[][] sums = [Run<Vector128<float>, Width128>(x, w), Run<Vector256<float>, Width256>(x, w)];
        Assert.That(sums, Is.All.All.EqualTo(110.5f));
    }

    [Test]
    public void ATileOfPairsAddsTheSameLanesInTheSameOrder()
    {
        const int Terms = 32, Outputs = 11, Pairs = PairedDotTile.MaxPairs;
        float[] x = [.. Enumerable.Range(0, 4 * Terms).Select(i => MathF.Sin(i))];
        float[] w = [.. Enumerable.Range(0, 2 * Pairs * Terms).Select(i => i < Outputs * Terms ? MathF.Cos(3 * i) : 0)];
        float[] packed = new float[PairedDotTile.PackedCount(Outputs, Terms)];
        float* halves = stackalloc float[DotTile.HalfSums];
        float[] expected = new float[2 * Pairs * 4], sums = new float[2 * Pairs * 4];
        fixed (float* pX = x, pW = w, pPacked = packed, pExpected = expected, pSums = sums)
        {
            var arguments = new DotArguments
            {
                X = (byte*)pX,
                StepX = Terms * sizeof(float),
                W = (byte*)pW,
                StepW = Terms * sizeof(float),
                Pairs = Terms / 16,
                Sums = (byte*)pExpected,
                SumStep = 4 * sizeof(float),
                Halves = halves,
                Ahead = (byte*)pX,
                AheadToo = (byte*)pX,
            };
            for (int output = 0; output < 2 * Pairs; output += DotTile.MaxOutputs)
            {
                DotTile.Run<Vector256<float>, Width256, Count4, Count3>(&arguments);
                arguments.W += DotTile.MaxOutputs * arguments.StepW;
                arguments.Sums += DotTile.MaxOutputs * arguments.SumStep;
            }

            for (int pair = 0; pair < Pairs; pair++)
            {
                PairedDotTile.Pack(pW, Outputs, Terms, pair, pPacked);
            }

            arguments.W = (byte*)pPacked;
            arguments.StepW = 2 * Terms * sizeof(float);
            arguments.Sums = (byte*)pSums;
            PairedDotTile.Run<Count4, Count6>(&arguments);
        }

        Assert.That(sums, Is.EqualTo(expected));
        Assert.That(sums[..(Outputs * 4)], Is.All.Not.Zero);
    }

    /// <summary>As in <see cref="TileProductTests"/>.</summary>
    [Test]
    public void AccumulatorsStayInRegisters()
    {
        if (!Avx2.IsSupported)
        {
            Assert.Ignore("This processor has no such registers.");
        }

        string[] tiles = [.. JitListing.Of($"*{nameof(DotTile)}:{nameof(DotTile.Run)}", nameof(ATileAddsItsLanesInOneOrder), avx512: false).Where(listing => listing.Contains("Width256", StringComparison.Ordinal))];
        Assert.That(tiles, Has.Length.EqualTo(1));
        Assert.That(JitListing.HasVectorOnStack(tiles[0]), Is.False, tiles[0]);
        Assert.That(Fma().Count(tiles[0]), Is.EqualTo(2 * 12));
        Assert.That(tiles[0], Does.Not.Contain("call "));
    }

    [Test]
    public void AccumulatorsOfPairsStayInRegisters()
    {
        if (!Avx512DQ.IsSupported)
        {
            Assert.Ignore("This processor has no such registers.");
        }

        string[] tiles = [.. JitListing.Of($"*{nameof(PairedDotTile)}:{nameof(PairedDotTile.Run)}", nameof(ATileOfPairsAddsTheSameLanesInTheSameOrder), avx512: true)];
        Assert.That(tiles, Has.Length.EqualTo(1));
        Assert.That(JitListing.HasVectorOnStack(tiles[0]), Is.False, tiles[0]);
        Assert.That(Fma().Count(tiles[0]), Is.AnyOf(24, 2 * 24));
        Assert.That(tiles[0], Does.Not.Contain("call "));
    }

    private static float[] Run<TVector, TWidth>(float[] x, float[] w)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        float[] sums = new float[12];
        float* halves = stackalloc float[DotTile.HalfSums];
        fixed (float* pX = x, pW = w, pSums = sums)
        {
            var arguments = new DotArguments
            {
                X = (byte*)pX,
                StepX = 16 * sizeof(float),
                W = (byte*)pW,
                StepW = 16 * sizeof(float),
                Pairs = 1,
                Sums = (byte*)pSums,
                SumStep = 4 * sizeof(float),
                Halves = halves,
                Ahead = (byte*)pX,
            };
            DotTile.Run<TVector, TWidth, Count4, Count3>(&arguments);
        }

        return sums;
    }

    [GeneratedRegex(@"\bvfmadd")]
    private static partial Regex Fma();
}
