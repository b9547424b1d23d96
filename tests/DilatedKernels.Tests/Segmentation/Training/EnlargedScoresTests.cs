using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Segmentation.Training;

/// <summary>Training on labels that are finer than a network's scores, which the loss or the network enlarges.</summary>
public sealed class EnlargedScoresTests
{
    private const int Cells = 9;

    private static readonly ModelConfig s_tiny = new()
    {
        Name = "tiny",
        FrontEnd = new FrontEndConfig
        {
            Classes = 3,
            Stages = [new Stage(1, 4, PoolAfter: true), new Stage(1, 4, PoolAfter: true)],
            FcKernel = 3,
            FcDilation = 2,
            FcChannels = 6,
            Dropout = 0.5f,
            FinalDeviation = 0.1,
        },
        InputScale = 1.0 / 64,
        MeanBgr = [80, 80, 80],
        ClassNames = ["ground", "square", "disc"],
    };

    [Test]
    public void AStepHasTheBitsOfOneThatEnlargesThem([Values] bool inNetwork, [Values] LossKind kind)
    {
        float[] expected = Train(inNetwork, (device, model, optimizer, input) =>
        {
            using LabelMap labels = LabelMap.FromArray(device, 2, input.LabelSize.Height, input.LabelSize.Width, input.Labels);
            using var weights = new ClassWeights(device, [1f, 0.5f, 2f]);
            using Tape tape = Tape.Record();
            Tensor scores = model.Forward(tape.Adopt(Tensor.FromChannelsLast(device, input.Shape, input.Values)), ForwardContext.Training(1, 0));
            scores = inNetwork ? scores : Ops.BilinearDeconvolution(scores, 4);
            Tensor loss = kind switch
            {
                LossKind.Focal => Ops.FocalLoss(scores, labels, 2, weights),
                LossKind.Dice => Ops.DiceLoss(scores, labels),
                LossKind.CrossEntropyAndDice => Ops.Add(Ops.SoftmaxCrossEntropy(scores, labels, weights), Ops.DiceLoss(scores, labels)),
                _ => Ops.SoftmaxCrossEntropy(scores, labels, weights),
            };
            tape.Backward(loss);
            optimizer.Step(0.1f);
            return loss.Item();
        });
        float[] actual = Train(inNetwork, (device, model, optimizer, input) =>
        {
            using var training = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.1f), 1, voidLabel: 255, loss: Loss(kind));
            return training.Run(0, input);
        });
        Assert.That(actual[0], Is.EqualTo(expected[0]).Within(1).Ulps);
        Assert.That(actual[1..], Is.EqualTo(expected[1..]));
    }

    [Test]
    public void CrossEntropyNeedsNoMemoryForThem([Values] bool inNetwork)
    {
        Assert.That(Peak(LossKind.CrossEntropy), Is.LessThan(Peak(LossKind.Focal)), "which takes the same but for the enlarged scores and their gradients");

        long Peak(LossKind kind)
        {
            long peak = 0;
            Train(inNetwork, (device, model, optimizer, input) =>
            {
                using var training = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.1f), 1, voidLabel: 255, loss: Loss(kind));
                float loss = training.Run(0, input);
                peak = device.Memory.PeakBytes;
                return loss;
            });
            return peak;
        }
    }

    [Test]
    public void LabelsOfAnotherSizeAreRefused()
    {
        using Device device = TestDevices.Cpu(1);
        using SegmentationModel model = SegmentationModel.Create(device, s_tiny, 1);
        using var optimizer = new Sgd([.. model.Parameters]);
        using var training = new TrainingStep(device, model, optimizer, new ConstantSchedule(0.1f), 1, voidLabel: 255);
        StepInput input = Input(model);
        Assert.That(
            () => training.Run(0, new StepInput(input.Shape, input.Values, new Size2(4 * Cells, Cells), new byte[2 * 4 * Cells * Cells])),
            Throws.ArgumentException.With.Message.Contains($"[2, 3, {Cells}, {Cells}] need labels [2, {4 * Cells}, {4 * Cells}]; they were [2, {4 * Cells}, {Cells}]"));
    }

    private static LossConfig Loss(LossKind kind) =>
        kind == LossKind.Dice ? new LossConfig { Kind = kind } : new LossConfig { Kind = kind, Weighting = ClassWeighting.Given, ClassWeights = [1, 0.5, 2] };

    private static StepInput Input(SegmentationModel model)
    {
        var random = new RandomSequence(1, "enlarged");
        int side = (2 * model.Margin) + (4 * Cells);
        var shape = new Shape(2, 3, side, side);
        float[] values = [.. Enumerable.Range(0, (int)shape.Count).Select(_ => (float)(50 * random.NextGaussian()))];
        byte[] labels = [.. Enumerable.Range(0, 2 * 16 * Cells * Cells).Select(i => i % 11 == 3 ? (byte)255 : (byte)random.NextInt32(3))];
        return new StepInput(shape, values, new Size2(4 * Cells, 4 * Cells), labels);
    }

    /// <summary>The loss of a step and the parameters after it.</summary>
    private static float[] Train(bool inNetwork, Func<Device, SegmentationModel, Optimizer, StepInput, float> step)
    {
        using Device device = TestDevices.Cpu(2);
        using SegmentationModel model = SegmentationModel.Create(device, s_tiny with { UpsampleInNetwork = inNetwork }, 1);
        using var optimizer = new Sgd([.. model.Parameters]);
        float loss = step(device, model, optimizer, Input(model));
        return [loss, .. model.Parameters.SelectMany(p => p.Value.ToArray())];
    }
}
