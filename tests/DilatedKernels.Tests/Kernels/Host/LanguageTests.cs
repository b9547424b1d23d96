namespace DilatedKernels.Tests.Kernels.Host;

/// <summary>The host twins of the CUDA language against what the CUDA programming guide says of them.</summary>
[TestFixture(HostVariant.Plain)]
[TestFixture(HostVariant.Checked)]
[NonParallelizable]
public class LanguageTests(HostVariant variant)
{
    private HostLibrary _library = null!;

    [OneTimeSetUp]
    public void Build() => _library = new HostLibrary(HostBuild.Build(variant, "tests/DilatedKernels.Tests/Kernels/Host/Samples/language.cu"));

    [SetUp]
    public void ResetOptions()
    {
        _library.Seed = 4;
        _library.Threads = 2;
    }

    [Test]
    public void EveryThreadKnowsItsPlace()
    {
        nint y = _library.Allocate(2 * 3 * 2 * 4 * 3 * 2 * sizeof(int));
        _library.MustLaunch("coordinates", (2, 3, 2), (4, 3, 2), y);

        var expected = new List<int>();
        for (int block = 0; block < 12; block++)
        {
            for (int thread = 0; thread < 24; thread++)
            {
                int[] digits = [block % 2, block / 2 % 3, block / 6, thread % 4, thread / 4 % 3, thread / 12];
                expected.Add(digits.Aggregate(0, (packed, digit) => (packed * 10) + digit));
            }
        }

        Assert.That(_library.Download<int>(y, 288), Is.EqualTo(expected));
    }

    [Test]
    public void ShufflesTakeFromTheRightLane()
    {
        nint y = _library.Allocate(9 * 32 * sizeof(int));
        _library.MustLaunch("shuffles", (1, 1, 1), (32, 1, 1), y);
        Func<int, int>[] rows =
        [
            _ => 5,
            lane => (lane / 8 * 8) + ((lane + 3) % 8),
            lane => lane < 3 ? lane : lane - 3,
            lane => lane % 16 < 3 ? lane : lane - 3,
            lane => lane > 28 ? lane : lane + 3,
            lane => lane % 16 > 12 ? lane : lane + 3,
            lane => lane ^ 6,
            // Segments of 8: a partner in a later segment is out of reach, one in an earlier segment is not.
            lane => (lane ^ 12) / 8 > lane / 8 ? lane : lane ^ 12,
            lane => lane ^ 1,
        ];
        int[] actual = _library.Download<int>(y, 9 * 32);
        for (int row = 0; row < rows.Length; row++)
        {
            Assert.That(actual.Skip(32 * row).Take(32), Is.EqualTo(Enumerable.Range(0, 32).Select(rows[row])), $"row {row}");
        }
    }

    [Test]
    public void VotesCountTheLanesOfTheirMask()
    {
        nint y = _library.Allocate(4 * 32 * sizeof(uint));
        _library.MustLaunch("votes", (1, 1, 1), (32, 1, 1), y);
        uint thirds = Enumerable.Range(0, 32).Where(lane => lane % 3 == 0).Aggregate(0u, (bits, lane) => bits | (1u << lane));
        uint[] actual = _library.Download<uint>(y, 128);
        Assert.That(actual[..16], Is.All.EqualTo(thirds & 0xFFFF));
        Assert.That(actual[16..32], Is.All.EqualTo(thirds & 0xFFFF0000));
        Assert.That(actual[32..64], Is.EqualTo(Enumerable.Repeat(0u, 16).Concat(Enumerable.Repeat(1u, 16))));
        Assert.That(actual[64..96], Is.EqualTo(Enumerable.Repeat(0u, 16).Concat(Enumerable.Repeat(1u, 16))));
        Assert.That(actual[96..], Is.All.EqualTo(7u));
    }

    [Test]
    public void BFloat16RoundsToNearestEven()
    {
        // Every neighbourhood of a tie for every exponent and sign, and the special values.
        var values = new List<float> { 0f, -0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.Epsilon };
        for (uint high = 0; high < 0x10000; high += 37)
        {
            foreach (uint low in (uint[])[0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF])
            {
                values.Add(BitConverter.UInt32BitsToSingle((high << 16) | low));
            }
        }

        int count = values.Count;
        nint x = _library.Upload<float>([.. values]), bits = _library.Allocate(count * 4L), back = _library.Allocate(count * 4L);
        _library.MustLaunch("round_to_bfloat16", ((count + 255) / 256, 1, 1), (256, 1, 1), x, bits, back, count);
        int[] actual = _library.Download<int>(bits, count);
        float[] actualBack = _library.Download<float>(back, count);
        for (int i = 0; i < count; i++)
        {
            int expected = NearestBFloat16(values[i]);
            Assert.That(actual[i], Is.EqualTo(expected), $"{values[i]:R}");
            Assert.That(actualBack[i], Is.EqualTo(BitConverter.Int32BitsToSingle(expected << 16)), $"{values[i]:R}");
        }

        // By distance in double precision, not by bit tricks.
        static int NearestBFloat16(float value)
        {
            if (float.IsNaN(value))
            {
                return 0x7FFF;
            }

            int below = BitConverter.SingleToInt32Bits(value) >>> 16;
            if (float.IsInfinity(value))
            {
                return below;
            }

            double low = BitConverter.Int32BitsToSingle(below << 16), high = BitConverter.Int32BitsToSingle((below + 1) << 16);
            if (double.IsInfinity(high))
            {
                // The next step up would have been 2^128.
                high = Math.CopySign(Math.Pow(2, 128), high);
            }

            double toLow = Math.Abs(value - low), toHigh = Math.Abs(high - value);
            return toLow < toHigh || (toLow == toHigh && below % 2 == 0) ? below : below + 1;
        }
    }

    [Test]
    public void IntegerAtomicsLoseNothing()
    {
        const int Threads = 64 * 256;
        nint sum = _library.Upload(0), largest = _library.Upload(0u), smallest = _library.Upload(ulong.MaxValue);
        nint taken = _library.Upload<int>(new int[Threads + 1]);
        _library.MustLaunch("atomics", (64, 1, 1), (256, 1, 1), sum, largest, smallest, taken);
        Assert.That(_library.Download<int>(sum, 1)[0], Is.EqualTo(Threads / 2 * (Threads - 1)));
        Assert.That(_library.Download<uint>(largest, 1)[0], Is.EqualTo(Threads - 1));
        Assert.That(_library.Download<ulong>(smallest, 1)[0], Is.EqualTo(7));
        Assert.That(_library.Download<int>(taken, Threads + 1), Is.EqualTo(Enumerable.Repeat(1, Threads).Prepend(Threads)));
    }

    [Test]
    public void TrapNamesTheThread()
    {
        HostResult result = _library.Launch("trap_at", (1, 1, 1), (32, 1, 1), 0, 9);
        Assert.That(result.Status, Is.EqualTo(HostStatus.Trap));
        Assert.That(result.Message, Does.Match(@"^kernel 'trap_at', block \(0,0,0\), thread \(9,0,0\): trap at language\.cu:\d+$"));
    }

    [Test]
    public void DeclaredSharedMemoryHasALimit()
    {
        nint y = _library.Allocate(32 * sizeof(float));
        HostResult result = _library.Launch("large_shared_array", (1, 1, 1), (32, 1, 1), 0, y);
        Assert.That(result.Status, Is.EqualTo(HostStatus.InvalidArgument));
        Assert.That(result.Message, Does.Contain("shared array 'second' of 32768 bytes does not fit").And.Contain("49152"));
    }
}
