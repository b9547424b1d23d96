namespace DilatedKernels.Backends.Cuda.Recording;

/// <summary>A step does what a recording cannot hold.</summary>
/// <param name="reason">What; the rest of a sentence that begins with the step.</param>
internal sealed class RecordingRefusedException(string reason) : Exception($"The step cannot be recorded: it {reason}.")
{
    public string Reason => reason;
}
