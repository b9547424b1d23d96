using System.Runtime.ExceptionServices;
using System.Text;
using DilatedKernels.Cuda;
using DilatedKernels.Distributed;

namespace DilatedKernels.Segmentation.Training;

/// <summary>What the processes of a group do alike, so that it fails on all of them or on none.</summary>
internal static class Together
{
    private const string Mark = nameof(Together);

    private enum Outcome
    {
        Done,
        Refused,
        Cancelled,
        NoDevice,
        Failed,
    }

    /// <summary>Runs something on every process. Where it fails on one, it does on all, which say which one it was and why.</summary>
    /// <param name="group">The processes; null for this one alone.</param>
    /// <param name="action">What to do, without calls of the group.</param>
    /// <param name="undo">Gives up the result where another process failed.</param>
    public static T Run<T>(ProcessGroup? group, Func<T> action, Action<T> undo)
    {
        if (group is null)
        {
            return action();
        }

        T? result = default;
        Exception? own = null;
        try
        {
            // Much of it is reading, of a file system that may be slow.
            using IDisposable suspension = Watchdog.Suspend();
            result = action();
        }
        catch (Exception e)
        {
            own = e;
        }

        byte[][] outcomes = group.AllGather([(byte)Of(own), .. Encoding.UTF8.GetBytes(own is null ? "" : ErrorText.Of(own))]);
        int failed = Array.FindIndex(outcomes, outcome => outcome[0] != (byte)Outcome.Done);
        if (failed < 0)
        {
            return result!;
        }

        if (own is null)
        {
            undo(result!);
        }

        // What is wrong everywhere, or at the one that speaks for all, needs no name.
        bool isCommon = failed == 0 && (own is not null || group.Rank > 0) && outcomes.All(outcome => outcome[0] == (byte)Outcome.Done || outcome.AsSpan().SequenceEqual(outcomes[0]));
        if (isCommon && own is not null)
        {
            ExceptionDispatchInfo.Throw(Common(own));
        }

        string message = Encoding.UTF8.GetString(outcomes[failed].AsSpan(1));
        message = isCommon ? message : $"{group.NameOf(failed)}: {message}";
        throw Common((Outcome)outcomes[failed][0] switch
        {
            Outcome.Refused => new UserInputException(message),
            Outcome.Cancelled => new OperationCanceledException(),
            Outcome.NoDevice => new CudaUnavailableException(message),
            _ => new ProcessGroupException(message),
        });
    }

    /// <summary>Marks an exception that every process of a group throws at the same place.</summary>
    public static Exception Common(Exception exception)
    {
        exception.Data[Mark] = true;
        return exception;
    }

    /// <summary>Whether every process of a group throws it at the same place, so that nobody waits for one that ends with it.</summary>
    public static bool IsCommon(Exception exception) => exception is TrainingDivergedException { IsCommon: true } || exception.Data.Contains(Mark);

    private static Outcome Of(Exception? exception) => exception switch
    {
        null => Outcome.Done,
        UserInputException => Outcome.Refused,
        OperationCanceledException => Outcome.Cancelled,
        CudaUnavailableException => Outcome.NoDevice,
        _ => Outcome.Failed,
    };
}
