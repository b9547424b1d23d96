using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>
/// A 1×1 convolution from many channels to few, <c>y(p, k) = act(Σ over c of x(p, c) · w(k, c) + bias(k))</c>. Other than in
/// <see cref="GatherConvolution"/> the vectors lie along the input channels, so that an odd number of outputs, as of classes, fills no vector by halves, and
/// but for vectors of sixteen lanes the weights are read as they are. How the work is cut changes no bits.
/// </summary>
internal sealed unsafe class PointwiseDot
{
    private const int Line = 16;
    private const int LeastChannels = 256;
    private const int MostChannels = 1024;
    private const int MostOutputs = 40;

    // So many pixels and one tile's weights stay in the nearest cache while all outputs pass.
    private const int PixelsPerBlock = 8;

    // The weights of a tile of pairs are a nearest cache full: they stay, and the pixels come from the second-level cache.
    private const int PixelsPerBlockOfPairs = 32;
    private const int PixelsPerPiece = 64;

    private static readonly delegate*<DotArguments*, void>[] Kernels128 = Kernels<Vector128<float>, Width128>();
    private static readonly delegate*<DotArguments*, void>[] Kernels256 = Kernels<Vector256<float>, Width256>();

    private static readonly delegate*<DotArguments*, void>[] KernelsOfPairs =
    [
        &PairedDotTile.Run<Count1, Count1>,
        &PairedDotTile.Run<Count1, Count2>,
        &PairedDotTile.Run<Count1, Count3>,
        &PairedDotTile.Run<Count1, Count4>,
        &PairedDotTile.Run<Count1, Count5>,
        &PairedDotTile.Run<Count1, Count6>,
        &PairedDotTile.Run<Count4, Count1>,
        &PairedDotTile.Run<Count4, Count2>,
        &PairedDotTile.Run<Count4, Count3>,
        &PairedDotTile.Run<Count4, Count4>,
        &PairedDotTile.Run<Count4, Count5>,
        &PairedDotTile.Run<Count4, Count6>,
    ];

    private readonly delegate*<DotArguments*, void>[] _kernels;
    private readonly TileKernels _tiles;
    private readonly int _positions;
    private readonly int _inChannels;
    private readonly int _outChannels;

    // Outputs of a row of the weights as the kernels read them: 1, or a pair.
    private readonly int _paired;
    private readonly int _pixelsPerBlock;

    public PointwiseDot(VectorUnit unit, int positions, int inChannels, int outChannels)
    {
        _paired = unit.Lanes > DotTile.Lanes && !unit.DoublePumped ? 2 : 1;
        _pixelsPerBlock = _paired == 2 ? PixelsPerBlockOfPairs : PixelsPerBlock;
        _kernels = _paired == 2 ? KernelsOfPairs : unit.Lanes >= DotTile.Lanes ? Kernels256 : Kernels128;
        _tiles = TileKernels.OfWidth(Math.Min(unit.Lanes, DotTile.Lanes));
        (_positions, _inChannels, _outChannels) = (positions, inChannels, outChannels);
    }

    public required float* Input { get; init; }

    public required float* Weight { get; init; }

    public required float* Output { get; init; }

    public float* Bias { get; init; }

    public bool Relu { get; init; }

    /// <summary>Whether it is meant for such a convolution. The same on every processor, so that results are the same bits there.</summary>
    public static bool Applies(in Conv2dGeometry g) =>
        g.OutChannels <= MostOutputs && g.OutChannels % DotTile.Lanes != 0 && g.InChannels is >= LeastChannels and <= MostChannels && g.InChannels % Line == 0;

    public void Run(WorkerPool pool, CpuAllocator allocator)
    {
        if (_paired == 1)
        {
            Run(pool, Weight);
            return;
        }

        using CpuBuffer packed = allocator.Allocate(PairedDotTile.PackedCount(_outChannels, _inChannels) * sizeof(float));
        float* target = (float*)packed.Pointer;
        pool.For(Split.Parts(_outChannels, 2), pair => PairedDotTile.Pack(Weight, _outChannels, _inChannels, pair, target));
        Run(pool, target);
    }

    private void Run(WorkerPool pool, float* weight)
    {
        int blocks = Split.Parts(_positions, _pixelsPerBlock);
        int pieces = Split.Parts(blocks, PixelsPerPiece / _pixelsPerBlock);
        pool.For(pieces, piece => RunPiece(
            weight,
            Split.Begin(blocks, pieces, piece) * _pixelsPerBlock,
            Math.Min(_positions, Split.Begin(blocks, pieces, piece + 1) * _pixelsPerBlock)));
    }

    [SkipLocalsInit]
    private void RunPiece(float* weight, int begin, int end)
    {
        float* sums = stackalloc float[PixelsPerBlockOfPairs * MostOutputs];
        float* tile = stackalloc float[PixelsPerBlockOfPairs * MostOutputs];
        int width = Split.Parts(_outChannels, DotTile.Lanes) * DotTile.Lanes;
        for (int position = begin; position < end; position += _pixelsPerBlock)
        {
            int pixels = Math.Min(_pixelsPerBlock, end - position);
            Sum(weight, Input + (position * (nint)_inChannels), pixels, Math.Min(_pixelsPerBlock, _positions - position - pixels), sums);
            WeightPacking.Transpose(sums, _pixelsPerBlock, _outChannels, pixels, tile, width);
            var finish = new FinishArguments
            {
                Tile = (byte*)tile,
                TileStep = width * sizeof(float),
                Target = (byte*)(Output + (position * (nint)_outChannels)),
                TargetStep = _outChannels * sizeof(float),
                Rows = pixels,
                Channels = _outChannels,
                Bias = Bias,
                Relu = Relu,
            };
            _tiles.Finish(&finish);
        }
    }

    // Not left to tiered compilation: in a short run the slow first version would do most of the work.
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Sum(float* weight, float* x, int pixels, int rowsAhead, float* sums)
    {
        float* halves = stackalloc float[DotTile.HalfSums];
        nint row = (nint)_inChannels * sizeof(float);
        var product = new DotArguments { StepX = row, StepW = _paired * row, Pairs = _inChannels / (2 * DotTile.Lanes), SumStep = _pixelsPerBlock * sizeof(float), Halves = halves };
        byte* ahead = (byte*)x + (_pixelsPerBlock * row);
        int most = _paired == 2 ? PairedDotTile.MaxPairs : DotTile.MaxOutputs;
        int weightRows = Split.Parts(_outChannels, _paired);
        int tiles = Split.Parts(weightRows, most);
        (int least, int larger) = Math.DivRem(weightRows, tiles);
        int output = 0;
        for (int i = 0; i < tiles; i++)
        {
            int outputs = i < larger ? least + 1 : least;
            product.W = (byte*)weight + (output * row);
            for (int pixel = 0; pixel < pixels;)
            {
                bool whole = pixels - pixel >= DotTile.Rows;
                product.X = (byte*)x + (pixel * row);
                product.Sums = (byte*)(sums + (output * _pixelsPerBlock) + pixel);
                product.Ahead = product.AheadToo = product.X;
                if (rowsAhead > 0)
                {
                    int rowsNow = Math.Min(rowsAhead, _paired);
                    product.Ahead = ahead;
                    product.AheadToo = ahead + ((rowsNow - 1) * row);
                    ahead += rowsNow * row;
                    rowsAhead -= rowsNow;
                }

                _kernels[(whole ? most : 0) + outputs - 1](&product);
                pixel += whole ? DotTile.Rows : 1;
            }

            output += outputs * _paired;
        }
    }

    private static delegate*<DotArguments*, void>[] Kernels<TVector, TWidth>()
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector> =>
    [
        &DotTile.Run<TVector, TWidth, Count1, Count1>,
        &DotTile.Run<TVector, TWidth, Count1, Count2>,
        &DotTile.Run<TVector, TWidth, Count1, Count3>,
        &DotTile.Run<TVector, TWidth, Count4, Count1>,
        &DotTile.Run<TVector, TWidth, Count4, Count2>,
        &DotTile.Run<TVector, TWidth, Count4, Count3>,
    ];
}
