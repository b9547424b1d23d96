using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>The tile kernels of one vector width, by tile size.</summary>
internal sealed unsafe class TileKernels
{
    public const int MaxRows = 12;
    public const int MaxColumns = 4;

    /// <summary>Floats that the largest tile of any width takes.</summary>
    public const int MaxTile = 24 * 16;

    private static readonly TileKernels[] All = [Create<Vector128<float>, Width128>(), Create<Vector256<float>, Width256>(), Create<Vector512<float>, Width512>()];

    private readonly delegate*<TileArguments*, void>[] _product = new delegate*<TileArguments*, void>[MaxRows * MaxColumns];
    private readonly delegate*<TileArguments*, void>[] _streamed = new delegate*<TileArguments*, void>[MaxRows * MaxColumns];
    private readonly delegate*<TileArguments*, void>[] _added = new delegate*<TileArguments*, void>[MaxRows * MaxColumns];
    private readonly delegate*<TileArguments*, void>[] _transposed = new delegate*<TileArguments*, void>[MaxRows * MaxColumns];
    private readonly delegate*<TileArguments*, void>[] _addedTransposed = new delegate*<TileArguments*, void>[MaxRows * MaxColumns];
    private readonly delegate*<FinishArguments*, void> _finish;

    private TileKernels(int lanes, delegate*<FinishArguments*, void> finish)
    {
        Lanes = lanes;
        _finish = finish;
    }

    /// <summary>Vector lanes of the widest kernels that this processor runs well: 4, 8 or 16.</summary>
    public static int WidestLanes => Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : 4;

    /// <summary>Vector registers of this processor.</summary>
    public static int HardwareRegisters => Avx512F.VL.IsSupported || AdvSimd.Arm64.IsSupported ? 32 : 16;

    public int Lanes { get; }

    public static TileKernels OfWidth(int lanes) => All[lanes switch { 4 => 0, 8 => 1, _ => 2 }];

    public void Product(int rows, int columns, TileArguments* arguments) => _product[((columns - 1) * MaxRows) + rows - 1](arguments);

    /// <summary>The same, written past the caches: the target's addresses are multiples of a vector, and the tile's rows should be whole cache lines.</summary>
    public void StreamedProduct(int rows, int columns, TileArguments* arguments) => _streamed[((columns - 1) * MaxRows) + rows - 1](arguments);

    /// <summary>The same, added to what C holds.</summary>
    public void AddedProduct(int rows, int columns, TileArguments* arguments) => _added[((columns - 1) * MaxRows) + rows - 1](arguments);

    /// <summary>The product of a transposed A.</summary>
    public void TransposedProduct(int rows, int columns, TileArguments* arguments) => _transposed[((columns - 1) * MaxRows) + rows - 1](arguments);

    /// <summary>The same, added to what C holds.</summary>
    public void AddedTransposedProduct(int rows, int columns, TileArguments* arguments) => _addedTransposed[((columns - 1) * MaxRows) + rows - 1](arguments);

    public void Finish(FinishArguments* arguments) => _finish(arguments);

    private static TileKernels Create<TVector, TWidth>()
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
    {
        var kernels = new TileKernels(TWidth.Lanes, &TileFinish.Run<TVector, TWidth>);
        Add<TVector, TWidth, Count1, ByRows, IntoCaches<TVector, TWidth>>(kernels._product);
        Add<TVector, TWidth, Count1, ByRows, PastCaches<TVector, TWidth>>(kernels._streamed);
        Add<TVector, TWidth, Count1, ByRows, AddedTo<TVector, TWidth>>(kernels._added);
        Add<TVector, TWidth, Count1, Transposed, IntoCaches<TVector, TWidth>>(kernels._transposed);
        Add<TVector, TWidth, Count1, Transposed, AddedTo<TVector, TWidth>>(kernels._addedTransposed);
        Add<TVector, TWidth, Count2, ByRows, IntoCaches<TVector, TWidth>>(kernels._product);
        Add<TVector, TWidth, Count2, ByRows, PastCaches<TVector, TWidth>>(kernels._streamed);
        Add<TVector, TWidth, Count2, ByRows, AddedTo<TVector, TWidth>>(kernels._added);
        Add<TVector, TWidth, Count2, Transposed, IntoCaches<TVector, TWidth>>(kernels._transposed);
        Add<TVector, TWidth, Count2, Transposed, AddedTo<TVector, TWidth>>(kernels._addedTransposed);
        Add<TVector, TWidth, Count3, ByRows, IntoCaches<TVector, TWidth>>(kernels._product);
        Add<TVector, TWidth, Count3, ByRows, PastCaches<TVector, TWidth>>(kernels._streamed);
        Add<TVector, TWidth, Count3, ByRows, AddedTo<TVector, TWidth>>(kernels._added);
        Add<TVector, TWidth, Count3, Transposed, IntoCaches<TVector, TWidth>>(kernels._transposed);
        Add<TVector, TWidth, Count3, Transposed, AddedTo<TVector, TWidth>>(kernels._addedTransposed);
        Add<TVector, TWidth, Count4, ByRows, IntoCaches<TVector, TWidth>>(kernels._product);
        Add<TVector, TWidth, Count4, ByRows, PastCaches<TVector, TWidth>>(kernels._streamed);
        Add<TVector, TWidth, Count4, ByRows, AddedTo<TVector, TWidth>>(kernels._added);
        Add<TVector, TWidth, Count4, Transposed, IntoCaches<TVector, TWidth>>(kernels._transposed);
        Add<TVector, TWidth, Count4, Transposed, AddedTo<TVector, TWidth>>(kernels._addedTransposed);
        return kernels;
    }

    private static void Add<TVector, TWidth, TColumns, TLayout, TStore>(delegate*<TileArguments*, void>[] kernels)
        where TVector : struct
        where TWidth : struct, IVectorWidth<TVector>
        where TColumns : struct, ICount
        where TLayout : struct, ITileLayout
        where TStore : struct, IStore<TVector>
    {
        Span<nint> rows =
        [
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count1, TColumns, TLayout, TStore>,
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count2, TColumns, TLayout, TStore>,
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count3, TColumns, TLayout, TStore>,
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count4, TColumns, TLayout, TStore>,
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count5, TColumns, TLayout, TStore>,
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count6, TColumns, TLayout, TStore>,
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count7, TColumns, TLayout, TStore>,
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count8, TColumns, TLayout, TStore>,
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count9, TColumns, TLayout, TStore>,
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count10, TColumns, TLayout, TStore>,
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count11, TColumns, TLayout, TStore>,
            (nint)(delegate*<TileArguments*, void>)&TileProduct.Run<TVector, TWidth, Count12, TColumns, TLayout, TStore>,
        ];
        for (int i = 0; i < TileShape.MaxRows(32, TColumns.Value); i++)
        {
            kernels[((TColumns.Value - 1) * MaxRows) + i] = (delegate*<TileArguments*, void>)rows[i];
        }
    }
}
