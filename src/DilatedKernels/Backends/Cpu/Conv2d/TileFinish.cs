using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>What becomes of a finished tile: <c>target = act(target? + tile + bias?)</c>, 0 where a mask is not positive. Steps are in bytes.</summary>
internal unsafe struct FinishArguments
{
    public byte* Tile;
    public nint TileStep;
    public byte* Target;
    public nint TargetStep;

    /// <summary>The bias of the tile's first channel, or null. Up to one vector may be read past its last channel.</summary>
    public float* Bias;
    public int Rows;

    /// <summary>Channels of the target that the tile covers; nothing is written past them.</summary>
    public int Channels;
    public bool Accumulate;
    public bool Relu;

    /// <summary>From a number of the target to its mask, which may be read up to one vector past the last channel; 0 where nothing is masked.</summary>
    public nint ToMask;
}

/// <summary>Moves a tile from scratch memory to where it belongs. Apart from <see cref="TileProduct"/>, whose accumulators would not survive it in registers.</summary>
internal static unsafe class TileFinish
{
    private const int CacheLine = 64;

    /// <summary>Asks for the memory that a tile will be written to: it arrives while the tile's sums are computed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(byte* target, nint step, int rows, int bytes)
    {
        if (Sse.IsSupported)
        {
            for (int row = 0; row < rows; row++, target += step)
            {
                for (int i = 0; i < bytes; i += CacheLine)
                {
                    Sse.Prefetch0(target + i);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TVector, TWidth>(FinishArguments* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        if (arguments->ToMask == 0 && (arguments->Channels & (TWidth.Lanes - 1)) == 0)
        {
            RunWhole<TVector, TWidth>(arguments);
            return;
        }

        FinishArguments f = *arguments;
        for (int row = f.Rows; row > 0; row--, f.Tile += f.TileStep, f.Target += f.TargetStep)
        {
            for (int channel = 0; channel < f.Channels; channel += TWidth.Lanes)
            {
                // Past the last channel this reads what belongs to others, and drops it below.
                nint offset = (nint)channel * sizeof(float);
                byte* target = f.Target + offset;
                TVector value = TWidth.Load(f.Tile + offset);
                value = f.Accumulate ? TWidth.Add(TWidth.Load(target), value) : value;
                value = f.Bias != null ? TWidth.Add(value, TWidth.Load((byte*)f.Bias + offset)) : value;
                value = f.Relu ? TWidth.Relu(value) : value;
                value = f.ToMask != 0 ? TWidth.Masked(value, TWidth.Load(target + f.ToMask)) : value;
                int left = f.Channels - channel;
                if (left >= TWidth.Lanes)
                {
                    TWidth.Store(value, target);
                }
                else
                {
                    TWidth.StoreFirst(value, left, target);
                }
            }
        }
    }

    /// <summary>The same for whole vectors without a mask, which most tiles are: down the rows, so that a bias is read once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunWhole<TVector, TWidth>(FinishArguments* arguments)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        nint tileStep = arguments->TileStep;
        nint targetStep = arguments->TargetStep;
        int rows = arguments->Rows;
        bool relu = arguments->Relu;
        bool accumulate = arguments->Accumulate;
        float* bias = arguments->Bias;
        nint bytes = (nint)arguments->Channels * sizeof(float);
        for (nint channel = 0; channel < bytes; channel += TWidth.Lanes * sizeof(float))
        {
            byte* tile = arguments->Tile + channel;
            byte* target = arguments->Target + channel;
            if (bias != null && !accumulate)
            {
                TVector add = TWidth.Load((byte*)bias + channel);
                for (int row = rows; row > 0; row--, tile += tileStep, target += targetStep)
                {
                    TVector value = TWidth.Add(TWidth.Load(tile), add);
                    TWidth.Store(relu ? TWidth.Relu(value) : value, target);
                }
            }
            else
            {
                for (int row = rows; row > 0; row--, tile += tileStep, target += targetStep)
                {
                    TVector value = TWidth.Load(tile);
                    value = accumulate ? TWidth.Add(TWidth.Load(target), value) : value;
                    value = bias != null ? TWidth.Add(value, TWidth.Load((byte*)bias + channel)) : value;
                    TWidth.Store(relu ? TWidth.Relu(value) : value, target);
                }
            }
        }
    }
}
