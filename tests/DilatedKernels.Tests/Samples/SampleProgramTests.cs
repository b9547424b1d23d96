using System.Globalization;
using System.Text.RegularExpressions;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Samples;

/// <summary>Every sample says what it is there to show.</summary>
public partial class SampleProgramTests
{
    [Test]
    public void TheFirstGradientIsTheQuotientOfDifferences()
    {
        string[] rows = [.. Output("FirstGradient").Where(line => line.Contains('('))];
        Assert.That(rows, Has.Length.EqualTo(18));
        foreach (double[] numbers in rows.Select(row => Numbers(row[9..])))
        {
            Assert.That(numbers[1], Is.EqualTo(numbers[2]).Within(1e-4).And.Not.EqualTo(0));
        }
    }

    [Test]
    public void TheTrainingLoopLearns()
    {
        string[] rows = Output("TrainingLoop");
        Assert.That(Loss(rows[^1]), Is.LessThan(Loss(rows[0]) / 5), string.Join('\n', rows));

        static double Loss(string row) => Numbers(row)[1];
    }

    [Test]
    public void TheGradientReachesWhatTheFigureShows()
    {
        using var folder = new TemporaryFolder();
        (int code, string output, string error) = SampleProgram.Run(folder, "DilationFigure", "2,4", "own.svg");
        Assert.That(code, Is.Zero, error);
        Assert.That(output, Does.Contain("Layer 2, dilation 4: receptive field 13×13, 120 of 169 (71 %) of its cells never touched.").And.Contain("reaches 49 of 169"));
        Assert.That(File.ReadAllText(folder["own.svg"]), Does.StartWith("<svg").And.Contain("Gridding"));

        foreach (string list in (string[])["0", "two", ""])
        {
            (code, output, error) = SampleProgram.Run(folder, "DilationFigure", list, "none.svg");
            Assert.That((code, output), Is.EqualTo((2, "")), list);
            Assert.That(error, Does.Contain("usage:"), list);
        }
    }

    [Test]
    public void OnlyADilationThatReachesTheDistanceLearns()
    {
        double[][] rows = [.. Output("DilationRates").Skip(1).Select(row => Numbers(row[12..]))];
        Assert.That(rows.Select(row => row[0]), Is.EqualTo(new double[] { 7, 15, 43, 17 }), "what each sees");
        Assert.That(rows.Take(3).Select(row => row[3]), Is.All.LessThan(60), "too near, and with a hole where the answer is");
        Assert.That(rows[3][3], Is.GreaterThan(90));
    }

    [Test]
    public void OnnxRuntimeGivesOurScores()
    {
        string[] rows = [.. Output("OnnxExport", "small.onnx").Where(row => row.StartsWith("image", StringComparison.Ordinal))];
        Assert.That(rows, Has.Length.EqualTo(2));
        Assert.That(rows.Select(row => Numbers(row)[^1]), Is.All.LessThan(1e-4));
    }

    [Test]
    public void SharedMemorySaysWhatIsMissing() => Assert.That(
        Output("SharedMemory")[0], Does.StartWith("This build is without ManagedCuda").Or.StartsWith("There is no GPU").Or.StartsWith("The tensor [1, 1, 2, 3] is the device variable of 6 floats"));

    private static string[] Output(string sample, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        (int code, string output, string error) = SampleProgram.Run(folder, sample, arguments);
        Assert.That(code, Is.Zero, error);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static double[] Numbers(string text) => [.. Number().Matches(text).Select(match => double.Parse(match.Value, CultureInfo.InvariantCulture))];

    [GeneratedRegex(@"-?\d+(\.\d+)?(E[+-]\d+)?")]
    private static partial Regex Number();
}
