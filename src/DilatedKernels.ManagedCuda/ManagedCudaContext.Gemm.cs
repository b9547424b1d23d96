namespace DilatedKernels.Cuda;

internal sealed unsafe partial class ManagedCudaContext
{
    public ICudaGemm? OpenGemm(out string reason) => ManagedCudaGemm.TryOpen(this, out reason);
}
