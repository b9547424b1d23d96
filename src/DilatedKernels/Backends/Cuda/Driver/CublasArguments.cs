namespace DilatedKernels.Cuda;

/// <summary>
/// A row-major product in cuBLAS's terms. cuBLAS is column-major, where a row-major matrix looks transposed; <c>Cᵀ = op(B)ᵀ·op(A)ᵀ</c>,
/// so the factors change places and the transpositions stay.
/// </summary>
/// <param name="TransposeLeft">cuBLAS's operation on its left factor.</param>
/// <param name="TransposeRight">cuBLAS's operation on its right factor.</param>
/// <param name="Rows">Rows of cuBLAS's result.</param>
/// <param name="Columns">Columns of cuBLAS's result.</param>
/// <param name="Depth">The length of the sums.</param>
/// <param name="Left">cuBLAS's left factor.</param>
/// <param name="LeftStride">Its leading dimension.</param>
/// <param name="Right">cuBLAS's right factor.</param>
/// <param name="RightStride">Its leading dimension.</param>
/// <param name="Result">The result.</param>
/// <param name="ResultStride">Its leading dimension.</param>
/// <param name="DataType">A <c>cudaDataType</c>.</param>
/// <param name="ComputeType">A <c>cublasComputeType_t</c>.</param>
public readonly record struct CublasArguments(
    int TransposeLeft, int TransposeRight, int Rows, int Columns, int Depth,
    DevicePointer Left, int LeftStride, DevicePointer Right, int RightStride, DevicePointer Result, int ResultStride, int DataType, int ComputeType)
{
    /// <summary><c>CUBLAS_GEMM_DEFAULT</c>.</summary>
    public const int DefaultAlgorithm = -1;

    private const int Real32 = 0;
    private const int RealBFloat16 = 14;
    private const int Compute32 = 68;
    private const int Compute32FastTFloat32 = 77;

    /// <summary>Turns a row-major product into cuBLAS's.</summary>
    /// <param name="problem">The product.</param>
    public static CublasArguments From(in GemmProblem problem) => new(
        problem.TransposeB ? 1 : 0, problem.TransposeA ? 1 : 0, problem.N, problem.M, problem.K,
        problem.B, problem.RowB, problem.A, problem.RowA, problem.C, problem.N,
        problem.Type == GemmType.BFloat16 ? RealBFloat16 : Real32,
        problem.Type == GemmType.TFloat32 ? Compute32FastTFloat32 : Compute32);
}
