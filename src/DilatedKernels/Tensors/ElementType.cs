namespace DilatedKernels;

/// <summary>How a tensor's numbers are stored. Every sum is taken in float32 or better, whatever the type.</summary>
public enum ElementType
{
    /// <summary>IEEE 754 single precision: 4 bytes, 24 significant bits. The type of parameters, gradients of parameters, optimizer states and losses.</summary>
    Float32,

    /// <summary>The upper half of a float32: 2 bytes, its range, 8 significant bits. For activations, and the gradients of activations.</summary>
    BFloat16,
}

/// <summary>Sizes and names of element types.</summary>
internal static class ElementTypes
{
    /// <summary>Bytes of one element.</summary>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.Float32 => sizeof(float),
        ElementType.BFloat16 => sizeof(ushort),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "The element type is Float32 or BFloat16."),
    };

    /// <summary>The name for messages.</summary>
    public static string Name(this ElementType type) => type == ElementType.Float32 ? "float32" : "bfloat16";
}
