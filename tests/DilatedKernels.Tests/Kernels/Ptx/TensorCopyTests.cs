using System.Runtime.InteropServices;
using DilatedKernels.Tests.Kernels.Host;

namespace DilatedKernels.Tests.Kernels.Ptx;

/// <summary>The host twin of the copy engine: which bytes of a tensor arrive where, by the PTX manual's words and not by the runtime's code.</summary>
[TestFixture(HostVariant.Plain)]
[TestFixture(HostVariant.Checked)]
[NonParallelizable]
public class TensorCopyTests(HostVariant variant)
{
    private const int SharedBytes = 64 << 10;

    private HostLibrary _library = null!;

    [OneTimeSetUp]
    public void Build() => _library = new HostLibrary(HostBuild.Build(variant, "tests/DilatedKernels.Tests/Kernels/Host/Samples/tensor_copies.cu"));

    [SetUp]
    public void ResetOptions() => _library.Seed = 0;

    // Elements of two bytes; the swizzle's number; the tensor and a box of it, fastest axis first; where the box starts.
    [TestCase(0, 24, 5, 7, 8, 3, 2, 0, 0, 0)]
    [TestCase(0, 24, 5, 7, 8, 3, 2, 16, 3, 6, Description = "past the ends of the two slower axes")]
    [TestCase(0, 24, 5, 7, 16, 3, 1, 16, -1, 2, Description = "past the end of the fastest, and before the start of the second")]
    [TestCase(1, 40, 9, 2, 16, 12, 1, 32, 2, 1)]
    [TestCase(2, 40, 9, 2, 32, 9, 2, 0, 0, 0)]
    [TestCase(3, 72, 9, 4, 64, 1, 4, 64, 8, 0, Description = "weights: a channel block past the end, one tap")]
    [TestCase(3, 200, 9, 40, 64, 1, 40, 128, 3, 16)]
    public void BoxArrivesSwizzledWithZerosOutside(int swizzle, int e0, int e1, int e2, int b0, int b1, int b2, int c0, int c1, int c2)
    {
        ushort[] tensor = Numbers(e0 * e1 * e2);
        nint x = _library.Upload<ushort>(tensor);
        Assert.That(_library.EncodeTiled(new HostTensor(x, 2, swizzle, [e0, e1, e2]), [(uint)b0, (uint)b1, (uint)b2], out byte[] map).Message, Is.Empty);
        ushort[] expected = new ushort[b0 * b1 * b2];
        for (int i = 0; i < expected.Length; i++)
        {
            int row = i / b0;
            (int p0, int p1, int p2) = (c0 + (i % b0), c1 + (row % b1), c2 + (row / b1));
            bool inside = p0 < e0 && p1 >= 0 && p1 < e1 && p2 < e2;
            expected[Place(row, i % b0, b0, swizzle)] = inside ? tensor[(((p2 * e1) + p1) * e0) + p0] : (ushort)0;
        }

        Assert.That(Copy("copy_box", map, expected.Length, c0, c1, c2), Is.EqualTo(expected));
        _library.Free(x);
    }

    /// <summary>To TF32 is rounded to nearest, ties to even, up into the exponent; infinity and NaN come as they are, also NaN whose payload is in the low bits alone.</summary>
    [TestCase(0x3F800FFFu, 0x3F800000u)]
    [TestCase(0x3F801000u, 0x3F800000u)]
    [TestCase(0x3F801001u, 0x3F802000u)]
    [TestCase(0xBF803000u, 0xBF804000u)]
    [TestCase(0x3FFFF000u, 0x40000000u)]
    [TestCase(0x7F7FFFFFu, 0x7F800000u)]
    [TestCase(0x7F800000u, 0x7F800000u)]
    [TestCase(0x7F800001u, 0x7F800001u)]
    [TestCase(0x00001800u, 0x00002000u)]
    public void Tf32IsRoundedOnTheWay(uint value, uint rounded)
    {
        uint[] tensor = [.. Enumerable.Repeat(value, 8 * 8 * 8)];
        nint x = _library.Upload<uint>(tensor);
        foreach (uint isTf32 in (uint[])[1, 0])
        {
            Assert.That(_library.EncodeTiled(new HostTensor(x, 4, 0, [8, 8, 8]) { IsTf32 = isTf32 }, [8, 8, 1], out byte[] map).Message, Is.Empty);
            uint[] copied = MemoryMarshal.Cast<ushort, uint>(Copy("copy_box", map, 2 * 8 * 8, 4, 0, 0)).ToArray();
            uint expected = isTf32 == 1 ? rounded : value;
            Assert.That(copied, Is.EqualTo(Enumerable.Range(0, 8 * 8).Select(i => i % 8 < 4 ? expected : 0)));
        }

        Assert.That(_library.EncodeTiled(new HostTensor(x, 2, 0, [8, 8, 8]) { IsTf32 = 1 }, [8, 8, 1], out _).Message, Does.Contain("TF32 is read from elements of 4 bytes"));
        _library.Free(x);
    }

    [Test]
    public void BoxWithStepsLeavesElementsOut()
    {
        ushort[] tensor = Numbers(8 * 7 * 3);
        nint x = _library.Upload<ushort>(tensor);
        _library.EncodeTiled(new HostTensor(x, 2, 0, [8, 7, 3], [1, 2, 1]), [8, 5, 1], out byte[] map);
        ushort[] expected = [.. new[] { 1, 3, 5 }.SelectMany(row => Enumerable.Range(0, 8).Select(c => tensor[(((2 * 7) + row) * 8) + c]))];
        Assert.That(Copy("copy_box", map, expected.Length, 0, 1, 2), Is.EqualTo(expected));
    }

    // A 3 x 3 kernel's base pixels are (x - padding), and tap (i, j) reads at + dilation * (i, j): what a convolution reads, position by position.
    [TestCase(0, 16, 8, 9, 2, 1, 1, 1, 16, 20, 0)]
    [TestCase(3, 64, 8, 9, 2, 2, 2, 1, 64, 128, 7, Description = "same padding, dilation 2, over the end of the first image")]
    [TestCase(3, 72, 8, 9, 2, 4, 4, 1, 64, 40, 100, Description = "the second block of channels mostly lies outside, and past the batch")]
    [TestCase(3, 64, 5, 6, 3, 16, 16, 1, 64, 64, 31, Description = "dilation beyond the map")]
    [TestCase(2, 32, 12, 11, 2, 0, 2, 1, 32, 50, 3, Description = "valid")]
    [TestCase(1, 16, 13, 11, 2, 1, 1, 2, 16, 64, 5, Description = "stride 2")]
    [TestCase(0, 8, 14, 15, 1, 3, 2, 3, 8, 16, 4, Description = "stride 3, padded by more than the dilation")]
    public void ColumnIsWhatATapReads(int swizzle, int channels, int width, int height, int batch, int padding, int dilation, int stride, int loaded, int pixels, int first)
    {
        ushort[] tensor = Numbers(channels * width * height * batch);
        nint x = _library.Upload<ushort>(tensor);
        int across = ((width + (2 * padding) - (2 * dilation) - 1) / stride) + 1;
        int down = ((height + (2 * padding) - (2 * dilation) - 1) / stride) + 1;
        int upper = padding - (2 * dilation);
        Assert.That(_library.EncodeIm2col(
            new HostTensor(x, 2, swizzle, [channels, width, height, batch], [1, stride, stride, 1]), [-padding, -padding], [upper, upper], (uint)loaded, (uint)pixels, out byte[] map).Message, Is.Empty);
        int block = channels > loaded ? loaded : 0;
        foreach ((int tapRow, int tapColumn) in new[] { (0, 0), (1, 2), (2, 1) })
        {
            ushort[] expected = new ushort[loaded * pixels];
            for (int i = 0; i < expected.Length; i++)
            {
                int position = first + (i / loaded), channel = block + (i % loaded);
                int n = position / (across * down), row = position / across % down, column = position % across;
                int h = (row * stride) - padding + (tapRow * dilation), w = (column * stride) - padding + (tapColumn * dilation);
                bool inside = n < batch && h >= 0 && h < height && w >= 0 && w < width && channel < channels;
                expected[Place(i / loaded, i % loaded, loaded, swizzle)] = inside ? tensor[(((((n * height) + h) * width) + w) * channels) + channel] : (ushort)0;
            }

            int start = ((first % across) * stride) - padding, startRow = ((first / across % down) * stride) - padding;
            Assert.That(
                Copy("copy_column", map, expected.Length, block, start, startRow, first / (across * down), tapColumn * dilation, tapRow * dilation),
                Is.EqualTo(expected), $"tap {tapRow}, {tapColumn}");
        }
    }

    [Test]
    public void ColumnMustStartAtABasePixel()
    {
        nint x = _library.Upload<ushort>(Numbers(8 * 6 * 6));
        _library.EncodeIm2col(new HostTensor(x, 2, 0, [8, 6, 6, 1], [1, 2, 1, 1]), [-1, -1], [-1, -1], 8, 16, out byte[] map);
        Assert.That(Start(5, 0, 0).Message, Does.Contain("starts at 5 on axis 1; its base pixels there are those from -1 on in steps of 2, below 5"));
        Assert.That(Start(0, 0, 0).Message, Does.Contain("starts at 0 on axis 1"));
        Assert.That(Start(1, -2, 0).Message, Does.Contain("starts at -2 on axis 2"));
        Assert.That(Start(1, 4, 256).Message, Does.Contain("an offset of 256 along axis 1; 255 is the most"));
        Assert.That(Start(1, 4, 255).Status, Is.EqualTo(HostStatus.Ok));

        HostResult Start(int w, int h, int offset) => _library.Launch("copy_column", (1, 1, 1), (32, 1, 1), SharedBytes, map, _library.Allocate(256), 256, 0, w, h, 0, offset, 0);
    }

    [Test]
    public void MapsThatADeviceRefusesAreRefused()
    {
        nint x = _library.Upload<ushort>(new ushort[4096]);
        Assert.That(_library.EncodeTiled(new HostTensor(x + 2, 2, 0, [8, 8, 8]), [8, 8, 1], out _).Message, Does.Contain("address is no multiple of 16"));
        Assert.That(_library.EncodeTiled(new HostTensor(x, 2, 0, [7, 8, 8]), [8, 8, 1], out _).Message, Does.Contain("stride 14 of axis 1"));
        Assert.That(_library.EncodeTiled(new HostTensor(x, 2, 0, [8, 8, 8]), [8, 257, 1], out _).Message, Does.Contain("a box of 257 along axis 1"));
        Assert.That(_library.EncodeTiled(new HostTensor(x, 2, 0, [8, 8, 8]), [4, 8, 1], out _).Message, Does.Contain("rows of 8 bytes"));
        Assert.That(_library.EncodeTiled(new HostTensor(x, 2, 3, [128, 8, 2]), [128, 8, 1], out _).Message, Does.Contain("rows of 256 bytes with a swizzle of 128"));
        Assert.That(Corners([-129, 0], [0, 0]).Message, Does.Contain("corners -129 and 0 on axis 1; -128 to 127"));
        Assert.That(Corners([0, -8], [0, -16]).Message, Does.Contain("leave no base pixel"));
        Assert.That(Corners([-128, 0], [-128, 0]).Status, Is.EqualTo(HostStatus.Ok));

        HostResult Corners(int[] lower, int[] upper) => _library.EncodeIm2col(new HostTensor(x, 2, 0, [8, 8, 8, 8]), lower, upper, 8, 16, out _);
    }

    // Rows of 32, 64 or 128 bytes: granule g of the row at 128-byte line l lies at g exchanged with the low bits of l, for rows of 64 and 32 bytes with those of
    // the line that two or four of them share.
    private static int Place(int row, int column, int columns, int swizzle)
    {
        int rowBytes = 2 * columns, granule = 2 * column / 16;
        int line = row * rowBytes / 128;
        int exchanged = swizzle == 0 ? granule : granule ^ (line % (1 << swizzle));
        return (row * columns) + (exchanged * 8) + (column % 8);
    }

    // Every launch in three orders of threads and copies.
    private ushort[] Copy(string kernel, byte[] map, int count, params int[] place)
    {
        ushort[][] results = [.. new[] { 0, 1, 12 }.Select(seed =>
        {
            _library.Seed = seed;
            nint y = _library.Allocate(2L * count);
            HostResult result = _library.Launch(kernel, (1, 1, 1), (64, 1, 1), SharedBytes, [map, y, 2 * count, .. place.Cast<object>()]);
            Assert.That(result.Message, Is.Empty);
            ushort[] values = _library.Download<ushort>(y, count);
            _library.Free(y);
            return values;
        })];
        Assert.That(results, Is.All.EqualTo(results[0]));
        return results[0];
    }

    private static ushort[] Numbers(int count) => [.. Enumerable.Range(1, count).Select(i => (ushort)(i * 40503))];
}
