using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>Transforms weights and lays them out as the tile kernels stream them: panel by panel, <c>[value][input channel][the panel's output channels]</c>.</summary>
internal static unsafe class WinogradWeights
{
    private const int Block = 16;

    /// <summary>Floats of the transformed weights.</summary>
    public static long Count(WinogradTile tile, TileShape shape, int channels) => (long)tile.Values * shape.PaddedChannels * channels;

    /// <summary>From <c>[K][3][3][C]</c>, panels over K.</summary>
    public static void Forward(WorkerPool pool, WinogradTile tile, TileShape shape, int channels, float* weight, float* packed)
    {
        int blocks = Split.Parts(channels, Block);
        pool.For(shape.Panels * blocks, piece => Forward(tile, shape, channels, piece / blocks, piece % blocks * Block, weight, packed));
    }

    /// <summary>From <c>[K][3][3][C]</c> turned by half a turn, K in the place of the input channels, panels over C.</summary>
    public static void Backward(WorkerPool pool, WinogradTile tile, TileShape shape, int outChannels, float* weight, float* packed)
    {
        int blocks = Split.Parts(outChannels, Block);
        pool.For(shape.Panels * blocks, piece =>
        {
            int panel = piece / blocks;
            int begin = piece % blocks * Block;
            int lanes = shape.Columns(panel) * shape.Lanes;
            int channels = shape.Channels;
            WinogradKernels kernels = WinogradKernels.Of(tile, shape.Lanes);
            var arguments = new TransformArguments
            {
                RowStep = -3 * (nint)channels,
                ColumnStep = -channels,
                TargetStep = (nint)outChannels * lanes,
                Vectors = lanes / kernels.Lanes,
            };
            for (int k = begin; k < Math.Min(outChannels, begin + Block); k++)
            {
                arguments.Source = weight + (((k * (nint)9) + 8) * channels) + shape.ChannelBegin(panel);
                arguments.Target = packed + (tile.Values * (nint)shape.ChannelBegin(panel) * outChannels) + (k * (nint)lanes);
                kernels.Weight(&arguments);
            }
        });
    }

    [SkipLocalsInit]
    private static void Forward(WinogradTile tile, TileShape shape, int channels, int panel, int begin, float* weight, float* packed)
    {
        float* block = stackalloc float[9 * Block * TileKernels.MaxColumns * 16];
        WinogradKernels kernels = WinogradKernels.Of(tile, shape.Lanes);
        int count = Math.Min(Block, channels - begin);
        int lanes = shape.Columns(panel) * shape.Lanes;
        int used = shape.ChannelCount(panel);
        nint row = 9 * (nint)channels;
        for (int tap = 0; tap < 9; tap++)
        {
            float* target = block + (tap * Block * lanes);
            WeightPacking.Transpose(weight + (shape.ChannelBegin(panel) * row) + (tap * (nint)channels) + begin, row, used, count, target, lanes);
            for (int c = 0; used < lanes && c < count; c++)
            {
                new Span<float>(target + (c * lanes) + used, lanes - used).Clear();
            }
        }

        var arguments = new TransformArguments
        {
            Source = block,
            RowStep = 3 * Block * lanes,
            ColumnStep = Block * lanes,
            Target = packed + (tile.Values * (nint)shape.ChannelBegin(panel) * channels) + (begin * (nint)lanes),
            TargetStep = (nint)channels * lanes,
            Vectors = count * lanes / kernels.Lanes,
        };
        kernels.Weight(&arguments);
    }
}
