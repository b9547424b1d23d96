using System.Diagnostics;
using System.Globalization;
using DilatedKernels.Distributed;
using DilatedKernels.Measuring;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Bench;

/// <summary>One process of a job that <c>--scaling</c> measures: sums alone, steps alone, and steps that all share.</summary>
internal sealed class ScalingWorker : IDisposable
{
    public const string Verb = "--scaling-worker";

    /// <summary>Begins the lines of rank 0 that are meant for <see cref="ScalingCommand"/>; other programs may write between.</summary>
    public const string Mark = "scaling";

    private const int Seed = 1;
    private const int Labels = 16;
    private const int WarmUp = 2;
    private const int FirstSteps = 20;
    private static readonly int[] Lengths = [1, 1 << 17, 1 << 18, 1 << 19, 1 << 20, 1 << 21];

    private readonly MpiGroup _group;
    private readonly int _rounds;
    private readonly Device _device = Device.CreateCpu(1);
    private readonly SegmentationModel _model;
    private readonly Sgd _optimizer;
    private readonly float[] _image;
    private readonly byte[] _labels = new byte[Labels * Labels];

    private ScalingWorker(MpiGroup group, int rounds)
    {
        (_group, _rounds) = (group, rounds);
        _model = SegmentationModel.Create(_device, ScalingReport.Network, Seed);
        _optimizer = new Sgd(_model.Parameters);
        _image = RandomData.Values(3L * Input.Height * Input.Width, "image", 1);
    }

    private static Size2 Input => ScalingReport.Input;

    public static int Run(string[] arguments)
    {
        using MpiGroup group = MpiGroup.Join();
        using var worker = new ScalingWorker(group, int.Parse(arguments[0], CultureInfo.InvariantCulture));
        worker.Measure();
        return 0;
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _model.Dispose();
        _device.Dispose();
    }

    private void Measure()
    {
        Tell("library", _group.Library);
        foreach (int length in Lengths)
        {
            float[] node = new float[length];
            float[] sum = new float[length];
            Tell("sum", length, Times(() => _group.BeginSum([node], _group.Size, sum).Wait()));
        }

        MeasureAlone();
        foreach (bool overlaps in new[] { false, true })
        {
            using RecordedStep step = Make(_group);
            step.Exchange!.Overlaps = overlaps;
            var waited = new List<double>();
            double[] times = Times(() =>
            {
                Step(step);
                waited.Add(step.Waited.TotalMilliseconds);
            });
            Tell("step", overlaps ? "overlapped" : "behind", times);
            Tell("waited", overlaps ? "overlapped" : "behind", waited.Skip(WarmUp).ToArray());
        }
    }

    // While the others compute, too, so that cores and memory are as busy as in the steps that all share.
    private void MeasureAlone()
    {
        using LocalGroup alone = LocalGroup.Create(1)[0];
        using RecordedStep step = Make(alone);
        var begins = new List<(double At, int Values)[]>();
        var now = new List<(double At, int Values)>();
        long begun = 0;
        step.Exchange!.Beginning = values => now.Add((Stopwatch.GetElapsedTime(begun).TotalMilliseconds, values));

        // The runtime compiles what runs often anew, and the first steps are slower by half.
        for (int i = 0; i < FirstSteps; i++)
        {
            Step(step);
        }

        double[] times = Times(() =>
        {
            now.Clear();
            begun = Stopwatch.GetTimestamp();
            Step(step);
            begins.Add(now.ToArray());
        });
        Tell("alone", times);
        for (int i = 0; i < now.Count; i++)
        {
            Tell("begins", now[i].Values, begins.Skip(WarmUp).Select(sums => sums[i].At).ToArray());
        }
    }

    private RecordedStep Make(ProcessGroup group) => new(
        new Shape(group.Size, 3, Input.Height, Input.Width), new Size2(Labels, Labels), _optimizer,
        (x, labels, context) => Ops.SoftmaxCrossEntropy(_model.Forward(x, context), labels), Seed, parts: group.Size, group);

    private void Step(RecordedStep step) => step.Run(0, _image, _labels, learningRate: 1e-6f);

    private double[] Times(Action action)
    {
        var times = new double[_rounds];
        for (int i = -WarmUp; i < _rounds; i++)
        {
            _group.Barrier();
            long begun = Stopwatch.GetTimestamp();
            action();
            if (i >= 0)
            {
                times[i] = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
            }
        }

        return times;
    }

    private void Tell(params object[] fields)
    {
        if (_group.Rank == 0)
        {
            Console.WriteLine(string.Join('\t', [Mark, .. fields.Select(field => field is double[] times ? string.Join('\t', times.Select(time => time.ToString("R", CultureInfo.InvariantCulture))) : field)]));
        }
    }
}
