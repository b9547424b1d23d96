using DilatedKernels.Tests.Kernels.Host;

namespace DilatedKernels.Tests.Kernels.Ptx;

/// <summary>The host twin of wgmma: two steps of a product through every layout of operands are the product of the rounded operands.</summary>
[TestFixture(HostVariant.Plain)]
[TestFixture(HostVariant.Checked)]
[NonParallelizable]
public class WarpgroupProductTests(HostVariant variant)
{
    private const int Rows = 64;

    private HostLibrary _library = null!;

    [OneTimeSetUp]
    public void Build() => _library = new HostLibrary(HostBuild.Build(variant, "tests/DilatedKernels.Tests/Kernels/Host/Samples/warpgroup_products.cu"));

    // Two steps take 64 bytes of a row: rows of 32 hold one.
    [TestCase("bf16", 16)]
    [TestCase("bf16", 88)]
    [TestCase("bf16", 256)]
    [TestCase("tf32", 24)]
    [TestCase("tf32", 256)]
    [TestCase("across", 64)]
    [TestCase("across", 168)]
    [TestCase("across", 256)]
    public void ProductOfRoundedOperands(string type, int columns)
    {
        bool bf16 = type != "tf32";
        int depth = bf16 ? 32 : 16;
        float[] a = Operand(Rows * depth, 1), b = Operand(columns * depth, 2);
        double[] expected = new double[Rows * columns];
        for (int i = 0; i < expected.Length; i++)
        {
            int row = i / columns, column = i % columns;
            expected[i] = 1 + Enumerable.Range(0, depth).Sum(k => (double)Round(a[(row * depth) + k]) * Round(b[(column * depth) + k]));
        }

        nint x = _library.Upload<float>(a), w = _library.Upload<float>(b);
        foreach (int swizzle in type == "across" ? (int[])[0, 32, 64, 128] : [0, 64, 128])
        {
            foreach (int seed in (int[])[0, 1, 9])
            {
                _library.Seed = seed;
                nint c = _library.Allocate(expected.Length * sizeof(float));
                HostResult result = _library.Launch($"warpgroup_product_{type}_{columns}", (1, 1, 1), (128, 1, 1), 50 << 10, x, w, c, swizzle);
                Assert.That(result.Message, Is.Empty);
                Assert.That(_library.Download<float>(c, expected.Length), Is.EqualTo(expected).Within(1e-4), $"swizzle {swizzle}, seed {seed}");
                _library.Free(c);
            }
        }

        float Round(float value) => BitConverter.Int32BitsToSingle(bf16 ? (int)((BitConverter.SingleToInt32Bits(value) + 0x8000L) & 0xFFFF0000) : BitConverter.SingleToInt32Bits(value) & ~0x1FFF);
    }

    /// <summary>
    /// Bit by bit as the PTX manual lays it out: the address in 16 bytes from bit 0 on, the leading offset from 16, the stride from 32, the swizzle from 62.
    /// The second is what CUTLASS gives for 64 positions of 128 bytes, its Layout_MN_SW128_Atom, one step of 16 lines further.
    /// </summary>
    [Test]
    public void DescriptorsAreTheManuals()
    {
        nint y = _library.Allocate(16);
        Assert.That(_library.Launch("warpgroup_descriptors", (1, 1, 1), (32, 1, 1), 0, y, 0x2400).Message, Is.Empty);
        Assert.That(_library.Download<ulong>(y, 2), Is.EqualTo(new[] { 0x4000_0040_0001_0240ul, 0x4000_0040_0200_02C0ul }));
    }

    private static float[] Operand(int count, int seed) => [.. Enumerable.Range(0, count).Select(i => MathF.Sin((i * 7 * seed) + seed) + 0.01f)];
}
