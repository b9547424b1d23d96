namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>
/// Lays weights out as the tile kernels stream them: panel by panel, <c>[tap][input channel][the panel's output channels]</c>,
/// zeros in the padding lanes.
/// </summary>
internal static unsafe class WeightPacking
{
    /// <summary>Floats of the packed weights.</summary>
    public static long Count(TileShape shape, int taps, int channels) => (long)shape.PaddedChannels * taps * channels;

    /// <summary>Packs <c>[K][taps][C]</c> for the forward pass: panels over K.</summary>
    public static void Forward(WorkerPool pool, TileShape shape, int taps, int channels, float* weight, float* packed) =>
        pool.For(shape.Panels * taps, piece =>
        {
            int panel = piece / taps;
            int tap = piece % taps;
            int lanes = shape.Columns(panel) * shape.Lanes;
            int used = shape.ChannelCount(panel);
            nint row = (nint)taps * channels;
            float* target = packed + (shape.ChannelBegin(panel) * row) + ((nint)tap * channels * lanes);
            float* source = weight + (shape.ChannelBegin(panel) * row) + ((nint)tap * channels);
            for (int c = 0; c < channels; c++, target += lanes)
            {
                for (int lane = 0; lane < used; lane++)
                {
                    target[lane] = source[(lane * row) + c];
                }

                new Span<float>(target + used, lanes - used).Clear();
            }
        });

    /// <summary>Packs <c>[K][taps][C]</c> for the input's gradient: taps in reverse, K takes the place of the input channels, panels over C.</summary>
    public static void Backward(WorkerPool pool, TileShape shape, int taps, int outChannels, float* weight, float* packed) =>
        pool.For(shape.Panels * taps, piece =>
        {
            int panel = piece / taps;
            int tap = piece % taps;
            int lanes = shape.Columns(panel) * shape.Lanes;
            int used = shape.ChannelCount(panel);
            float* target = packed + ((((nint)shape.ChannelBegin(panel) * taps) + ((nint)tap * lanes)) * outChannels);
            float* source = weight + ((taps - 1 - tap) * (nint)shape.Channels) + shape.ChannelBegin(panel);
            for (int k = 0; k < outChannels; k++, target += lanes, source += (nint)taps * shape.Channels)
            {
                new Span<float>(source, used).CopyTo(new Span<float>(target, lanes));
                new Span<float>(target + used, lanes - used).Clear();
            }
        });
}
