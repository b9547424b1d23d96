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

    /// <summary>Different numbers from −1 to 1 in random order, no two closer than 2 / count: no maximum is a tie.</summary>
    public static Array4 Distinct(Shape shape, string name)
    {
        double[] values = [.. Enumerable.Range(0, (int)shape.Count).Select(i => (double)(float)((2.0 * (i + 0.5) / shape.Count) - 1))];
        new RandomSequence(1, name).Shuffle(values.AsSpan());
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

    public Tensor ToTensor(Device device) => Tensor.FromArray(device, Shape, ToSingle());

    public float[] ToSingle() => Array.ConvertAll(Values, v => (float)v);

    private int Index(int n, int c, int h, int w) => (((((n * Shape.C) + c) * Shape.H) + h) * Shape.W) + w;
}
