using System.Globalization;
using System.Text;
using System.Text.Json;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Measuring;

/// <summary>Steps that processes share, measured and modelled, for a results folder.</summary>
/// <param name="Command">What was typed.</param>
/// <param name="Machine">Where.</param>
/// <param name="Runs">What was measured.</param>
internal sealed record ScalingReport(string Command, MachineDescription Machine, IReadOnlyList<ScalingRun> Runs) : ResultsReport(Command, Machine)
{
    /// <summary>What is measured: the front end at an eighth of its width.</summary>
    public static ModelConfig Network => new() { Name = "front end", FrontEnd = FrontEndConfig.Vgg16(classes: 21, widthMultiplier: 0.125) };

    /// <summary>The size of the paper's training crops, which gives 16 × 16 scores.</summary>
    public static Size2 Input => new(500, 500);

    public override string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Training steps that processes share

            {Origin}

            Every process has one thread and one image of 500×500 pixels a step: the front end at an eighth of its width, {Parameters / 1e6:F1} million parameters. *Alone* is the step that
            each computes for itself while the others do the same. The model takes *alone*, when in it gradients are there, and the sums of the second table, measured with nothing
            else to do; of the shared steps it knows nothing. Links are between network namespaces of this machine, each with one process, made by a relay in the measuring program, which takes its
            share of the same cores. Medians.

            {Header}

            """);
        foreach (ScalingRun run in Runs)
        {
            text.Append(Lines(run));
        }

        double[] errors = [.. from run in Runs where run.Processes > 1 from steps in run.Steps select Math.Abs(Error(run, steps))];
        if (errors.Length > 0)
        {
            Statistics error = Statistics.Of(errors);
            text.Append(CultureInfo.InvariantCulture, $"\nThe model's error over these {error.Count} rows: {100 * error.Median:F0} % in the median, {100 * error.Max:F0} % at most.\n");
        }

        text.Append("\n| library | link | processes | few values, ms | many values, ms | MB/s |\n|---|---|---:|---:|---:|---:|\n");
        foreach (ScalingRun run in Runs.Where(run => run.Processes > 1))
        {
            LinkCost cost = run.Cost;
            text.Append(CultureInfo.InvariantCulture, $"| {run.Library} | {run.LinkName} | {run.Processes} | {BenchTable.Format(cost.Short)} | {BenchTable.Format(cost.Line.Latency)} | {cost.Line.MegabytesPerSecond:F1} |\n");
        }

        return text.ToString();
    }

    /// <summary>The rows of a run.</summary>
    public static string Lines(ScalingRun run)
    {
        var text = new StringBuilder();
        foreach (ScalingSteps steps in run.Steps)
        {
            double measured = Statistics.Of(steps.Milliseconds).Median;
            StepTime model = Model(run, steps);
            text.Append(CultureInfo.InvariantCulture, $"| {run.Library} | {run.LinkName} | {run.Processes} | {(steps.Overlaps ? "during" : "after")} | {run.Alone.Milliseconds:F0} | {measured:F0} | {model.Step:F0} | {100 * Error(run, steps):+0;-0;0} % | {Statistics.Of(steps.Waited).Median:F0} | {model.Waited:F0} |\n");
        }

        return text.ToString();
    }

    private static long Parameters => ModelSummary.Of(Network, Input).Parameters;

    private static StepTime Model(ScalingRun run, ScalingSteps steps) => ScalingModel.Predict(run.Alone, run.Processes > 1 ? run.Cost : default, run.Processes, steps.Overlaps);

    private static double Error(ScalingRun run, ScalingSteps steps) => (Model(run, steps).Step / Statistics.Of(steps.Milliseconds).Median) - 1;

    private const string Header = """
        | library | link | processes | sums go on | alone, ms | step, ms | model, ms | error | waited, ms | model, ms |
        |---|---|---:|---|---:|---:|---:|---:|---:|---:|
        """;

    protected override void WriteNumbers(Utf8JsonWriter json) => ScalingJson.Write(json, Runs);
}
