using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;

namespace DilatedKernels.Measuring;

/// <summary>
/// A case as it is timed: on a GPU its run is recorded as a CUDA graph, which goes to the driver with one call, so that the device's time counts and not that of calls that it waits
/// for. What a recording cannot hold is run as it is called.
/// </summary>
internal sealed class ReplayedCase : IDisposable
{
    private readonly BenchCase _work;
    private readonly StepRecorder? _recorder;
    public ReplayedCase(BenchCase work)
    {
        _work = work;
        if (work.Device.Backend is not CudaBackend backend)
        {
            return;
        }

        StepRecorder recorder = backend.CreateRecorder();
        try
        {
            recorder.Note(work.Run);
            StepScalars scalars = work.Scalars;
            if (recorder.TryRecord(scalars, work.Run, out string whyNot))
            {
                recorder.Replay(scalars);
                _recorder = recorder;
            }

            WhyNotRecorded = whyNot;
        }
        finally
        {
            if (_recorder is null)
            {
                recorder.Dispose();
            }
        }
    }

    /// <summary>Why every run calls the driver kernel by kernel; empty where a recording is replayed, null on the processor.</summary>
    public string? WhyNotRecorded { get; }

    public void Run()
    {
        if (_recorder is null)
        {
            _work.Run();
        }
        else
        {
            // What changes from step to step of a training does not here, and is on the device.
            _recorder.ReplayAgain();
        }
    }

    public void Dispose() => _recorder?.Dispose();
}
