namespace DilatedKernels.Backends.Cuda.Plans;

/// <summary>What an element type means for the choice of a kernel.</summary>
internal static class KernelType
{
    // The widest load and store of a thread.
    private const int AccessBytes = 16;

    /// <summary>The type in a kernel's name.</summary>
    public static string Suffix(this ElementType type) => type == ElementType.Float32 ? "f32" : "bf16";

    /// <summary>Elements in 128 bits: four, or eight.</summary>
    public static int Wide(this ElementType type) => AccessBytes / type.Size();
}
