using System.Globalization;
using System.Text;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Measuring;

/// <summary>What the model says of machines that were not measured. No row is a result.</summary>
internal static class Forecast
{
    /// <summary>The line in docs/scaling.md behind which its tables are.</summary>
    public const string Begin = "<!-- from here on as the model computes it from the committed results -->";

    private const int Classes = 21;
    private const int Crop = 500;
    private const int GpuBatch = 14;

    // A backward pass has twice the FLOPs of a forward pass.
    private const int PassesOfAStep = 3;

    private static readonly double[] Widths = [1, 0.125];

    // As NVIDIA publishes them for the H200, but for bfloat16, which is what matrix products on one reach.
    private static readonly (string Type, double TeraFlops)[] Gpu = [("float32", 67), ("TF32", 495), ("bfloat16", 790)];

    // NVLink of the fourth generation: 900 GB/s, in both directions together. No sum between GPUs was measured; the latencies are assumed.
    private static readonly (string Name, int Processes, LinkCost Cost)[] GpuClusters =
    [
        ("8 GPUs, NVLink", 8, new LinkCost(0.05, new ExchangeFit(0.05, 450_000))),
        ("64 nodes, 100 Gbit/s", 64, new LinkCost(0.2, new ExchangeFit(0.2, 12_500))),
    ];

    private static readonly Link[] Networks = [new(1_000, TimeSpan.FromMilliseconds(0.1)), new(10_000, TimeSpan.FromMilliseconds(0.05)), new(100_000, TimeSpan.FromMilliseconds(0.01))];
    private static readonly int[] Machines = [2, 8, 64];

    /// <summary>The tables of docs/scaling.md.</summary>
    /// <param name="runs">What was measured.</param>
    public static string Tables(IReadOnlyList<ScalingRun> runs)
    {
        var text = new StringBuilder();
        foreach (ScalingRun run in runs.Where(run => run.Link is null && run.Processes == 2))
        {
            OfMeasured(text, run);
        }

        OfGpus(text);
        return text.ToString();
    }

    private static void OfMeasured(StringBuilder text, ScalingRun run)
    {
        text.Append(CultureInfo.InvariantCulture, $"""

            Machines that compute as one core of the measured one ({run.Alone.Milliseconds:F0} ms alone), {run.Library}:

            | link of each | {string.Join(" | ", Machines.Select(machines => $"{machines} machines: ms | of the ideal"))} |
            |---|{string.Concat(Machines.Select(_ => "---:|---:|"))}

            """);
        foreach (Link link in Networks)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {link} |");
            foreach (int machines in Machines)
            {
                AppendCells(text, run.Alone, run.Cost.Over(link), machines);
            }

            text.Append('\n');
        }
    }

    private static void OfGpus(StringBuilder text)
    {
        text.Append(CultureInfo.InvariantCulture, $"""

            GPUs, each with {GpuBatch} crops of {Crop}×{Crop} a step:

            | front end | numbers | alone, ms | {string.Join(" | ", GpuClusters.Select(cluster => $"{cluster.Name}: ms | of the ideal"))} |
            |---|---|---:|{string.Concat(GpuClusters.Select(_ => "---:|---:|"))}

            """);
        foreach (double width in Widths)
        {
            var network = ModelSummary.Of(new ModelConfig { Name = "front end", FrontEnd = FrontEndConfig.Vgg16(Classes, width) }, new Size2(Crop, Crop), GpuBatch);
            foreach ((string type, double teraFlops) in Gpu)
            {
                StepProfile alone = StepProfile.Of(network, PassesOfAStep * network.Flops / teraFlops / 1e9);
                text.Append(CultureInfo.InvariantCulture, $"| {network.Parameters / 1e6:F1} M parameters | {type} | {alone.Milliseconds:F2} |");
                foreach ((_, int processes, LinkCost cost) in GpuClusters)
                {
                    AppendCells(text, alone, cost, processes);
                }

                text.Append('\n');
            }
        }
    }

    private static void AppendCells(StringBuilder text, StepProfile alone, LinkCost cost, int processes)
    {
        double step = ScalingModel.Predict(alone, cost, processes).Step;
        text.Append(CultureInfo.InvariantCulture, $" {step:F2} | {100 * alone.Milliseconds / step:F0} % |");
    }
}
