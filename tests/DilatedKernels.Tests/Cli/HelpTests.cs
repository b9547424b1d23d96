using System.CommandLine;
using DilatedKernels.Cli;
using DilatedKernels.Cli.Output;
using DilatedKernels.Tests.Cli.Output;

namespace DilatedKernels.Tests.Cli;

/// <summary>The help of every verb, whichever there are.</summary>
public class HelpTests
{
    private static IEnumerable<string[]> Verbs() => CommandLine.Build().Subcommands.Select(verb => new[] { verb.Name, "--help" }).Prepend(["--help"]);

    [TestCaseSource(nameof(Verbs))]
    public async Task FitsAnyTerminal(params string[] arguments)
    {
        foreach (int columns in (int[])[60, 80, 200])
        {
            string help = await Help(ScreenTests.Make(columns, environment: ("LC_ALL", "C")), arguments);
            string[] lines = help.Split(Environment.NewLine);
            int width = Math.Min(columns, 100);
            Assert.That(lines.Where(line => line.Length > width || line != line.TrimEnd()), Is.Empty);
            Assert.That(help.Where(c => c is (< ' ' or > '~') and not ('\n' or '\r')), Is.Empty, "plain characters");
        }
    }

    [TestCaseSource(nameof(Verbs))]
    public async Task SaysTheSameAtEveryWidth(params string[] arguments)
    {
        Command verb = arguments.Length == 1 ? CommandLine.Build() : CommandLine.Build().Subcommands.Single(verb => verb.Name == arguments[0]);
        foreach (int columns in (int[])[60, 80, 200])
        {
            string help = await Help(ScreenTests.Make(columns), arguments);
            foreach (Option option in verb.Options.Where(option => !option.Hidden))
            {
                Assert.That(help, Does.Contain(option.Name));
                Assert.That(option.Description, Is.Not.Empty, option.Name);
            }
        }

        string piped = await Help(Screen.Elsewhere, arguments);
        Assert.That(piped, Is.EqualTo(await Help(ScreenTests.Make(80), arguments)), "a pager is read like a terminal of 80 columns");
    }

    private static async Task<string> Help(Screen screen, string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.That(await CommandLine.RunAsync(arguments, output, screen, error, screen), Is.Zero);
        Assert.That(error.ToString(), Is.Empty);
        return output.ToString();
    }
}
