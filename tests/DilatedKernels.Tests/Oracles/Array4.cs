namespace DilatedKernels.Tests.Oracles;

/// <summary>A double-precision array in the order N, C, H, W, for reference computations.</summary>
internal sealed record Array4(Shape Shape, double[] Values)
{
    public Array4(Shape shape)
        : this(shape, new double[shape.Count])
    {
    }

    public double this[int n, int c, int h, int w]
    {
        get => Values[Index(n, c, h, w)];
        set => Values[Index(n, c, h, w)] = value;
    }

    /// <summary>Normal random numbers that float32 holds exactly.</summary>
    public static Array4 Random(Shape shape, string name, double scale = 1)
    {
        var random = new RandomSequence(1, name);
        return new Array4(shape, [.. Enumerable.Range(0, (int)shape.Count).Select(_ => (double)(float)(scale * random.NextGaussian()))]);
    }

    /// <summary>
    /// Different numbers from 1/16 to 8 and their negatives in random order, at most 1792: no two of them round to one bfloat16 or lie closer than
    /// 4e-4, so no maximum is a tie in any type.
    /// </summary>
    public static Array4 Distinct(Shape shape, string name)
    {
        // The bits of 1/16 as a bfloat16, and how many there are from it to 8.
        const int First = (127 - 4) << 7;
        const int Magnitudes = 7 << 7;
        Assert.That(shape.Count, Is.LessThanOrEqualTo(2 * Magnitudes));
        var random = new RandomSequence(1, name);
        var values = new double[shape.Count];
        int step = Magnitudes / ((values.Length + 1) / 2);
        for (int i = 0; i < values.Length; i++)
        {
            // Above a bfloat16 by less than a tenth of the distance to the next.
            float near = BFloat16.Widen((ushort)(First + (i / 2 * step)));
            values[i] = (i % 2 == 0 ? 1 : -1) * (double)(float)(near * (1 + (random.NextDouble() / 2560)));
        }

        random.Shuffle(values.AsSpan());
        return new Array4(shape, values);
    }

    /// <summary>Computes every element from its place.</summary>
    public static Array4 From(Shape shape, Func<int, int, int, int, double> element)
    {
        var result = new Array4(shape);
        int i = 0;
        for (int n = 0; n < shape.N; n++)
        {
            for (int c = 0; c < shape.C; c++)
            {
                for (int h = 0; h < shape.H; h++)
                {
                    for (int w = 0; w < shape.W; w++)
                    {
                        result.Values[i++] = element(n, c, h, w);
                    }
                }
            }
        }

        return result;
    }

    public Tensor ToTensor(Device device, ElementType type = ElementType.Float32) => Tensor.FromArray(device, Shape, ToSingle(), type);

    /// <summary>The nearest numbers of a type.</summary>
    public Array4 RoundedTo(ElementType type) =>
        type == ElementType.Float32 ? this : this with { Values = Array.ConvertAll(Values, v => (double)BFloat16.Widen(BFloat16.Round((float)v))) };

    public float[] ToSingle() => Array.ConvertAll(Values, v => (float)v);

    private int Index(int n, int c, int h, int w) => (((((n * Shape.C) + c) * Shape.H) + h) * Shape.W) + w;
}
