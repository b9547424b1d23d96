using System.Globalization;
using ManagedCuda.BasicTypes;
using ManagedCuda.CudaBlas;

namespace DilatedKernels.Cuda;

/// <summary>cuBLAS through ManagedCuda-CUBLAS.</summary>
internal sealed unsafe class ManagedCudaGemm : ICudaGemm
{
    // Given by us, so that cuBLAS takes no memory while a graph is recorded; as much as it would take itself on Hopper.
    private const long WorkspaceBytes = 32L << 20;

    private readonly ICudaContext _context;
    private readonly CudaBlas _blas;
    private readonly DevicePointer _workspace;
    private bool _disposed;

    private ManagedCudaGemm(ICudaContext context, CudaBlas blas)
    {
        _context = context;
        _blas = blas;
        int version = 0;
        Check(CudaBlasNativeMethods.cublasGetVersion_v2(blas.CublasHandle, ref version), "cublasGetVersion");
        Description = string.Create(CultureInfo.InvariantCulture, $"ManagedCuda-CUBLAS, version {version}");
        _workspace = context.Allocate(WorkspaceBytes, default);
        context.Synchronize(default(StreamHandle));
    }

    public string Description { get; }

    public static ManagedCudaGemm? TryOpen(ICudaContext context, out string reason)
    {
        context.MakeCurrent();
        try
        {
            reason = "";
            return new ManagedCudaGemm(context, new CudaBlas());
        }
        catch (CudaBlasException e)
        {
            reason = $"cuBLAS does not start: {e.CudaBlasError}";
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or TypeInitializationException)
        {
            reason = $"cuBLAS was not found (tried {string.Join(", ", CudaLibraries.CublasFiles)}; {CudaLibraries.CublasVariable} can name the file)";
        }

        return null;
    }

    public void Multiply(in GemmProblem problem, StreamHandle stream)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        CublasArguments a = CublasArguments.From(problem);
        float alpha = problem.Alpha;
        float beta = problem.Beta;
        var type = (cudaDataType)a.DataType;
        _context.MakeCurrent();

        // Setting the stream drops the workspace, so both are set.
        Check(CudaBlasNativeMethods.cublasSetStream_v2(_blas.CublasHandle, new CUstream { Pointer = stream.Value }), "cublasSetStream");
        Check(CudaBlasNativeMethods.cublasSetWorkspace_v2(_blas.CublasHandle, Native(_workspace), WorkspaceBytes), "cublasSetWorkspace");
        Check(
            CudaBlasNativeMethods.cublasGemmEx(
                _blas.CublasHandle, (Operation)a.TransposeLeft, (Operation)a.TransposeRight, a.Rows, a.Columns, a.Depth, (nint)(&alpha),
                Native(a.Left), type, a.LeftStride, Native(a.Right), type, a.RightStride, (nint)(&beta),
                Native(a.Result), type, a.ResultStride, (ComputeType)a.ComputeType, (GemmAlgo)CublasArguments.DefaultAlgorithm),
            "cublasGemmEx");
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _context.MakeCurrent();
        _blas.Dispose();
        _context.Free(_workspace, default);
    }

    private static CUdeviceptr Native(DevicePointer pointer) => new(pointer.Value);

    private static void Check(CublasStatus status, string call)
    {
        if (status != CublasStatus.Success)
        {
            throw new CudaException((int)status, $"cuBLAS status {status}", "cuBLAS refused", call);
        }
    }
}
