using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu.Conv2d;

/// <summary>
/// The vector operations of one register width. A kernel written against it compiles to one method per width, and the
/// vectors stay in registers because <typeparamref name="TVector"/> is the hardware type itself, never a wrapper.
/// </summary>
internal unsafe interface IVectorWidth<TVector>
    where TVector : struct
{
    static abstract int Lanes { get; }

    static abstract TVector Load(void* source);

    static abstract void Store(TVector value, void* target);

    /// <summary>Stores the first lanes, fewer than all.</summary>
    static abstract void StoreFirst(TVector value, int count, void* target);

    /// <summary>Stores past the caches, to an address that is a multiple of the vector's size.</summary>
    static abstract void Stream(TVector value, void* target);

    static abstract TVector Broadcast(void* source);

    static abstract TVector Create(float value);

    static abstract TVector Add(TVector left, TVector right);

    static abstract TVector Subtract(TVector left, TVector right);

    static abstract TVector Multiply(TVector left, TVector right);

    static abstract TVector Halve(TVector value);

    /// <summary>The sums of the lanes that are 4 apart; from 16 lanes those of 8 apart first.</summary>
    static abstract Vector128<float> Fold(TVector value);

    /// <summary><c>left · right + sum</c> rounded once, on every machine.</summary>
    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector sum);

    /// <summary><c>value − left · right</c> rounded once.</summary>
    static abstract TVector SubtractProduct(TVector value, TVector left, TVector right);

    /// <summary><c>value &lt; 0 ? 0 : value</c>, so NaN stays NaN.</summary>
    static abstract TVector Relu(TVector value);

    /// <summary><c>mask &gt; 0 ? value : 0</c>, so where the mask is NaN the result is 0.</summary>
    static abstract TVector Masked(TVector value, TVector mask);
}

internal readonly unsafe struct Width512 : IVectorWidth<Vector512<float>>
{
    public static int Lanes => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* source) => Vector512.Load((float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, void* target) => value.Store((float*)target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector512<float> value, int count, void* target)
    {
        if (count >= Lanes / 2)
        {
            value.GetLower().Store((float*)target);
            Width256.StoreFirst(value.GetUpper(), count - (Lanes / 2), (float*)target + (Lanes / 2));
        }
        else
        {
            Width256.StoreFirst(value.GetLower(), count, target);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Stream(Vector512<float> value, void* target) => value.StoreAlignedNonTemporal((float*)target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(void* source) => Vector512.Create(*(float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Create(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> left, Vector512<float> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> left, Vector512<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Halve(Vector512<float> value) => value * 0.5f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fold(Vector512<float> value) => Width256.Fold(value.GetLower() + value.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> sum) => Vector512.FusedMultiplyAdd(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SubtractProduct(Vector512<float> value, Vector512<float> left, Vector512<float> right) => Vector512.FusedMultiplyAdd(-left, right, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Relu(Vector512<float> value) =>
        Vector512.ConditionalSelect(Vector512.LessThan(value, Vector512<float>.Zero), Vector512<float>.Zero, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Masked(Vector512<float> value, Vector512<float> mask) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(mask, Vector512<float>.Zero), value, Vector512<float>.Zero);
}

internal readonly unsafe struct Width256 : IVectorWidth<Vector256<float>>
{
    public static int Lanes => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(void* source) => Vector256.Load((float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> value, void* target) => value.Store((float*)target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector256<float> value, int count, void* target)
    {
        if (count >= Lanes / 2)
        {
            value.GetLower().Store((float*)target);
            Width128.StoreFirst(value.GetUpper(), count - (Lanes / 2), (float*)target + (Lanes / 2));
        }
        else
        {
            Width128.StoreFirst(value.GetLower(), count, target);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Stream(Vector256<float> value, void* target) => value.StoreAlignedNonTemporal((float*)target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(void* source) => Vector256.Create(*(float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Create(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> left, Vector256<float> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> left, Vector256<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Halve(Vector256<float> value) => value * 0.5f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fold(Vector256<float> value) => value.GetLower() + value.GetUpper();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> sum) => Vector256.FusedMultiplyAdd(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SubtractProduct(Vector256<float> value, Vector256<float> left, Vector256<float> right) => Vector256.FusedMultiplyAdd(-left, right, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Relu(Vector256<float> value) =>
        Vector256.ConditionalSelect(Vector256.LessThan(value, Vector256<float>.Zero), Vector256<float>.Zero, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Masked(Vector256<float> value, Vector256<float> mask) =>
        Vector256.ConditionalSelect(Vector256.GreaterThan(mask, Vector256<float>.Zero), value, Vector256<float>.Zero);
}

internal readonly unsafe struct Width128 : IVectorWidth<Vector128<float>>
{
    public static int Lanes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(void* source) => Vector128.Load((float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> value, void* target) => value.Store((float*)target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector128<float> value, int count, void* target)
    {
        if ((count & 2) != 0)
        {
            *(double*)target = value.AsDouble().ToScalar();
            if ((count & 1) != 0)
            {
                ((float*)target)[2] = value.GetElement(2);
            }
        }
        else if ((count & 1) != 0)
        {
            *(float*)target = value.ToScalar();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Stream(Vector128<float> value, void* target) => value.StoreAlignedNonTemporal((float*)target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(void* source) => Vector128.Create(*(float*)source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Create(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> left, Vector128<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> left, Vector128<float> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> left, Vector128<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Halve(Vector128<float> value) => value * 0.5f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fold(Vector128<float> value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> left, Vector128<float> right, Vector128<float> sum) => Vector128.FusedMultiplyAdd(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SubtractProduct(Vector128<float> value, Vector128<float> left, Vector128<float> right) => Vector128.FusedMultiplyAdd(-left, right, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Relu(Vector128<float> value) =>
        Vector128.ConditionalSelect(Vector128.LessThan(value, Vector128<float>.Zero), Vector128<float>.Zero, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Masked(Vector128<float> value, Vector128<float> mask) =>
        Vector128.ConditionalSelect(Vector128.GreaterThan(mask, Vector128<float>.Zero), value, Vector128<float>.Zero);
}
