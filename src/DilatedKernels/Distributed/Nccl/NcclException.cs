namespace DilatedKernels.Distributed.Nccl;

/// <summary>A call to NCCL failed; the message names it, with what NCCL says.</summary>
internal sealed class NcclException(string call, int code, string text) : Exception($"{call} failed: {text}")
{
    /// <summary>Whether another process may be the cause.</summary>
    public bool MayBeAnothers => code is NcclLibrary.SystemError or NcclLibrary.RemoteError;
}
