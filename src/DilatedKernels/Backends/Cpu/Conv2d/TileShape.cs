using System.Runtime.Intrinsics.X86;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>What the processor offers the tile kernels. Tests narrow it; results are the same bits for every choice.</summary>
/// <param name="Lanes">Floats of the widest vector to use: 4, 8 or 16.</param>
/// <param name="Registers">Vector registers: 16 or 32.</param>
/// <param name="DoublePumped">Whether a 16-lane operation costs as much as two of 8 lanes.</param>
internal readonly record struct VectorUnit(int Lanes, int Registers, bool DoublePumped)
{
    /// <summary>This processor's.</summary>
    public static VectorUnit Hardware { get; } = new(TileKernels.WidestLanes, TileKernels.HardwareRegisters, IsDoublePumped());

    /// <summary>Bytes of the second-level cache that blocks of work are cut after.</summary>
    public long SecondLevelCache { get; init; } = CacheSizes.SecondLevel;

    // AMD's family 25 (Zen 4) runs 512-bit operations on 256-bit units.
    private static bool IsDoublePumped()
    {
        if (!X86Base.IsSupported)
        {
            return false;
        }

        (_, int ebx, int ecx, int edx) = X86Base.CpuId(0, 0);
        bool amd = ebx == 0x68747541 && edx == 0x69746e65 && ecx == 0x444d4163;
        int signature = X86Base.CpuId(1, 0).Eax;
        return amd && ((signature >> 8) & 15) + ((signature >> 20) & 255) == 25;
    }
}

/// <summary>How the channels along the vectors are cut: into panels of 1 to 4 vectors, which differ by one vector at most.</summary>
/// <param name="Lanes">Floats of a vector.</param>
/// <param name="Channels">Channels to cover.</param>
/// <param name="Panels">The number of panels.</param>
/// <param name="Registers">Vector registers.</param>
internal readonly record struct TileShape(int Lanes, int Channels, int Panels, int Registers)
{
    private const int FloatsPerLine = 64 / sizeof(float);

    private int Vectors => (Channels + Lanes - 1) / Lanes;

    /// <summary>The channels of all panels, padding lanes included.</summary>
    public int PaddedChannels => Vectors * Lanes;

    /// <summary>The most vectors that a panel has.</summary>
    public int WidestColumns => (Vectors + Panels - 1) / Panels;

    /// <summary>The shape that covers <paramref name="channels"/> at the least cost.</summary>
    public static TileShape For(int channels, VectorUnit unit)
    {
        int lanes = unit.Lanes;
        int vectors = Split.Parts(channels, lanes);
        for (int narrower = lanes / 2; narrower >= 4; narrower /= 2)
        {
            // Where it takes no more vectors, or not twice as many on a processor that pays double for wide ones.
            int count = Split.Parts(channels, narrower);
            if (count == vectors || (lanes == 16 && unit.DoublePumped && count < 2 * vectors))
            {
                lanes = narrower;
                vectors = count;
            }
        }

        int widest = unit.Registers >= 32 ? 4 : 3;
        return new TileShape(lanes, channels, (vectors + widest - 1) / widest, unit.Registers);
    }

    /// <summary>Whether every panel of a pixel is whole cache lines, so that a tile that is written past the caches fills them.</summary>
    public bool HasWholeLines => Channels == PaddedChannels && (Lanes >= FloatsPerLine || (Vectors % Panels == 0 && Vectors / Panels * Lanes % FloatsPerLine == 0));

    /// <summary>This shape with panels of whole cache lines, narrower ones if need be; itself where there are none.</summary>
    public TileShape InWholeLines()
    {
        int line = Math.Max(1, FloatsPerLine / Lanes);
        for (int columns = WidestColumns / line * line; !HasWholeLines && columns > 0; columns -= line)
        {
            if (Vectors % columns == 0 && this with { Panels = Vectors / columns } is { HasWholeLines: true } whole)
            {
                return whole;
            }
        }

        return this;
    }

    /// <summary>The most rows of a tile with that many columns: accumulators, the columns' vectors and one broadcast fit the registers.</summary>
    public static int MaxRows(int registers, int columns) => registers >= 32
        ? columns switch { 1 or 2 => 12, 3 => 8, _ => 6 }
        : columns switch { 1 => 12, 2 => 6, _ => 4 };

    public int MaxRows(int columns) => MaxRows(Registers, columns);

    /// <summary>Vectors of a panel.</summary>
    public int Columns(int panel) => VectorBegin(panel + 1) - VectorBegin(panel);

    /// <summary>The first channel of a panel.</summary>
    public int ChannelBegin(int panel) => VectorBegin(panel) * Lanes;

    /// <summary>Channels of a panel, without padding lanes.</summary>
    public int ChannelCount(int panel) => Math.Min(Channels, ChannelBegin(panel + 1)) - ChannelBegin(panel);

    private int VectorBegin(int panel) => (int)((long)Vectors * panel / Panels);
}
