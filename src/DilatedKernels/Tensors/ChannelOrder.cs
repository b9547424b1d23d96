namespace DilatedKernels;

/// <summary>Reorders host arrays between <c>[N, C, H, W]</c> and channels-last <c>[N, H, W, C]</c>.</summary>
internal static class ChannelOrder
{
    public static void ToChannelsLast(Shape shape, ReadOnlySpan<float> source, Span<float> target)
    {
        int positions = shape.H * shape.W;
        for (int n = 0; n < shape.N; n++)
        {
            int image = n * shape.C * positions;
            for (int c = 0; c < shape.C; c++)
            {
                ReadOnlySpan<float> plane = source.Slice(image + (c * positions), positions);
                for (int p = 0; p < positions; p++)
                {
                    target[image + (p * shape.C) + c] = plane[p];
                }
            }
        }
    }

    public static void FromChannelsLast(Shape shape, ReadOnlySpan<float> source, Span<float> target)
    {
        int positions = shape.H * shape.W;
        for (int n = 0; n < shape.N; n++)
        {
            int image = n * shape.C * positions;
            for (int c = 0; c < shape.C; c++)
            {
                Span<float> plane = target.Slice(image + (c * positions), positions);
                for (int p = 0; p < positions; p++)
                {
                    plane[p] = source[image + (p * shape.C) + c];
                }
            }
        }
    }
}
