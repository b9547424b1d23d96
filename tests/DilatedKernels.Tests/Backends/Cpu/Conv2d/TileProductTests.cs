using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text.RegularExpressions;
using DilatedKernels.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d;

/// <summary>Every tile size of every vector width, and what the compiler makes of it.</summary>
public sealed unsafe partial class TileProductTests
{
    [Test]
    public void EveryTileSumsItsRuns([Values(4, 8, 16)] int lanes, [Values("stored", "past the caches", "transposed", "transposed and added")] string how)
    {
        const int ARow = 9;
        bool transposed = how.StartsWith("transposed", StringComparison.Ordinal);
        bool added = how.EndsWith("added", StringComparison.Ordinal);
        TileKernels kernels = TileKernels.OfWidth(lanes);
        TileRun* runs = stackalloc TileRun[4];
        for (int columns = 1; columns <= TileKernels.MaxColumns; columns++)
        {
            for (int rows = 1; rows <= TileShape.MaxRows(32, columns); rows++)
            {
                int width = columns * lanes;
                // Small whole numbers: every order of addition is exact.
                float[] a = [.. Enumerable.Range(0, rows * ARow).Select(i => (float)((i * 7 % 11) - 5))];
                int aRow = transposed ? 1 : ARow;
                int aStep = transposed ? rows : 1;
                TileRun[] cut = [new(1 * aStep * sizeof(float), 1, 3), new(5 * aStep * sizeof(float), 5, 1), new(0, 0, 0), new(0, 3, 2)];
                cut.CopyTo(new Span<TileRun>(runs, 4));
                int bStep = transposed ? width + lanes : width;
                float[] b = [.. Enumerable.Range(0, 6 * bStep).Select(i => (float)((i * 5 % 13) - 6))];
                float[] memory = GC.AllocateArray<float>((rows * width) + 17, pinned: true);
                int start = (int)(-(nint)Unsafe.AsPointer(ref memory[0]) & 63) / sizeof(float);
                Span<float> c = memory.AsSpan(start, (rows * width) + 1);
                c.Fill(added ? 3 : float.NaN);
                c[^1] = -77;
                fixed (float* pA = a, pB = b, pC = c)
                {
                    var arguments = new TileArguments
                    {
                        A = (byte*)pA,
                        StepA = (transposed ? aStep : aRow) * sizeof(float),
                        B = (byte*)pB,
                        StepB = bStep * sizeof(float),
                        Runs = runs,
                        RunCount = 4,
                        C = (byte*)pC,
                        StepC = width * sizeof(float),
                    };
                    switch (how)
                    {
                        case "stored":
                            kernels.Product(rows, columns, &arguments);
                            break;
                        case "transposed":
                            kernels.TransposedProduct(rows, columns, &arguments);
                            break;
                        case "transposed and added":
                            kernels.AddedTransposedProduct(rows, columns, &arguments);
                            break;
                        default:
                            kernels.StreamedProduct(rows, columns, &arguments);
                            break;
                    }
                }

                float[] expected = new float[c.Length];
                expected.AsSpan().Fill(added ? 3 : 0);
                expected[^1] = -77;
                for (int i = 0; i < rows; i++)
                {
                    foreach ((int x, int w) in ((int, int)[])[(1, 1), (2, 2), (3, 3), (5, 5), (0, 3), (1, 4)])
                    {
                        for (int j = 0; j < width; j++)
                        {
                            expected[(i * width) + j] += a[(i * aRow) + (x * aStep)] * b[(w * bStep) + j];
                        }
                    }
                }

                Assert.That(c.ToArray(), Is.EqualTo(expected), $"{rows} rows, {columns} columns of {lanes}");
            }
        }
    }

    /// <summary>Speed hangs on it: one accumulator that the compiler keeps in memory costs three quarters of it.</summary>
    [TestCase(true, TestName = "AccumulatorsStayInRegisters(with the widest vectors)")]
    [TestCase(false, TestName = "AccumulatorsStayInRegisters(with 16 registers of 256 bits)")]
    public void AccumulatorsStayInRegisters(bool avx512)
    {
        if (!Avx2.IsSupported || (avx512 && !Vector512.IsHardwareAccelerated))
        {
            Assert.Ignore("This processor has no such registers.");
        }

        int registers = avx512 ? 32 : 16;
        int checkedTiles = 0;
        foreach (string listing in JitListing.Of($"*{nameof(TileProduct)}:{nameof(TileProduct.Run)}", nameof(EveryTileSumsItsRuns), avx512))
        {
            Match name = TileName().Match(listing);
            int bits = int.Parse(name.Groups["bits"].Value, CultureInfo.InvariantCulture);
            int rows = int.Parse(name.Groups["rows"].Value, CultureInfo.InvariantCulture);
            int columns = int.Parse(name.Groups["columns"].Value, CultureInfo.InvariantCulture);
            if (bits > (avx512 ? 512 : 256) || rows > TileShape.MaxRows(registers, columns) || columns > (avx512 ? 4 : 3))
            {
                continue;
            }

            checkedTiles++;
            string tile = $"{rows} rows, {columns} columns of {bits} bits";
            Assert.That(JitListing.HasVectorOnStack(listing), Is.False, $"A vector goes through the stack: {tile}\n{listing}");
            int steps = TileProduct.IsInTwos(rows, columns) ? 3 : 1;
            Assert.That(Fma().Count(listing), Is.EqualTo(steps * rows * columns), $"One fused multiply-add for each accumulator and step: {tile}");
            Assert.That(listing, Does.Not.Contain("call "), tile);
        }

        Assert.That(checkedTiles, Is.EqualTo(4 * (avx512 ? 3 * (12 + 12 + 8 + 6) : 2 * (12 + 6 + 4))));
    }

    [GeneratedRegex(@"Width(?<bits>\d+),.*?Count(?<rows>\d+),.*?Count(?<columns>\d+),")]
    private static partial Regex TileName();

    [GeneratedRegex(@"\bvfmadd")]
    private static partial Regex Fma();
}
