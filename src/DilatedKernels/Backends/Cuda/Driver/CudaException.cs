namespace DilatedKernels.Cuda;

/// <summary>A CUDA call failed, or work that was queued earlier did.</summary>
public sealed class CudaException : Exception
{
    /// <summary>The code of an allocation that did not fit (<c>CUDA_ERROR_OUT_OF_MEMORY</c>).</summary>
    public const int OutOfMemory = 2;

    /// <summary>The code of a name that a module does not have (<c>CUDA_ERROR_NOT_FOUND</c>).</summary>
    public const int NotFound = 500;

    /// <summary>Describes a failed call.</summary>
    /// <param name="code">The driver's code.</param>
    /// <param name="name">The code's name, such as <c>CUDA_ERROR_ILLEGAL_ADDRESS</c>.</param>
    /// <param name="driverText">The driver's own sentence about the code.</param>
    /// <param name="call">The function that returned it, such as <c>cuStreamSynchronize</c>.</param>
    /// <param name="kernel">The kernel concerned, when one is known.</param>
    /// <param name="detail">What else helps: sizes, a compiler's log, kernels in flight.</param>
    /// <param name="inner">The exception that told of it, if one did.</param>
    public CudaException(int code, string name, string driverText, string call, string? kernel = null, string? detail = null, Exception? inner = null)
        : base(Compose(code, name, driverText, call, kernel, detail), inner)
    {
        Code = code;
        Name = name;
        DriverText = driverText;
        Call = call;
        Kernel = kernel;
        Detail = detail;
    }

    /// <summary>The driver's code.</summary>
    public int Code { get; }

    /// <summary>The code's name, such as <c>CUDA_ERROR_ILLEGAL_ADDRESS</c>.</summary>
    public string Name { get; }

    /// <summary>The driver's own sentence about the code.</summary>
    public string DriverText { get; }

    /// <summary>The function that returned the code.</summary>
    public string Call { get; }

    /// <summary>The kernel concerned, when one is known.</summary>
    public string? Kernel { get; }

    /// <summary>What else is known: sizes, a compiler's log, kernels in flight.</summary>
    public string? Detail { get; }

    /// <summary>
    /// True for faults after which the context answers every call with an error, until the process ends: an illegal address or instruction,
    /// a kernel that ran too long, a hardware fault, a lost device. The message says so.
    /// </summary>
    public bool IsFatal => MeansLoss(Code);

    /// <summary>The same failure, with something more about it.</summary>
    /// <param name="detail">A sentence.</param>
    public CudaException WithDetail(string detail) =>
        new(Code, Name, DriverText, Call, Kernel, Detail is null ? detail : $"{Detail} {detail}", this);

    // Those of which the driver's documentation says that the process must be started anew, and those that say that device or context has gone.
    private static bool MeansLoss(int code) =>
        code is 4 or 46 or 214 or 220 or 226 or 700 or 702 or 709 or 710 or (>= 714 and <= 719) or 721 or 810 or 999;

    private static string Compose(int code, string name, string driverText, string call, string? kernel, string? detail)
    {
        string subject = kernel is null ? call : $"{call} of kernel {kernel}";
        string text = $"{subject} failed: {name} ({code}), {driverText.TrimEnd('.')}.";
        text = detail is null ? text : $"{text} {detail}";
        return MeansLoss(code) ? $"{text} The device is lost to this process: only a new process can use it again." : text;
    }
}
