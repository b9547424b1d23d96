using DilatedKernels.Cli;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;
using DilatedKernels.Tests.Cli;
using DilatedKernels.Tests.Samples;
using DilatedKernels.Tests.Segmentation;
using DilatedKernels.Tests.Segmentation.Import;

namespace DilatedKernels.Tests.Docs;

/// <summary>Every command that a page shows is run, with small settings, on a small dataset, in the order of the page.</summary>
public class DocCommandTests
{
    /// <summary>Beginnings of commands that are not run here, and why.</summary>
    private static readonly (string Beginning, string Reason)[] s_notRun =
    [
        ("./build.sh test", "runs these tests"),
        ("./build.sh sanitize", "runs these tests"),
        ("./build.sh mutate", "runs these tests, for hours"),
        ("./build.sh pack", "builds the tree, as the run of these tests does"),
        ("./build.sh aot", "compiles the command ahead of time, for minutes; NativeExecutableTests run what it made"),
        ("sudo install", "installs into the system's folder"),
        ("./build.sh kernels", "wants nvcc"),
        ("./build.sh bench --compare", "wants PyTorch and a machine to itself"),
        ("./build.sh gpu-bundle", "publishes the tree, for a machine with a GPU"),
        ("dotnet tool install", "installs into the user's folder"),
        ("dilated devices --check", "wants a GPU"),
        ("mpirun", "wants MPI; DistributedTrainingTests and DistributedPredictionTests run it"),
        ("dilated import dilation8_camvid.caffemodel --preset", "a published network has 134 million weights; CaffeImportTests import its layers at 1/64 of the width"),
    ];

    private static IEnumerable<string> PagesWithCommands => DocPages.All.Where(page => DocPages.Blocks(page).Any(block => block.Language == "sh"));

    [SetUp]
    public void RequireTheTree() => Assume.That(SourceTree.Root, Is.Not.Null, "The pages are in the tree, and the tests run without it.");

    [TestCaseSource(nameof(PagesWithCommands))]
    public void TheCommandsOfAPageRunInOrder(string page)
    {
        using var folder = new TemporaryFolder();
        Prepare(folder, page);
        foreach (DocCommand command in Before(page).Concat(DocCommand.Of(page)))
        {
            if (ReasonNotToRun(command) is null)
            {
                Run(folder, command);
            }
            else if (Array.IndexOf(command.Words, "dilated") is >= 0 and var at)
            {
                Assert.That(CommandLine.Build().Parse([.. command.Words.Skip(at + 1)]).Errors.Select(error => error.Message), Is.Empty, command.ToString());
            }
        }
    }

    [Test]
    public void NothingIsLeftOutThatNoPageShows()
    {
        string[] commands = [.. DocPages.All.SelectMany(DocCommand.Of).Select(command => command.Text)];
        Assert.That(s_notRun.Select(entry => entry.Beginning).Where(beginning => !commands.Any(text => text.StartsWith(beginning, StringComparison.Ordinal))), Is.Empty);
    }

    [Test]
    public void CommandsStandInShellBlocksAlone()
    {
        string[] programs = ["dilated ", "./build.sh", "./build.ps1", "dotnet "];
        Assert.That(
            from page in DocPages.All
            from block in DocPages.Blocks(page)
            where block.Language != "sh"
            from line in block.Lines
            where programs.Any(program => line.StartsWith(program, StringComparison.Ordinal))
            select $"{page}, {block.Line}: {line}",
            Is.Empty);
    }

    private static string? ReasonNotToRun(DocCommand command) =>
        s_notRun.FirstOrDefault(entry => command.Text.StartsWith(entry.Beginning, StringComparison.Ordinal)).Reason;

    // The pages behind the README begin with what it has trained.
    private static DocCommand[] Before(string page)
    {
        DocCommand[] training = [.. DocCommand.Of("README.md").Where(command => command.Words is ["dilated", "train", ..])];
        bool isNeeded = DocCommand.Of(page).Any(command => command.Text.Contains("context/last", StringComparison.Ordinal));
        return isNeeded && !DocCommand.Of(page).Any(command => command.Text.Contains("--run context", StringComparison.Ordinal)) ? training : [];
    }

    private static void Prepare(TemporaryFolder folder, string page)
    {
        Directory.Move(SmallDataset.Create(folder), folder["DATA"]);
        File.Copy(folder["DATA/val/0.png"], folder["photo.jpg"]);
        // A dataset whose masks hold colours is what --convert-masks wants.
        if (DocCommand.Of(page).Any(command => command.Text.Contains("--convert-masks", StringComparison.Ordinal)))
        {
            foreach (string mask in Directory.GetFiles(folder["DATA"], "*.png", SearchOption.AllDirectories).Where(file => file.Contains("annot", StringComparison.Ordinal)))
            {
                IndexMask indices = MaskFile.Read(mask);
                PngWriter.Write(mask, new RgbImage(indices.Width, indices.Height, [.. indices.Indices.SelectMany(index => Enumerable.Repeat((byte)(255 * index), 3))]));
            }
        }

        if (DocCommand.Of(page).Any(command => command.Words is ["dilated", "import", ..]))
        {
            using SegmentationModel vgg = PublishedNetworks.Random(PublishedNetworks.Narrow("camvid-dilation8"));
            SafetensorsWriter.Write(folder["vgg16.safetensors"], PublishedNetworks.Torch(vgg, isTimm: false));
            folder.Write("VGG_ILSVRC_16_layers.caffemodel", CaffeWriter.Write(CaffeForm.Old, PublishedNetworks.Layers(vgg, "vgg")));
        }
    }

    private static void Run(TemporaryFolder folder, DocCommand command)
    {
        switch (command.Words)
        {
            case ["./build.sh", "demo", .. var rest]:
                RunDilated(folder, command, ["demo", .. rest]);
                Assert.That(File.Exists(folder["demo-output/overview.png"]), "the picture that the README shows");
                break;
            case ["dilated", .. var arguments]:
                RunDilated(folder, command, arguments);
                break;
            case ["dotnet", "run", "--project", var project, .. var arguments]:
                Assert.That(SampleProgram.Run(folder, Path.GetFileName(project), [.. arguments.Skip(1)]).Code, Is.Zero, command.ToString());
                break;
            default:
                Assert.Fail($"{command}: it is neither run by this test nor listed with a reason not to run it.");
                break;
        }
    }

    private static void RunDilated(TemporaryFolder folder, DocCommand command, string[] arguments)
    {
        string[] small = SmallSettings.Of(arguments);
        DilatedProcess.Result result = DilatedProcess.Run(folder.Path, small);
        // The dataset whose masks are to be converted has a problem: that they hold colours.
        bool looksAtColors = arguments is ["check-data", _] && command.Page == "docs/datasets.md";
        Assert.That(result.ExitCode, Is.EqualTo(looksAtColors ? 2 : 0), $"{command}\nrun as dilated {string.Join(' ', small)}\n{result.Error}{result.Output}");
        if (command.Output is { } file)
        {
            folder.Write(file, result.Output);
        }
    }
}
