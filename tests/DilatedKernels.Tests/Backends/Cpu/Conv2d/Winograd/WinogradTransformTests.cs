using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text.RegularExpressions;
using DilatedKernels.Backends.Cpu.Conv2d.Winograd;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d.Winograd;

/// <summary>The transforms of every vector width against their matrices, on whole numbers that make every step exact.</summary>
public sealed unsafe partial class WinogradTransformTests
{
    // Two vectors of the widest, the second not whole.
    private const int Channels = 21;
    private const int Step = 32;
    private const int Tiles = 3;

    private static readonly double[,] B = { { 1, 0, 0, 0 }, { 0, 1, -1, 1 }, { -1, 1, 1, 0 }, { 0, 0, 0, -1 } };
    private static readonly double[,] G = { { 1, 0, 0 }, { 0.5, 0.5, 0.5 }, { 0.5, -0.5, 0.5 }, { 0, 0, 1 } };
    private static readonly double[,] A = { { 1, 0 }, { 1, 1 }, { 1, -1 }, { 0, -1 } };

    [Test]
    public void EveryTransformIsItsMatrix([Values(4, 8, 16)] int lanes)
    {
        WinogradKernels kernels = WinogradKernels.OfWidth(lanes);
        int vectors = (Channels + lanes - 1) / lanes;
        float[] from = [.. Enumerable.Range(0, 20 * Tiles * Step).Select(i => (float)(((i * 37 % 101) - 50) * 4))];
        float[] to = new float[20 * Tiles * Step];
        fixed (float* source = from, target = to)
        {
            float** pixels = stackalloc float*[16];
            var tiles = new TileTransform { Pixels = pixels, PixelStep = Step, Tiles = Tiles, Target = target, TileStep = Step, ValueStep = Tiles * Step, Vectors = vectors };
            for (int i = 0; i < 16; i++)
            {
                pixels[i] = source + (i * Tiles * Step);
            }

            kernels.Input(&tiles);
            Compare(Transposed(B), B, 4, from, to, Tiles, Tiles * Step);

            kernels.Gradient(&tiles);
            Compare(A, Transposed(A), 2, from, to, Tiles, Tiles * Step);

            var matrix = new TransformArguments { Source = source, RowStep = 3 * Step, ColumnStep = Step, Target = target, TargetStep = Step, Vectors = vectors };
            kernels.Weight(&matrix);
            Compare(G, Transposed(G), 3, from, to, 1, Step);

            matrix.RowStep = 4 * Step;
            kernels.WeightGradient(&matrix);
            Compare(Transposed(G), G, 4, from, to, 1, Step);
        }
    }

    [Test]
    public void EveryOutputIsItsMatrix([Values(4, 8, 16)] int lanes, [Values(1, 2)] int rows, [Values(1, 2)] int columns, [Values] bool relu)
    {
        float[] from = [.. Enumerable.Range(0, 16 * Tiles * Step).Select(i => (float)((i * 37 % 101) - 50))];
        float[] bias = [.. Enumerable.Range(0, Step).Select(i => (float)(i - 9))];
        float[] to = new float[4 * Tiles * Step];
        to.AsSpan().Fill(-77);
        fixed (float* source = from, target = to, b = bias)
        {
            var output = new OutputTransform
            {
                Source = source,
                ValueStep = Tiles * Step,
                TileStep = Step,
                Tiles = Tiles,
                Target = target,
                PixelStep = Step,
                RowStep = 2 * Tiles * Step,
                ColumnStep = Tiles * Step,
                Channels = Channels,
                Rows = rows,
                Columns = columns,
                Bias = b,
                Relu = relu,
            };
            WinogradKernels.OfWidth(lanes).Output(&output);
        }

        float[] expected = new float[to.Length];
        expected.AsSpan().Fill(-77);
        for (int tile = 0; tile < Tiles; tile++)
        {
            for (int c = 0; c < Channels; c++)
            {
                double[,] y = Product(Product(Transposed(A), Matrix(4, i => from[(i * Tiles * Step) + (tile * Step) + c])), A);
                for (int i = 0; i < 4; i++)
                {
                    if (i / 2 < rows && i % 2 < columns)
                    {
                        double value = y[i / 2, i % 2] + bias[c];
                        expected[(i * Tiles * Step) + (tile * Step) + c] = (float)(relu ? Math.Max(0, value) : value);
                    }
                }
            }
        }

        Assert.That(to, Is.EqualTo(expected), "and nothing is written past the channels, or to rows and columns that do not exist");
    }

    [TestCase(true, TestName = "TransformsStayInRegisters(with the widest vectors)")]
    [TestCase(false, TestName = "TransformsStayInRegisters(with 16 registers of 256 bits)")]
    public void TransformsStayInRegisters(bool avx512)
    {
        if (!Avx2.IsSupported || (avx512 && !Vector512.IsHardwareAccelerated))
        {
            Assert.Ignore("This processor has no such registers.");
        }

        string[] listings = [.. JitListing.Of($"*{nameof(WinogradTransforms)}:*", nameof(WinogradTransformTests) + ".Every", avx512).Where(l => avx512 || !Wide().IsMatch(l))];
        Assert.That(listings, Has.Length.EqualTo(5 * (avx512 ? 3 : 2)));
        foreach (string listing in listings)
        {
            Assert.That(JitListing.HasVectorOnStack(listing), Is.False, $"A vector goes through the stack:\n{listing}");
            Assert.That(listing, Does.Not.Contain("call "));
        }
    }

    [GeneratedRegex(@"Width512\]")]
    private static partial Regex Wide();

    /// <summary>Checks <c>left · M · right</c> for a square matrix M of vectors, over the values that exist.</summary>
    private static void Compare(double[,] left, double[,] right, int size, float[] from, float[] to, int tiles, int valueStep)
    {
        for (int tile = 0; tile < tiles; tile++)
        {
            for (int c = 0; c < Channels; c++)
            {
                double[,] expected = Product(Product(left, Matrix(size, i => from[(i * valueStep) + (tile * Step) + c])), right);
                for (int i = 0; i < expected.Length; i++)
                {
                    Assert.That(to[(i * valueStep) + (tile * Step) + c], Is.EqualTo(expected[i / expected.GetLength(1), i % expected.GetLength(1)]), $"value {i}, tile {tile}, channel {c}");
                }
            }
        }
    }

    private static double[,] Matrix(int size, Func<int, double> value)
    {
        double[,] m = new double[size, size];
        for (int i = 0; i < size * size; i++)
        {
            m[i / size, i % size] = value(i);
        }

        return m;
    }

    private static double[,] Transposed(double[,] m)
    {
        double[,] t = new double[m.GetLength(1), m.GetLength(0)];
        for (int i = 0; i < m.GetLength(0); i++)
        {
            for (int j = 0; j < m.GetLength(1); j++)
            {
                t[j, i] = m[i, j];
            }
        }

        return t;
    }

    private static double[,] Product(double[,] left, double[,] right)
    {
        double[,] product = new double[left.GetLength(0), right.GetLength(1)];
        for (int i = 0; i < left.GetLength(0); i++)
        {
            for (int j = 0; j < right.GetLength(1); j++)
            {
                for (int k = 0; k < right.GetLength(0); k++)
                {
                    product[i, j] += left[i, k] * right[k, j];
                }
            }
        }

        return product;
    }
}
