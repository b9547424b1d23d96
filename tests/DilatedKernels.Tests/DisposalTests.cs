using DilatedKernels.Distributed;
using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Serialization;
using DilatedKernels.Tests.Cli;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests;

/// <summary>
/// Every public type that can be disposed: twice, by two threads at once, and used afterwards. The types are found by reflection, so that a new one without a
/// case here fails.
/// </summary>
public sealed class DisposalTests
{
    private static readonly Shape s_shape = new(1, 2, 3, 3);

    private static readonly ModelConfig s_model = new()
    {
        Name = "tiny",
        FrontEnd = new FrontEndConfig { Classes = 2, Stages = [new Stage(1, 4, PoolAfter: true)], FcKernel = 3, FcDilation = 2, FcChannels = 6 },
        MeanBgr = [80, 80, 80],
        ClassNames = ["ground", "square"],
    };

    // How to make one, and what of it must not work any more, with the name in the error; null where nothing is given back that a use could miss.
    private static readonly Dictionary<Type, Case> s_cases = new()
    {
        [typeof(Device)] = new(_ => Device.CreateCpu(2), d => Tensor.Zeros((Device)d, s_shape), "cpu"),
        [typeof(Tensor)] = new(_ => Zeros(), t => ((Tensor)t).ToArray(), s_shape.ToString()),
        [typeof(LabelMap)] = new(_ => LabelMap.FromArray(Device.Cpu, 1, 2, 2, new byte[4]), l => ((LabelMap)l).SetArray(new byte[4]), nameof(LabelMap)),
        [typeof(ClassWeights)] = new(
            _ => new ClassWeights(Device.Cpu, [1f, 2f]),
            w => Ops.SoftmaxCrossEntropy(Zeros(), LabelMap.FromArray(Device.Cpu, 1, 3, 3, new byte[9]), (ClassWeights)w), nameof(ClassWeights)),
        [typeof(SparseMatrix)] = new(
            _ => SparseMatrix.FromRows(Device.Cpu, 1, [0, 1], [new SparseEntry(0, 1f)]), m => Ops.SparseProduct((SparseMatrix)m, Tensor.Zeros(Device.Cpu, Shape.Scalar)), nameof(SparseMatrix)),
        [typeof(Parameter)] = new(_ => new Parameter("kernel", Zeros()), p => ((Parameter)p).Value.ToArray(), "'kernel'"),
        [typeof(ParameterUse)] = new(_ => ParameterUse.Read([]), null, ""),
        [typeof(Tape)] = new(_ => Tape.Record(), t => ((Tape)t).Keep(Zeros()), nameof(Tape)),
        [typeof(Sgd)] = new(_ => new Sgd([new Parameter("p", Zeros())]), o => ((Optimizer)o).Step(1), nameof(Sgd)),
        [typeof(Adam)] = new(_ => new Adam([new Parameter("p", Zeros())]), o => ((Optimizer)o).Step(1), nameof(Adam)),
        [typeof(RecordedStep)] = new(_ => Step(), s => ((RecordedStep)s).Run(0, new float[18], new byte[9], 1), nameof(RecordedStep)),
        [typeof(Conv2dLayer)] = new(_ => new Conv2dLayer(Device.Cpu, "layer", 2, 2, 1), Forward, "'layer.weight'"),
        [typeof(TransposedConv2dLayer)] = new(_ => new TransposedConv2dLayer(Device.Cpu, "layer", 2, 2, 1, 1), Forward, "'layer.weight'"),
        [typeof(Sequential)] = new(_ => new Sequential(new Conv2dLayer(Device.Cpu, "layer", 2, 2, 1)), Forward, "'layer.weight'"),
        [typeof(Graph)] = new(_ => new Graph(new GraphNode(new Conv2dLayer(Device.Cpu, "layer", 2, 2, 1), [Graph.Input])), Forward, "'layer.weight'"),
        [typeof(SegmentationModel)] = new(_ => SegmentationModel.Create(Device.Cpu, s_model, 1), m => Predict((SegmentationModel)m), "'conv1_1.weight'"),
        [typeof(CrfRnn)] = new(
            _ => new CrfRnn(Device.Cpu, new CrfRnnConfig { Classes = 2 }, threads: 1),
            c => ((CrfRnn)c).Forward(Zeros(), Tensor.Zeros(Device.Cpu, s_shape with { C = 3 }), ForwardContext.Inference), "'crf.bilateral'"),
        [typeof(LocalGroup)] = new(_ => LocalGroup.Create(1)[0], g => ((LocalGroup)g).Barrier(), nameof(LocalGroup)),
        [typeof(SafetensorsFile)] = new(OpenFile, f => ((SafetensorsFile)f).Read("a"), nameof(SafetensorsFile)),
        [typeof(BatchLoader)] = new(OpenLoader, l => ((BatchLoader)l).Get(0), nameof(BatchLoader)),
        [typeof(RunFolder)] = new(folder => RunFolder.Create(folder["run"], Config(folder)), null, ""),
        [typeof(TrainingStep)] = new(_ => Training(), t => ((TrainingStep)t).Run(0, new StepInput(s_shape, new float[18], new Size2(3, 3), new byte[9])), nameof(TrainingStep)),
        [typeof(Trainer)] = new(folder => Trainer.Start(Config(folder), folder["run"], Device.Cpu), t => ((Trainer)t).Run(), nameof(Trainer)),

        // Layers without parameters, which hold nothing.
        [typeof(AddLayer)] = Nothing(new AddLayer()),
        [typeof(AveragePool2dLayer)] = Nothing(new AveragePool2dLayer(1)),
        [typeof(BilinearDeconvolutionLayer)] = Nothing(new BilinearDeconvolutionLayer(2)),
        [typeof(CastLayer)] = Nothing(new CastLayer(ElementType.BFloat16)),
        [typeof(ConcatLayer)] = Nothing(new ConcatLayer()),
        [typeof(CropLayer)] = Nothing(new CropLayer(0)),
        [typeof(DropoutLayer)] = Nothing(new DropoutLayer(0.5f, 0)),
        [typeof(MaxPool2dLayer)] = Nothing(new MaxPool2dLayer(1, 1)),
        [typeof(ReflectionPadLayer)] = Nothing(new ReflectionPadLayer(1)),
        [typeof(ScaleLayer)] = Nothing(new ScaleLayer(1)),
    };

    private static IEnumerable<Type> Disposable() => new[] { typeof(Device).Assembly, typeof(SegmentationModel).Assembly }
        .SelectMany(assembly => assembly.GetExportedTypes())
        .Where(type => typeof(IDisposable).IsAssignableFrom(type) && type is { IsInterface: false, IsAbstract: false })

        // It wants mpirun: MpiGroupTests leave it.
        .Where(type => type != typeof(MpiGroup));

    [Test]
    public void EveryTypeHasACase() => Assert.That(Disposable().Except(s_cases.Keys), Is.Empty);

    [TestCaseSource(nameof(Disposable))]
    public void DisposedTwiceAndByTwoThreadsAtOnce(Type type)
    {
        for (int round = 0; round < 20; round++)
        {
            using var folder = new TemporaryFolder();
            IDisposable one = s_cases[type].Make(folder);
            using var gate = new Barrier(2);
            Task other = Task.Run(() =>
            {
                gate.SignalAndWait();
                one.Dispose();
            });
            gate.SignalAndWait();
            Assert.DoesNotThrow(one.Dispose);
            Assert.DoesNotThrow(other.Wait);
            Assert.DoesNotThrow(one.Dispose);
            Assert.That(Tape.Current, Is.Null);
        }
    }

    [TestCaseSource(nameof(Disposable))]
    public void UsedAfterwardsNamesWhatWasDisposed(Type type)
    {
        using var folder = new TemporaryFolder();
        Case @case = s_cases[type];
        IDisposable one = @case.Make(folder);
        one.Dispose();
        if (@case.Use is { } use)
        {
            Assert.That(() => use(one), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains(@case.Name));
        }
    }

    [Test]
    public void ADisposedProcessorFreesItsTensorsAndComputesNothing()
    {
        Device device = Device.CreateCpu(2);
        Tensor a = Tensor.Zeros(device, s_shape);
        Tensor b = Tensor.Zeros(device, s_shape);
        device.Dispose();
        foreach (Action use in (Action[])[() => a.ToArray(), () => Ops.Add(a, b), () => a.SetArray(new float[18]), () => a.IsFinite(), device.Synchronize])
        {
            Assert.That(() => use(), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains("The device cpu has been disposed."));
        }

        a.Dispose();
        b.Dispose();
        Assert.That(device.Memory, Is.EqualTo(device.Memory with { LiveBytes = 0, LiveBuffers = 0, CachedBytes = 0 }));
        Device.Cpu.Dispose();
        Assert.That(Zeros().ToArray(), Is.All.Zero, "the shared processor stays");
    }

    private static Tensor Zeros() => Tensor.Zeros(Device.Cpu, s_shape);

    private static void Forward(IDisposable module) => ((Module)module).Forward(Zeros(), ForwardContext.Inference);

    private static void Predict(SegmentationModel model) => new Predictor(model).Predict(new RgbImage(4, 4, new byte[48]));

    private static RecordedStep Step() => new(
        s_shape, new Size2(3, 3), new Sgd([new Parameter("scale", Tensor.Zeros(Device.Cpu, new Shape(2, 2, 1, 1)))]), (x, labels, _) => Ops.SoftmaxCrossEntropy(x, labels), seed: 1);

    private static TrainingStep Training()
    {
        var network = new Conv2dLayer(Device.Cpu, "layer", 2, 2, 1);
        return new TrainingStep(Device.Cpu, network, new Sgd([.. network.Parameters]), new ConstantSchedule(0.1f), 1, voidLabel: 255);
    }

    private static SafetensorsFile OpenFile(TemporaryFolder folder)
    {
        SafetensorsWriter.Write(folder["a.safetensors"], [("a", [2], new float[2])]);
        return SafetensorsFile.Open(folder["a.safetensors"]);
    }

    private static BatchLoader OpenLoader(TemporaryFolder folder)
    {
        DatasetFolder data = DatasetFolder.Open(SmallDataset.Create(folder));
        return new BatchLoader(data.Split("train"), data.Classes, new CropOptions { Crop = 16, Margin = 0 });
    }

    private static TrainingConfig Config(TemporaryFolder folder)
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, s_model, 1);
        return new TrainingConfig { Model = s_model, Data = SmallDataset.Create(folder), BatchSize = 1, Crop = (2 * model.Margin) + model.Stride, Steps = 1, ValidationSplit = null };
    }

    private static Case Nothing(Module layer) => new(_ => layer, null, "");

    private sealed record Case(Func<TemporaryFolder, IDisposable> Make, Action<IDisposable>? Use, string Name);
}
