using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace DilatedKernels.Cli.Output;

/// <summary>A verb's help as wide as sentences are on the screen, without the blanks that wrapping leaves at ends of lines.</summary>
internal sealed class HelpText(Screen screen) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        TextWriter output = parseResult.InvocationConfiguration.Output;
        using var text = new StringWriter();
        parseResult.InvocationConfiguration.Output = text;
        int code = new HelpAction { MaxWidth = screen.ProseWidth }.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output = output;
        foreach (string line in text.ToString().TrimEnd().Split('\n'))
        {
            output.WriteLine(screen.Readable(line.TrimEnd()));
        }

        return code;
    }
}
