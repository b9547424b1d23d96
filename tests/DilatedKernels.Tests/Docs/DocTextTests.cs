using System.Text.RegularExpressions;
using DilatedKernels.Cli;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Demo;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Docs;

/// <summary>What the pages say of files, options and pictures.</summary>
public partial class DocTextTests
{
    /// <summary>Options of other programs, and of the build's.</summary>
    private static readonly string[] s_others =
    [
        "--add-source", "--global", "--project", "--logdir", "--torch-compile", "--no-kernels", "--filter", "--fresh", "--table", "--param", "--help", "--version",
        "--compare", "--crf", "--peak", "--memory", "--start", "--torchsharp", "--torchsharp-through", "--instruction-set", "--no-avx512", "--group", "--threads", "--gpu-architecture",
        "--exchange", "--scaling", "--links", "--repeat-disturbed", "--row-seconds", "--float32", "--processes", "--mpirun", "--oversubscribe", "--bind-to", "--mca", "--allow-run-as-root", "--host", "--hostfile",
    ];

    [SetUp]
    public void RequireTheTree() => Assume.That(SourceTree.Root, Is.Not.Null, "The pages are in the tree, and the tests run without it.");

    [Test]
    public void EveryLinkLeadsSomewhere()
    {
        var broken = new List<string>();
        foreach (string page in DocPages.All)
        {
            foreach (string target in Links().Matches(DocPages.Prose(page)).Select(match => match.Groups[1].Value).Where(target => !target.Contains("://", StringComparison.Ordinal)))
            {
                string[] parts = target.Split('#');
                string path = parts[0].Length == 0 ? page : Path.Combine(Path.GetDirectoryName(page)!, parts[0]);
                string full = Path.GetFullPath(Path.Combine(SourceTree.Root!, path));
                bool leads = (File.Exists(full) || Directory.Exists(full)) && (parts.Length == 1 || Anchors(File.ReadAllText(full)).Contains(parts[1]));
                if (!leads)
                {
                    broken.Add($"{page}: {target}");
                }
            }
        }

        Assert.That(broken, Is.Empty);
    }

    [Test]
    public void EveryOptionThatIsNamedExists()
    {
        HashSet<string> known = [.. s_others, .. CommandLine.Build().Subcommands.SelectMany(verb => verb.Options).SelectMany(option => option.Aliases.Append(option.Name))];
        Assert.That(
            from page in DocPages.All
            from Match span in Code().Matches(DocPages.Prose(page))
            from Match option in Options().Matches(span.Value)
            where !known.Contains(option.Value)
            select $"{page}: {option.Value}",
            Is.Empty);
    }

    [Test]
    public void EveryVerbThatIsNamedExistsAndEachIsInTheReadme()
    {
        string[] verbs = [.. CommandLine.Build().Subcommands.Select(verb => verb.Name)];
        string[] named = [.. from page in DocPages.All from Match match in Verbs().Matches(DocPages.Prose(page)) select match.Groups[1].Value];
        Assert.That(named.Except(verbs), Is.Empty);
        Assert.That(verbs.Where(verb => !DocPages.Read("README.md").Contains($"| `dilated {verb}` |", StringComparison.Ordinal)), Is.Empty);
    }

    [Test]
    public void EveryVerbOfTheBuildThatIsNamedExists()
    {
        string build = File.ReadAllText(Path.Combine(SourceTree.Root!, "build", "Build.cs"));
        Assert.That(
            from page in DocPages.All
            from Match match in BuildVerbs().Matches(DocPages.Read(page))
            where !build.Contains($"(\"{match.Groups[1].Value}\",", StringComparison.Ordinal)
            select $"{page}: {match.Value}",
            Is.Empty);
    }

    [Test]
    public void TheExampleOfADatasetDescriptionIsRead()
    {
        using var folder = new TemporaryFolder();
        string text = DocPages.Blocks("docs/datasets.md").Single(block => block.Language == "json").Text;
        ClassSet classes = DatasetDescription.Read(folder.Write("dataset.json", text), null, "none");
        Assert.That(classes.Names, Is.EqualTo(new[] { "ground", "square" }));
    }

    [Test]
    public void ThePictureIsOfTheDemosFirstScene()
    {
        RgbImage picture = ImageFile.Read(Path.Combine(SourceTree.Root!, "docs", "demo.png"));
        (RgbImage scene, IndexMask truth) = LaneScenes.Draw(new DemoOptions().Seed + 1, 0);
        RgbImage now = DemoReport.OverviewOf(new DemoScene(scene, truth, truth, truth, truth));
        Assert.That((picture.Width, picture.Height), Is.EqualTo((now.Width, now.Height)));
        // Scene and truth; what the networks made of them depends on the machine's last bits.
        int half = now.Width / 2;
        Assert.That(
            Enumerable.Range(0, now.Height).Where(y => !Row(picture, y).SequenceEqual(Row(now, y))), Is.Empty, "docs/demo.png is demo-output/overview.png of ./build.sh demo");

        ReadOnlySpan<byte> Row(RgbImage image, int y) => image.Pixels.AsSpan(3 * y * image.Width, 3 * half);
    }

    private static HashSet<string> Anchors(string markdown) =>
    [
        .. markdown.Split('\n').Where(line => line.StartsWith('#')).Select(line => NoAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-')),
    ];

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Links();

    [GeneratedRegex("`[^`]+`")]
    private static partial Regex Code();

    [GeneratedRegex(@"(?<=^|[\s`])--[a-z][a-z0-9-]*")]
    private static partial Regex Options();

    [GeneratedRegex("`dilated ([a-z][a-z-]*)")]
    private static partial Regex Verbs();

    [GeneratedRegex(@"\./build\.(?:sh|ps1) ([a-z][a-z-]*)")]
    private static partial Regex BuildVerbs();

    [GeneratedRegex(@"[^\w\s-]")]
    private static partial Regex NoAnchor();
}
