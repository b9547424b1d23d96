using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Text.RegularExpressions;
using DilatedKernels.Backends.Cpu.Conv2d.Winograd;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d.Winograd;

/// <summary>The transforms of every vector width against their matrices, on numbers that make nearly every step exact.</summary>
public sealed unsafe partial class WinogradTransformTests
{
    // Two vectors of the widest, the second not whole.
    private const int Channels = 21;
    private const int Step = 32;
    private const int Tiles = 3;

    // The definition's matrices: F(2, 3) and F(4, 3) at the points 0, ±a, ±b and infinity.
    private static readonly double[,] B2 = { { 1, 0, 0, 0 }, { 0, 1, -1, 1 }, { -1, 1, 1, 0 }, { 0, 0, 0, -1 } };
    private static readonly double[,] G2 = { { 1, 0, 0 }, { 0.5, 0.5, 0.5 }, { 0.5, -0.5, 0.5 }, { 0, 0, 1 } };
    private static readonly double[,] A2 = { { 1, 0 }, { 1, 1 }, { 1, -1 }, { 0, -1 } };

    private static readonly double[] Points = [0, 0.75, -0.75, 1.5, -1.5];

    [Test]
    public void EveryTransformIsItsMatrix([Values(4, 8, 16)] int lanes, [Values(2, 4)] int outputs)
    {
        (double[,] a, double[,] b, double[,] g) = Matrices(outputs);
        WinogradKernels kernels = WinogradKernels.Of(new WinogradTile(outputs), lanes);
        int vectors = (Channels + lanes - 1) / lanes;
        float[] from = [.. Enumerable.Range(0, 40 * Tiles * Step).Select(i => (float)(((i * 37 % 101) - 50) * 4))];
        float[] to = new float[40 * Tiles * Step];
        fixed (float* source = from, target = to)
        {
            float** pixels = stackalloc float*[36];
            var tiles = new TileTransform { Pixels = pixels, PixelStep = Step, Tiles = Tiles, Target = target, TileStep = Step, ValueStep = Tiles * Step, Vectors = vectors };
            for (int i = 0; i < 36; i++)
            {
                pixels[i] = source + (i * Tiles * Step);
            }

            kernels.Input(&tiles);
            Compare(Transposed(b), b, outputs + 2, from, to, Tiles, Tiles * Step);

            kernels.Gradient(&tiles);
            Compare(a, Transposed(a), outputs, from, to, Tiles, Tiles * Step);

            var matrix = new TransformArguments { Source = source, RowStep = 3 * Step, ColumnStep = Step, Target = target, TargetStep = Step, Vectors = vectors };
            kernels.Weight(&matrix);
            Compare(g, Transposed(g), 3, from, to, 1, Step);

            float[] before = [.. from];
            matrix.RowStep = (outputs + 2) * Step;
            kernels.WeightGradient(&matrix);
            Compare(Transposed(g), g, outputs + 2, before, to, 1, Step);
        }
    }

    [Test]
    public void EveryOutputIsItsMatrix([Values(4, 8, 16)] int lanes, [Values(2, 4)] int outputs, [Values(0, 1, 2, 3)] int lessRows, [Values(0, 1, 2, 3)] int lessColumns, [Values] bool relu)
    {
        (int rows, int columns) = (Math.Max(1, outputs - lessRows), Math.Max(1, outputs - lessColumns));
        int inputs = outputs + 2;
        double[,] a = Matrices(outputs).A;
        float[] from = [.. Enumerable.Range(0, inputs * inputs * Tiles * Step).Select(i => (float)((i * 37 % 101) - 50))];
        float[] bias = [.. Enumerable.Range(0, Step).Select(i => (float)(i - 9))];
        float[] to = new float[outputs * outputs * Tiles * Step];
        float[] scratch = new float[36 * 16];
        to.AsSpan().Fill(-77);
        fixed (float* source = from, target = to, b = bias, memory = scratch)
        {
            var output = new OutputTransform
            {
                Source = source,
                ValueStep = Tiles * Step,
                TileStep = Step,
                Tiles = Tiles,
                Target = target,
                PixelStep = Step,
                RowStep = outputs * Tiles * Step,
                ColumnStep = Tiles * Step,
                Channels = Channels,
                Rows = rows,
                Columns = columns,
                Bias = b,
                Relu = relu,
                Scratch = memory,
            };
            WinogradKernels.Of(new WinogradTile(outputs), lanes).Output(&output);
        }

        for (int tile = 0; tile < Tiles; tile++)
        {
            for (int c = 0; c < Step; c++)
            {
                double[,] y = Product(Product(Transposed(a), Matrix(inputs, i => from[(i * Tiles * Step) + (tile * Step) + c])), a);
                for (int i = 0; i < outputs * outputs; i++)
                {
                    float actual = to[(i * Tiles * Step) + (tile * Step) + c];
                    if (i / outputs < rows && i % outputs < columns && c < Channels)
                    {
                        double value = y[i / outputs, i % outputs] + bias[c];
                        AssertEqual(actual, relu ? Math.Max(0, value) : value, $"output {i}, tile {tile}, channel {c}");
                    }
                    else
                    {
                        Assert.That(actual, Is.EqualTo(-77f), "nothing is written past the channels, or to rows and columns that do not exist");
                    }
                }
            }
        }
    }

    [TestCase(true, TestName = "TransformsStayInRegisters(with the widest vectors)")]
    [TestCase(false, TestName = "TransformsStayInRegisters(with 16 registers of 256 bits)")]
    public void TransformsStayInRegisters(bool avx512)
    {
        if (!Avx2.IsSupported || (avx512 && !Vector512.IsHardwareAccelerated))
        {
            Assert.Ignore("This processor has no such registers.");
        }

        string[] listings = [.. JitListing.Of("*WinogradTransforms*:*", nameof(WinogradTransformTests) + ".Every", avx512).Where(l => avx512 || !Wide().IsMatch(l))];
        Assert.That(listings, Has.Length.EqualTo(2 * 5 * (avx512 ? 3 : 2)));
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
                    AssertEqual(to[(i * valueStep) + (tile * Step) + c], expected[i / expected.GetLength(1), i % expected.GetLength(1)], $"value {i}, tile {tile}, channel {c}");
                }
            }
        }
    }

    // Numbers up to 200 times coefficients up to 8: what is exact is whole multiples of 2⁻¹², the rest is rounded a few times.
    private static void AssertEqual(float actual, double expected, string what) => Assert.That(actual, Is.EqualTo(expected).Within(2e-3), what);

    private static (double[,] A, double[,] B, double[,] G) Matrices(int outputs)
    {
        if (outputs == 2)
        {
            return (A2, B2, G2);
        }

        double[,] a = new double[6, 4];
        double[,] b = new double[6, 6];
        double[,] g = new double[6, 3];
        for (int i = 0; i < 5; i++)
        {
            double[] others = [.. Points.Where((_, other) => other != i)];
            double scale = others.Aggregate(1.0, (product, other) => product * (Points[i] - other));
            for (int k = 0; k < 4; k++)
            {
                a[i, k] = Math.Pow(Points[i], k);
            }

            for (int k = 0; k < 3; k++)
            {
                g[i, k] = Math.Pow(Points[i], k) / scale;
            }

            SetColumn(b, i, Polynomial(others));
        }

        (a[5, 3], g[5, 2]) = (1, 1);
        SetColumn(b, 5, Polynomial(Points));
        return (a, b, g);
    }

    private static void SetColumn(double[,] matrix, int column, double[] values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            matrix[i, column] = values[i];
        }
    }

    /// <summary>The coefficients of <c>Π (x − root)</c>, the constant first.</summary>
    private static double[] Polynomial(double[] roots)
    {
        double[] p = [1];
        foreach (double root in roots)
        {
            double[] next = new double[p.Length + 1];
            for (int i = 0; i < p.Length; i++)
            {
                next[i + 1] += p[i];
                next[i] -= root * p[i];
            }

            p = next;
        }

        return p;
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
