using DilatedKernels.Cli;
using DilatedKernels.Cli.Output;

namespace DilatedKernels.Tests.Cli.Output;

/// <summary>Standard output and error that are closed.</summary>
public class ClosedWriterTests
{
    [Test]
    public async Task ResultsThatNobodyGetsAreAFailureThatIsNamed([Values] bool isFound)
    {
        using var error = new StringWriter();
        int code = await CommandLine.RunAsync(["--help"], isFound ? new RefusingWriter() : Missing(), Screen.Elsewhere, error, Screen.Elsewhere).ConfigureAwait(false);
        Assert.That((code, error.ToString().Trim()), Is.EqualTo((1, $"dilated: {ClosedWriter.Message}")));
    }

    [Test]
    public async Task MessagesThatNobodyGetsEndNothing([Values] bool isFound)
    {
        using var output = new StringWriter();
        TextWriter error = isFound ? new RefusingWriter() : Missing();
        Assert.That(await CommandLine.RunAsync(["eval", "nowhere.safetensors", "data"], output, Screen.Elsewhere, error, Screen.Elsewhere).ConfigureAwait(false), Is.EqualTo(2));
    }

    private static TextWriter Missing() => ClosedWriter.Or(() => throw new UnauthorizedAccessException("Access to the path is denied."));

    private sealed class RefusingWriter : StringWriter
    {
        public override void Write(char value) => throw new UnauthorizedAccessException("Access to the path is denied.");

        public override void Write(string? value) => Write(' ');

        public override void WriteLine() => Write(' ');

        public override void WriteLine(string? value) => Write(' ');
    }
}
