namespace DilatedKernels.Cuda;

/// <summary>Element type and arithmetic of a matrix product; accumulation is float32 in each.</summary>
public enum GemmType
{
    /// <summary>float32 throughout.</summary>
    Float32,

    /// <summary>float32 in memory, inputs rounded to TF32 for the tensor cores.</summary>
    TFloat32,

    /// <summary>bfloat16 in memory.</summary>
    BFloat16,
}

/// <summary>
/// A matrix product <c>C = α·op(A)·op(B) + β·C</c> of row-major matrices: op(A) is M×K, op(B) is K×N, C is M×N.
/// </summary>
/// <param name="M">Rows of C.</param>
/// <param name="N">Columns of C.</param>
/// <param name="K">The length of the sums.</param>
/// <param name="A">The left matrix.</param>
/// <param name="B">The right matrix.</param>
/// <param name="C">The result.</param>
/// <param name="Type">Element type and arithmetic.</param>
public readonly record struct GemmProblem(int M, int N, int K, DevicePointer A, DevicePointer B, DevicePointer C, GemmType Type)
{
    /// <summary>Whether A lies in memory as K×M.</summary>
    public bool TransposeA { get; init; }

    /// <summary>Whether B lies in memory as N×K.</summary>
    public bool TransposeB { get; init; }

    /// <summary>The factor α of the product.</summary>
    public float Alpha { get; init; } = 1;

    /// <summary>The factor β of what C held.</summary>
    public float Beta { get; init; }

    /// <summary>The distance of A's rows in memory, in elements.</summary>
    public int RowA => TransposeA ? M : K;

    /// <summary>The distance of B's rows in memory, in elements.</summary>
    public int RowB => TransposeB ? K : N;
}

/// <summary>The vendor's matrix multiplication (cuBLAS), where it is installed. Not safe to use from two threads at once.</summary>
public interface ICudaGemm : IDisposable
{
    /// <summary>The library's file and version.</summary>
    string Description { get; }

    /// <summary>Queues a product. The same product on the same device gives the same bits.</summary>
    /// <param name="problem">The matrices.</param>
    /// <param name="stream">Where it is queued.</param>
    /// <exception cref="CudaException">The library refused.</exception>
    void Multiply(in GemmProblem problem, StreamHandle stream);
}
