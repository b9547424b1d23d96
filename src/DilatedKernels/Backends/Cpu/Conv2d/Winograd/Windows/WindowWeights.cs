using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd.Windows;

/// <summary>
/// Transforms the weights of some panels window by window and lays them out as the tile kernels stream them: panel by panel,
/// <c>[product][input channel][the panel's output channels]</c>.
/// </summary>
internal sealed unsafe class WindowWeights(KernelWindows windows, TileShape shape, int channels)
{
    private const int Block = 16;
    private const int BlockFloats = Block * TileKernels.MaxColumns * 16;

    private readonly WinogradKernels _kernels = WinogradKernels.Of(WinogradTile.Two, shape.Lanes);

    /// <summary>Floats of the transformed weights of a panel with so many lanes.</summary>
    public long Count(int lanes) => (long)windows.Products.Count * channels * lanes;

    /// <summary>From <c>[K][taps][C]</c>, panels over K.</summary>
    public void Forward(WorkerPool pool, int panelBegin, int panelEnd, float* weight, float* packed) =>
        For(pool, panelBegin, panelEnd, packed, (panel, begin, count, tap, target) =>
        {
            int lanes = shape.Columns(panel) * shape.Lanes;
            int used = shape.ChannelCount(panel);
            nint row = windows.Taps * (nint)channels;
            WeightPacking.Transpose(weight + (shape.ChannelBegin(panel) * row) + (tap * (nint)channels) + begin, row, used, count, target, lanes);
            for (int c = 0; used < lanes && c < count; c++)
            {
                new Span<float>(target + (c * lanes) + used, lanes - used).Clear();
            }
        });

    /// <summary>From <c>[K][taps][C]</c> with the taps in reverse, K in the place of the input channels, panels over C.</summary>
    public void Backward(WorkerPool pool, int panelBegin, int panelEnd, float* weight, float* packed) =>
        For(pool, panelBegin, panelEnd, packed, (panel, begin, count, tap, target) =>
        {
            int lanes = shape.Columns(panel) * shape.Lanes;
            int used = shape.ChannelCount(panel);
            for (int k = 0; k < count; k++, target += lanes)
            {
                float* source = weight + ((((begin + k) * (nint)windows.Taps) + windows.Taps - 1 - tap) * shape.Channels) + shape.ChannelBegin(panel);
                new Span<float>(source, used).CopyTo(new Span<float>(target, lanes));
                new Span<float>(target + used, lanes - used).Clear();
            }
        });

    /// <summary>Fills <c>[input channel][lanes]</c> with the weights of a tap.</summary>
    private delegate void Gather(int panel, int begin, int count, int tap, float* target);

    private void For(WorkerPool pool, int panelBegin, int panelEnd, float* packed, Gather gather)
    {
        int blocks = Split.Parts(channels, Block);
        pool.For((panelEnd - panelBegin) * blocks, piece =>
        {
            int panel = panelBegin + (piece / blocks);
            int begin = piece % blocks * Block;
            nint before = (shape.ChannelBegin(panel) - shape.ChannelBegin(panelBegin)) * (nint)windows.Products.Count * channels;
            Transform(panel, begin, Math.Min(Block, channels - begin), packed + before, gather);
        });
    }

    [SkipLocalsInit]
    private void Transform(int panel, int begin, int count, float* packed, Gather gather)
    {
        float* taps = stackalloc float[9 * BlockFloats];
        float* values = stackalloc float[16 * BlockFloats];
        int lanes = shape.Columns(panel) * shape.Lanes;
        var arguments = new TransformArguments
        {
            Source = taps,
            RowStep = 3 * BlockFloats,
            ColumnStep = BlockFloats,
            Target = values,
            TargetStep = BlockFloats,
            Vectors = count * lanes / _kernels.Lanes,
        };
        for (int y = 0; y < windows.Y.Count; y++)
        {
            for (int x = 0; x < windows.X.Count; x++)
            {
                for (int place = 0; place < 9; place++)
                {
                    float* target = taps + (place * BlockFloats);
                    int tap = windows.Tap(y, x, place);
                    if (tap < 0)
                    {
                        new Span<float>(target, count * lanes).Clear();
                    }
                    else
                    {
                        gather(panel, begin, count, tap, target);
                    }
                }

                _kernels.Weight(&arguments);
                ReadOnlySpan<int> products = windows.OfWindow(y, x);
                for (int value = 0; value < 16; value++)
                {
                    if (products[value] >= 0)
                    {
                        new Span<float>(values + (value * BlockFloats), count * lanes)
                            .CopyTo(new Span<float>(packed + (((products[value] * (nint)channels) + begin) * lanes), count * lanes));
                    }
                }
            }
        }
    }
}
