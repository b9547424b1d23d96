namespace DilatedKernels.Backends;

/// <summary>How far a step's recording has come.</summary>
internal enum RecordingStage
{
    /// <summary>The step has yet to be run once, to see what memory it takes.</summary>
    Unknown,

    /// <summary>It has been, and can be recorded.</summary>
    Noted,

    /// <summary>It has been recorded, and can be replayed.</summary>
    Recorded,
}

/// <summary>
/// Records what a step queues on a device, and queues it again as a whole. All steps of a recorder are alike: the same operations on the same
/// buffers, but for <see cref="StepScalars"/>.
/// </summary>
internal abstract class StepRecorder : IDisposable
{
    /// <summary>What comes next. Falls back when memory that the recording uses has been given back.</summary>
    public abstract RecordingStage Stage { get; }

    /// <summary>Runs the step as it is called, and notes its memory.</summary>
    public abstract void Note(Action step);

    /// <summary>
    /// Records the step; nothing runs on the device. False, and why, when it does what a recording cannot hold: a transfer, a wait, a scalar that
    /// is not among <paramref name="scalars"/> or memory in another order than noted. Other exceptions of the step pass through.
    /// </summary>
    public abstract bool TryRecord(StepScalars scalars, Action step, out string reason);

    /// <summary>Queues the recorded step.</summary>
    public abstract void Replay(StepScalars scalars);

    /// <summary>Queues it once more with the scalars that it had last.</summary>
    public abstract void ReplayAgain();

    /// <summary>Drops notes and recording.</summary>
    public abstract void Forget();

    /// <summary>For a finalizer: has the recording given back by the next step that anybody runs on the device.</summary>
    public abstract void Abandon();

    public abstract void Dispose();
}
