using System.CommandLine;
using System.Globalization;
using DilatedKernels.Cli.Output;
using DilatedKernels.Segmentation.Demo;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>dilated demo</c>: what a context module adds, on procedural scenes, in two minutes.</summary>
internal sealed class DemoCommand
{
    private readonly Option<string> _out = new("--out") { Description = "Where pictures and report.html go.", DefaultValueFactory = _ => "demo-output", HelpName = "FOLDER" };
    private readonly Option<bool> _short = new("--short") { Description = "A few steps only: shows that everything works, not what context adds." };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Names every random number.", DefaultValueFactory = _ => 1, HelpName = "N" };
    private readonly DeviceOptions _device = new();

    public static Command Create()
    {
        var verb = new DemoCommand();
        var command = new Command("demo", "Trains a front end and a context module on procedural scenes and shows what context adds.") { verb._out, verb._short, verb._seed };
        verb._device.AddTo(command);
        command.SetAction((result, cancellation) => Task.FromResult(verb.Run(result, cancellation)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken cancellation)
    {
        TextWriter output = result.InvocationConfiguration.Output;
        ProgressDisplay display = ProgressDisplay.For(result.InvocationConfiguration.Error);
        using Device device = _device.Open(result);
        var options = new DemoOptions { Seed = result.GetValue(_seed) };
        if (result.GetValue(_short))
        {
            options = options with { FrontEndSteps = 20, ContextSteps = 20, HeldBackScenes = 8 };
        }

        var report = new DemoReport(result.GetValue(_out)!);
        DemoResult outcome;
        try
        {
            outcome = new DemoRun(device, options).Run(display.Training, report.Add, cancellation);
        }
        finally
        {
            display.Finish();
        }

        report.Write(outcome);
        output.WriteLine("Cars take the colour of a signal that the front end is too short-sighted to see.");
        output.WriteLine();
        output.WriteLine("mean IoU on held-back scenes");
        Line("front end", outcome.FrontEndReceptiveField, outcome.FrontEnd);
        Line("front end + context", outcome.FinalReceptiveField, outcome.Context);
        Line("the same, random start", outcome.FinalReceptiveField, outcome.RandomContext);
        output.WriteLine();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"gain from context        {100 * (outcome.Context.MeanIoU - outcome.FrontEnd.MeanIoU):+0.0;-0.0} points"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"from a random start      {100 * (outcome.RandomContext.MeanIoU - outcome.FrontEnd.MeanIoU):+0.0;-0.0} points"));
        output.WriteLine($"pictures and report      {report.Page}");
        return ExitCode.Ok;

        void Line(string name, int field, ConfusionMatrix matrix) =>
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {name,-24} {100 * matrix.MeanIoU,5:F1} %   sees {field} pixels"));
    }
}
