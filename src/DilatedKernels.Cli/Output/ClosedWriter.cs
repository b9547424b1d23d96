using System.Globalization;
using System.Text;

namespace DilatedKernels.Cli.Output;

/// <summary>Stands for a stream that whoever started the program has closed (<c>&gt;&amp;-</c>): writing to it fails, as to a full disk.</summary>
internal sealed class ClosedWriter() : TextWriter(CultureInfo.InvariantCulture)
{
    /// <summary>What is said of such a stream.</summary>
    public const string Message = "The output cannot be written: its stream is closed.";

    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>The stream, or one that is closed where there is none.</summary>
    public static TextWriter Or(Func<TextWriter> open)
    {
        try
        {
            return open();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new ClosedWriter();
        }
    }

    public override void Write(char value) => throw new IOException(Message);
}
