using System.Runtime.CompilerServices;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>How a tile's vectors are stored.</summary>
internal unsafe interface IStore<TVector>
    where TVector : struct
{
    static abstract void Store(TVector value, void* target);
}

/// <summary>As usual: what is stored is soon read again.</summary>
internal readonly unsafe struct IntoCaches<TVector, TWidth> : IStore<TVector>
    where TVector : struct
    where TWidth : struct, IVectorWidth<TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(TVector value, void* target) => TWidth.Store(value, target);
}

/// <summary>Added to what is there.</summary>
internal readonly unsafe struct AddedTo<TVector, TWidth> : IStore<TVector>
    where TVector : struct
    where TWidth : struct, IVectorWidth<TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(TVector value, void* target) => TWidth.Store(TWidth.Add(TWidth.Load(target), value), target);
}

/// <summary>To addresses that are multiples of the vector's size; the memory is not read first, and nothing else leaves the caches for it.</summary>
internal readonly unsafe struct PastCaches<TVector, TWidth> : IStore<TVector>
    where TVector : struct
    where TWidth : struct, IVectorWidth<TVector>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(TVector value, void* target) => TWidth.Stream(value, target);
}
