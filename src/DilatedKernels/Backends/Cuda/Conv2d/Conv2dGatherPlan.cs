using DilatedKernels.Backends.Cuda.Plans;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>The tile of the forward pass and the data gradient: positions × result channels a block.</summary>
internal static class Conv2dGatherPlan
{
    private const int TileRows = 128;

    // Blocks that fill the largest GPU once, at two of 256 threads on each of its 132 multiprocessors.
    private const int OneWave = 264;

    // Cost is the work a tile does for a column, relative to the widest: narrower ones load more for each multiplication.
    private static readonly (int Columns, int Threads, double Cost)[] s_tiles = [(128, 256, 1.0), (64, 128, 1.1), (24, 96, 1.45), (16, 64, 1.6)];

    /// <summary>Chooses a kernel <c>conv2d_{pass}_f32_...</c> or <c>conv2d_{pass}_bf16_...</c>.</summary>
    /// <param name="pass">fprop or dgrad.</param>
    /// <param name="type">The activations' type.</param>
    /// <param name="gather">The pass; it has positions and result channels.</param>
    /// <param name="wide">Whether everything the pass loads may be loaded 128 bits at a time.</param>
    public static LaunchPlan Choose(string pass, ElementType type, in Conv2dGather gather, bool wide)
    {
        long rowTiles = CeilingDivide(gather.Positions, TileRows);
        (int columns, int threads, long columnTiles) = ChooseColumns(gather.ResultChannels, rowTiles, wide);
        string kernel = $"conv2d_{pass}_{type.Suffix()}_{TileRows}x{columns}_{(wide ? "c8" : "c1")}";
        return new LaunchPlan(kernel, new Dim3(checked((uint)(rowTiles * columnTiles))), new Dim3((uint)threads));
    }

    /// <summary>Whether the forward pass can load four float32 or eight bfloat16 at a time, and eight from one tap: they are contiguous in x and in the weights.</summary>
    public static bool ForwardIsWide(in Conv2dGeometry g, bool aligned) => aligned && g.InChannels % 8 == 0;

    /// <summary>The same for the data gradient, which reads dy along its channels and the weights along the input's.</summary>
    public static bool BackwardInputIsWide(in Conv2dGeometry g, bool aligned) => aligned && g.InChannels % 4 == 0 && g.OutChannels % 8 == 0;

    private static (int Columns, int Threads, long Tiles) ChooseColumns(int channels, long rowTiles, bool wide)
    {
        (int Columns, int Threads, long Tiles) best = default;
        double least = double.PositiveInfinity;
        foreach ((int columns, int threads, double cost) in s_tiles)
        {
            if (columns == 128 && !wide)
            {
                // Loading channels one by one takes more registers than two blocks of 256 threads have.
                continue;
            }

            long tiles = CeilingDivide(channels, columns);

            // Half as wide a tile keeps twice as many multiprocessors busy.
            bool starves = columns == 128 && rowTiles * tiles < OneWave;
            double total = tiles * columns * cost * (starves ? 1.5 : 1);
            if (total < least)
            {
                (best, least) = ((columns, threads, tiles), total);
            }
        }

        return best;
    }

    private static long CeilingDivide(long a, long b) => (a + b - 1) / b;
}
