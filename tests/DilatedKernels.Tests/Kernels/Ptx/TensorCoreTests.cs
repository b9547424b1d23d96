using DilatedKernels.Tests.Kernels.Host;

namespace DilatedKernels.Tests.Kernels.Ptx;

/// <summary>The host twins of ldmatrix and mma: a product through them is the product of the rounded operands.</summary>
[TestFixture(HostVariant.Plain)]
[TestFixture(HostVariant.Checked)]
[NonParallelizable]
public class TensorCoreTests(HostVariant variant)
{
    private HostLibrary _library = null!;

    [OneTimeSetUp]
    public void Build() => _library = new HostLibrary(HostBuild.Build(variant, "tests/DilatedKernels.Tests/Kernels/Host/Samples/tensor_cores.cu"));

    // Rounding keeps 16 bits of a float32 for bfloat16 and 19 for TF32.
    [TestCase("product_bf16", 16, 16)]
    [TestCase("product_tf32", 8, 13)]
    public void ProductOfRoundedOperands(string kernel, int inner, int droppedBits)
    {
        float[] a = Operand(16 * inner, 1), b = Operand(inner * 8, 2);
        foreach (int seed in (int[])[0, 1, 9])
        {
            _library.Seed = seed;
            nint c = _library.Allocate(16 * 8 * sizeof(float));
            _library.MustLaunch(kernel, (1, 1, 1), (32, 1, 1), _library.Upload<float>(a), _library.Upload<float>(b), c);
            float[] actual = _library.Download<float>(c, 128);
            for (int i = 0; i < 16; i++)
            {
                for (int j = 0; j < 8; j++)
                {
                    double expected = Enumerable.Range(0, inner).Sum(k => Round(a[(i * inner) + k]) * Round(b[(k * 8) + j]));
                    Assert.That(actual[(i * 8) + j], Is.EqualTo(expected).Within(1e-5), $"({i}, {j}), seed {seed}");
                }
            }
        }

        double Round(float value)
        {
            // To a multiple of the last kept bit; the operands have no ties.
            int exponent = (BitConverter.SingleToInt32Bits(value) >> 23) & 0xFF;
            double step = Math.Pow(2, exponent - 127 - (23 - droppedBits));
            return Math.Round(value / step) * step;
        }
    }

    private static float[] Operand(int count, int seed) => [.. Enumerable.Range(0, count).Select(i => MathF.Sin((i * 7 * seed) + seed) + 0.01f)];
}
