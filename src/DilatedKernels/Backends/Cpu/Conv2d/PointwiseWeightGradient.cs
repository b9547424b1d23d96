using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>
/// The gradient of the weights of a 1×1 convolution from many channels to few, <c>dw(k, c) = Σ over positions p of  dy(p, k) · x(p, c)</c>.
/// Other than in <see cref="WeightGradient"/> the vectors lie along the input channels, so that an odd number of outputs, as of classes,
/// fills no vector by halves, and every line of the input is read by few tiles. Which thread computes what changes no bits.
/// </summary>
internal sealed unsafe class PointwiseWeightGradient
{
    private const int Line = 16;
    private const int PiecesWanted = 32;
    private const int ChannelsPerGroup = 64;

    // The output's gradient at so many positions, and one panel of the input there, stay in the nearer caches.
    private const int PositionsPerBlock = 288;
    private const int LeastBlocksPerSplit = 4;

    private readonly TileShape _shape;
    private readonly TileKernels _kernels;
    private readonly int _outChannels;
    private readonly int _positions;
    private readonly int _blocks;
    private readonly int _splits;
    private readonly int _groups;

    public PointwiseWeightGradient(VectorUnit unit, int positions, int inChannels, int outChannels)
    {
        _shape = TileShape.For(inChannels, unit).InWholeLines();
        _kernels = TileKernels.OfWidth(_shape.Lanes);
        (_positions, _outChannels) = (positions, outChannels);
        _blocks = Split.Parts(positions, PositionsPerBlock);
        int groups = Split.Parts(inChannels, ChannelsPerGroup);
        _splits = Math.Clamp(Split.Parts(PiecesWanted, groups), 1, Math.Max(1, _blocks / LeastBlocksPerSplit));
        _groups = Math.Min(groups, _shape.Panels);
    }

    /// <summary>Floats of scratch memory that <see cref="Run"/> needs.</summary>
    public long PartialCount => _splits == 1 ? 0 : _splits * Count;

    private long Count => (long)_outChannels * _shape.Channels;

    /// <summary>Whether it is meant for such a convolution. The same on every processor, so that results are the same bits there.</summary>
    public static bool Applies(in Conv2dGeometry g) => g.OutShape.Positions > 0 && g.OutChannels < g.InChannels && g.OutChannels % Line != 0 && g.InChannels % Line == 0;

    public void Run(WorkerPool pool, float* x, float* dy, float* partial, float* dw)
    {
        pool.For(_splits * _groups, piece =>
        {
            (int split, int group) = Math.DivRem(piece, _groups);
            RunPiece(split, group, x, dy, _splits == 1 ? dw : partial + (split * Count));
        });
        if (_splits > 1)
        {
            nint width = _shape.Channels;
            pool.For(_outChannels, k => WeightGradient.AddRow(partial + (k * width), _splits, (nint)Count, dw + (k * width), (int)width));
        }
    }

    private void RunPiece(int split, int group, float* x, float* dy, float* sum)
    {
        int first = Split.Begin(_blocks, _splits, split);
        for (int block = first; block < Split.Begin(_blocks, _splits, split + 1); block++)
        {
            int begin = Split.Begin(_positions, _blocks, block);
            var run = new TileRun(0, 0, Split.Begin(_positions, _blocks, block + 1) - begin);
            for (int panel = Split.Begin(_shape.Panels, _groups, group); panel < Split.Begin(_shape.Panels, _groups, group + 1); panel++)
            {
                float* input = x + (begin * (nint)_shape.Channels) + _shape.ChannelBegin(panel);
                RunPanel(panel, run, input, dy + (begin * (nint)_outChannels), sum + _shape.ChannelBegin(panel), block > first);
            }
        }
    }

    // Not left to tiered compilation: in a short run the slow first version would do most of the work.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void RunPanel(int panel, TileRun run, float* x, float* dy, float* sum, bool accumulate)
    {
        int columns = _shape.Columns(panel);
        int lanes = columns * _shape.Lanes;
        PrefetchNext(x + lanes, lanes, (int)run.Length);
        var product = new TileArguments
        {
            A = (byte*)dy,
            StepA = (nint)_outChannels * sizeof(float),
            B = (byte*)x,
            StepB = (nint)_shape.Channels * sizeof(float),
            Runs = &run,
            RunCount = 1,
            C = (byte*)sum,
            StepC = (nint)_shape.Channels * sizeof(float),
        };
        int tiles = Split.Parts(_outChannels, _shape.MaxRows(columns));
        for (int i = 0; i < tiles; i++)
        {
            int rows = Split.Begin(_outChannels, tiles, i + 1) - Split.Begin(_outChannels, tiles, i);
            if (accumulate)
            {
                _kernels.AddedTransposedProduct(rows, columns, &product);
            }
            else
            {
                _kernels.TransposedProduct(rows, columns, &product);
            }

            product.A += rows * sizeof(float);
            product.C += rows * product.StepC;
        }
    }

    // Pixels of many channels lie too far apart for the processor to see the next panel coming: a quarter faster than without.
    private void PrefetchNext(float* x, int channels, int positions)
    {
        for (int i = 0; Sse.IsSupported && i < positions; i++, x += _shape.Channels)
        {
            for (int channel = 0; channel < channels; channel += Line)
            {
                Sse.Prefetch1(x + channel);
            }
        }
    }
}
