using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    // Opened when the first convolution wants it: the library takes memory, and time to load.
    private ICudaGemm? _gemm;
    private bool _gemmOpened;

    /// <summary>Why the vendor's matrix product is not used; null while nothing has asked for it, and when it is.</summary>
    public string? WhyNoGemm { get; private set; }

    /// <summary>The vendor's matrix product for a convolution that it suits, or null: then our own kernels serve.</summary>
    private ICudaGemm? GemmFor(in Conv2dGeometry geometry, ElementType type)
    {
        if (!Conv2dGemm.Suits(geometry, type))
        {
            return null;
        }

        using Lock.Scope gate = _gate.EnterScope();
        if (!_gemmOpened)
        {
            using Watchdog.Scope suspension = Watchdog.EnterSuspension();
            _gemm = _context.OpenGemm(out string reason);
            _gemmOpened = true;
            WhyNoGemm = _gemm is null ? reason : null;
        }

        return _gemm;
    }

    private void Multiply(ICudaGemm gemm, in GemmProblem problem)
    {
        using Lock.Scope gate = _gate.EnterScope();
        using Watchdog.Scope suspension = Watchdog.EnterSuspension();
        gemm.Multiply(problem, _stream);
    }

    private void CloseGemm()
    {
        _gemm?.Dispose();
        _gemm = null;
    }
}
