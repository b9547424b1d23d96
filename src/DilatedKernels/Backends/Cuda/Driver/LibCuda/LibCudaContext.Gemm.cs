namespace DilatedKernels.Cuda;

internal sealed unsafe partial class LibCudaContext
{
    public ICudaGemm? OpenGemm(out string reason) => LibCublas.TryOpen(this, CudaLibraries.CublasFiles, out reason);
}
