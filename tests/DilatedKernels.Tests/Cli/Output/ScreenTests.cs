using System.Text;
using System.Text.RegularExpressions;
using DilatedKernels.Cli.Output;

namespace DilatedKernels.Tests.Cli.Output;

/// <summary>What is known of a terminal, a file, a locale; and how text becomes readable there.</summary>
public partial class ScreenTests
{
    [TestCase(false, "xterm", true, true)]
    [TestCase(false, "dumb", true, false)]
    [TestCase(false, "", true, false)]
    [TestCase(false, null, true, false)]
    [TestCase(true, "xterm", false, false)]
    public void OnlyTerminalsThatCanAreWrittenOver(bool isRedirected, string? term, bool isTerminal, bool rewrites)
    {
        Screen screen = Make(80, isRedirected, ("TERM", term));
        Assert.That((screen.IsTerminal, screen.Rewrites), Is.EqualTo((isTerminal, rewrites)));
    }

    [TestCase(120, 120, 100)]
    [TestCase(80, 80, 80)]
    [TestCase(20, 40, 60)]
    [TestCase(0, 80, 80, Description = "terminals that know no size")]
    public void IsAsWideAsTheTerminal(int columns, int width, int prose)
    {
        Screen screen = Make(columns);
        Assert.That((screen.Width, screen.ProseWidth), Is.EqualTo((width, prose)));
    }

    [Test]
    public void WithoutATerminalItIsAsWideAsTheEnvironmentSaysOr80()
    {
        Assert.That(Make(33, true).Width, Is.EqualTo(80));
        Assert.That(Make(33, true, ("COLUMNS", "132")).Width, Is.EqualTo(132));
        Assert.That(Screen.Of(false, Encoding.UTF8, () => throw new IOException("no terminal"), _ => null, isWindows: false).Width, Is.EqualTo(80));
    }

    [TestCase("C.UTF-8", null, null, true)]
    [TestCase(null, null, "de_DE.utf8", true)]
    [TestCase("C", "de_DE.UTF-8", "de_DE.UTF-8", false)]
    [TestCase("", "POSIX", "de_DE.UTF-8", false)]
    [TestCase(null, null, null, false)]
    [TestCase(null, null, "de_DE", false)]
    public void SignsAreReplacedWhereTheLocaleHasThemNot(string? all, string? type, string? lang, bool stay)
    {
        Screen screen = Make(80, false, ("LC_ALL", all), ("LC_CTYPE", type), ("LANG", lang));
        Assert.That(screen.Readable("480×360, 1–2 ± 3…"), Is.EqualTo(stay ? "480×360, 1–2 ± 3…" : "480x360, 1-2 +/- 3..."));
        Assert.That(screen.Readable("Straße/日本.png"), Is.EqualTo("Straße/日本.png"), "names stay");
    }

    [Test]
    public void SignsThatALocaleHasStay()
    {
        Screen screen = Screen.Of(false, Encoding.Latin1, () => 80, name => name == "LANG" ? "de_DE.ISO-8859-1" : null, isWindows: false);
        Assert.That(screen.Readable("2×3 → 6"), Is.EqualTo("2×3 -> 6"));
    }

    [Test]
    public void EverySignThatMessagesUseHasAReplacement()
    {
        Assume.That(SourceTree.Root, Is.Not.Null, "It reads the tree.");
        Screen screen = Make(80);
        IEnumerable<string> lines = Directory.EnumerateFiles(Path.Combine(SourceTree.Root!, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => Path.GetFileName(file) != "Screen.cs")
            .SelectMany(File.ReadLines)
            .Where(line => !line.TrimStart().StartsWith("//", StringComparison.Ordinal));
        IEnumerable<string> left = lines.SelectMany(line => Beyond().Matches(screen.Readable(line)).Select(match => match.Value)).Distinct();
        Assert.That(left, Is.Empty);
    }

    [Test]
    public void SentencesBreakBetweenWords()
    {
        string problem = "  problem: " + string.Join(' ', Enumerable.Repeat("a word and another", 12));
        string wrapped = Make(50).Wrapped(problem, "dilated");
        string[] lines = wrapped.Split('\n');
        Assert.That(lines.Select(line => line.Length), Is.All.LessThanOrEqualTo(50));
        Assert.That(lines.Skip(1), Is.All.StartsWith("    "));
        Assert.That(string.Join(' ', lines.Select(line => line.Trim())), Is.EqualTo(problem.Trim()));
    }

    [Test]
    public void CommandsColumnsAndLongWordsStayWhole()
    {
        Screen screen = Make(40);
        string word = new('x', 60);
        foreach (string line in (string[])[$"Next: dilated train {word} --run a", $"name  {word} 1 2 3", $"| {word} | 1 |", word, "short"])
        {
            Assert.That(screen.Wrapped(line, "dilated"), Is.EqualTo(line));
        }

        Assert.That(screen.Wrapped($"no {word} here", "dilated").Split('\n').Select(line => line.Trim()), Is.EqualTo(new[] { "no", word, "here" }));
        Assert.That(Screen.Elsewhere.Wrapped(string.Join(' ', Enumerable.Repeat("word", 50)), "dilated"), Does.Not.Contain('\n'), "files are searched by the line");
    }

    [Test]
    public void ANarrowTerminalGetsTheColumnsThatMatter()
    {
        string[][] rows = [["layer", "kind", "empty", "parameters"], ["conv1", "convolution", "", "1,792"], ["conv2", "convolution", "", "36,928"]];
        Assert.That(Table(Make(40)), Is.EqualTo("layer  kind         empty  parameters\nconv1  convolution              1,792\nconv2  convolution             36,928\n"));
        rows = [.. rows.Select(row => row.Select(cell => cell.PadLeft(9).TrimEnd()).ToArray())];
        rows[0] = ["layer", "kind", "empty", "parameters"];
        Assert.That(Table(Make(40)).Split('\n')[0], Does.Contain("kind").And.Not.Contain("empty"), "the column without entries goes first");
        Assert.That(Table(Make(40)), Does.Contain("(a wider terminal, a file and --json").And.EndWith("have empty, too)\n"));
        Assert.That(Table(Make(40, isRedirected: true)), Does.Contain("empty").And.Not.Contain("wider terminal"));

        string Table(Screen screen)
        {
            using var text = new StringWriter { NewLine = "\n" };
            using var writer = new VisibleWriter(text, screen);
            Tables.Write(writer, rows, 2, "kind", "empty");
            return text.ToString();
        }
    }

    internal static Screen Make(int columns, bool isRedirected = false, params (string Name, string? Value)[] environment) =>
        Screen.Of(isRedirected, Encoding.UTF8, () => columns, name => environment.FirstOrDefault(pair => pair.Name == name).Value, isWindows: false);

    [GeneratedRegex(@"[^\x00-\x7F]")]
    private static partial Regex Beyond();
}
