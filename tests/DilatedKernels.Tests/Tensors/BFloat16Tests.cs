namespace DilatedKernels.Tests.Tensors;

public class BFloat16Tests
{
    private const int Patterns = 1 << 16;

    /// <summary>All numbers of the type, in the order of their bits.</summary>
    private static readonly ushort[] All = [.. Enumerable.Range(0, Patterns).Select(bits => (ushort)bits)];

    [Test]
    public void WideningIsTheUpperHalfOfAFloat32()
    {
        float[] wide = new float[Patterns];
        BFloat16.Widen(All, wide);
        Assert.That(wide.Select(BitConverter.SingleToUInt32Bits), Is.EqualTo(All.Select(bits => (uint)bits << 16)));
        Assert.That(All.Select(bits => BitConverter.SingleToUInt32Bits(BFloat16.Widen(bits))), Is.EqualTo(All.Select(bits => (uint)bits << 16)));
    }

    [Test]
    public void EveryNumberRoundsToItselfAndEveryNaNToOne()
    {
        float[] wide = new float[Patterns];
        BFloat16.Widen(All, wide);
        ushort[] expected = [.. All.Select(bits => float.IsNaN(BFloat16.Widen(bits)) ? (ushort)0x7FFF : bits)];
        Assert.That(Rounded(wide), Is.EqualTo(expected));
    }

    /// <summary>Below, at and above the middle between every number and the next one, infinity included as the next of the largest.</summary>
    [Test]
    public void TheNearestWinsAndTiesGoToTheEvenOne([Values(0, 0x8000)] int sign)
    {
        int[] numbers = [.. Enumerable.Range(sign, 0x7F80)];
        Assert.That(AtMiddle(-1), Is.EqualTo(numbers));
        Assert.That(AtMiddle(0), Is.EqualTo(numbers.Select(bits => bits + (bits & 1))));
        Assert.That(AtMiddle(1), Is.EqualTo(numbers.Select(bits => bits + 1)));

        IEnumerable<int> AtMiddle(int offset) => Rounded([.. numbers.Select(bits => BitConverter.Int32BitsToSingle((bits << 16) + 0x8000 + offset))]).Select(bits => (int)bits);
    }

    [Test]
    public void LanesRoundAsSingleNumbersDo([Values(0, 1, 15, 16, 17, 100_003)] int count)
    {
        var random = new RandomSequence(1, "bits");
        float[] values = [.. Enumerable.Range(0, count).Select(_ => BitConverter.UInt32BitsToSingle(random.NextUInt32()))];
        Assert.That(Rounded(values), Is.EqualTo(values.Select(BFloat16.Round)));
    }

    [Test]
    public void NothingIsWrittenPastTheSource()
    {
        ushort[] rounded = new ushort[40];
        BFloat16.Round([.. Enumerable.Repeat(1f, 33)], rounded);
        Assert.That(rounded[33..], Is.All.Zero);
        float[] widened = new float[40];
        BFloat16.Widen(rounded.AsSpan(0, 33), widened);
        Assert.That(widened[..33], Is.All.EqualTo(1f));
        Assert.That(widened[33..], Is.All.Zero);
    }

    private static ushort[] Rounded(float[] values)
    {
        ushort[] rounded = new ushort[values.Length];
        BFloat16.Round(values, rounded);
        return rounded;
    }
}
