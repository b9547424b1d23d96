namespace DilatedKernels.Serialization;

/// <summary>Element types of the safetensors format that this library reads.</summary>
public enum SafetensorsType
{
    /// <summary>Unsigned byte.</summary>
    U8,

    /// <summary>64-bit signed integer.</summary>
    I64,

    /// <summary>IEEE 16-bit floating point.</summary>
    F16,

    /// <summary>bfloat16: the upper half of a float32.</summary>
    BF16,

    /// <summary>IEEE 32-bit floating point.</summary>
    F32,

    /// <summary>IEEE 64-bit floating point.</summary>
    F64,
}

internal static class SafetensorsTypes
{
    public static int Size(this SafetensorsType type) => type switch
    {
        SafetensorsType.U8 => 1,
        SafetensorsType.F16 or SafetensorsType.BF16 => 2,
        SafetensorsType.F32 => 4,
        _ => 8,
    };
}
