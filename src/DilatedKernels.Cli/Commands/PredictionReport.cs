using System.Text;

namespace DilatedKernels.Cli.Commands;

/// <summary>What became of an image.</summary>
/// <param name="Code">0 where it is done; else the exit code of a verb that fails with it.</param>
/// <param name="Text">The file of its mask, or why it failed.</param>
internal readonly record struct PredictionOutcome(int Code, string Text)
{
    public static PredictionOutcome Of(byte[] bytes) => new(bytes[0], Encoding.UTF8.GetString(bytes.AsSpan(1)));

    public byte[] ToBytes() => [(byte)Code, .. Encoding.UTF8.GetBytes(Text)];
}

/// <summary>Tells what became of images, in their order, whatever the order in which they are done.</summary>
internal sealed class PredictionReport(int count, TextWriter output, TextWriter error)
{
    private readonly PredictionOutcome?[] _waiting = new PredictionOutcome?[count];
    private int _next;
    private int _failures;
    private int _code;

    /// <summary>How many images are done or have failed.</summary>
    public int Done { get; private set; }

    /// <summary>Takes an image's outcome, and tells those whose turn it is.</summary>
    public void Add(int image, PredictionOutcome outcome)
    {
        _waiting[image] = outcome;
        Done++;
        while (_next < count && _waiting[_next] is not null)
        {
            Tell(_next++);
        }
    }

    /// <summary>Tells the rest of a run that was interrupted, in which images in between may not be done.</summary>
    public void TellRest()
    {
        for (; _next < count; _next++)
        {
            if (_waiting[_next] is not null)
            {
                Tell(_next);
            }
        }
    }

    /// <summary>Sums up, when all images have been told.</summary>
    /// <returns>The exit code.</returns>
    public int End()
    {
        if (_failures > 0 && count > 1)
        {
            error.WriteLine($"dilated: {_failures} of {count} images failed; the others are done.");
            return ExitCode.Failed;
        }

        return _code;
    }

    private void Tell(int image)
    {
        PredictionOutcome outcome = _waiting[image]!.Value;
        if (outcome.Code == ExitCode.Ok)
        {
            output.WriteLine(outcome.Text);
            return;
        }

        _failures++;
        _code = outcome.Code;
        error.WriteLine($"dilated: {outcome.Text}");
    }
}
