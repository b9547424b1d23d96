using DilatedKernels.Nn;

namespace DilatedKernels.Tests.Nn;

public class SequentialTests
{
    private static readonly Shape Input = new(1, 4, 16, 16);

    [Test]
    public void PredictionMemoryDoesNotGrowWithDepth()
    {
        long shallow = PeakOfPrediction(depth: 3);
        Assert.That(PeakOfPrediction(depth: 30), Is.EqualTo(shallow));
    }

    [Test]
    public void TheInputAndKeptTensorsStay()
    {
        using Device device = Device.CreateCpu(1);
        using Sequential chain = Chain(device, 3);
        using Tape tape = Tape.Inference();
        Tensor x = Ops.Relu(Random(device));
        Tensor? link = null;
        using var watched = new Sequential(chain.Layers[0], new Tap(tensor => link = tape.Keep(tensor)), chain.Layers[1]);
        watched.Forward(x, ForwardContext.Inference);
        Assert.Multiple(() =>
        {
            Assert.That(x.IsDisposed, Is.False);
            Assert.That(link!.IsDisposed, Is.False);
        });
    }

    [Test]
    public void LinksAreFreedWhenTheNextLayerHasReadThem()
    {
        using Device device = Device.CreateCpu(1);
        using Sequential chain = Chain(device, 3);
        using Tape tape = Tape.Inference();
        using Tensor x = Random(device);
        var links = new List<Tensor>();
        using var watched = new Sequential(chain.Layers[0], new Tap(links.Add), chain.Layers[1], new Tap(links.Add), new DropoutLayer(0.5f, 0));
        Tensor y = watched.Forward(x, ForwardContext.Inference);
        Assert.Multiple(() =>
        {
            Assert.That(links[0].IsDisposed, Is.True);
            Assert.That(y, Is.SameAs(links[1]));
            Assert.That(y.IsDisposed, Is.False);
        });
    }

    [Test]
    public void DropoutFirstInPredictionDoesNotFreeTheCallersTensor()
    {
        using Device device = Device.CreateCpu(1);
        using Sequential chain = Chain(device, 1);
        using var network = new Sequential(new DropoutLayer(0.5f, 0), chain.Layers[0]);
        using Tape tape = Tape.Inference();
        Tensor x = Ops.Relu(Random(device));
        network.Forward(x, ForwardContext.Inference);
        Assert.That(x.IsDisposed, Is.False);
    }

    [Test]
    public void WhatABackwardPassNeedsIsKeptThroughNestedChainsWithAFrozenStart()
    {
        using Device device = Device.CreateCpu(1);
        using Sequential frozen = Chain(device, 2, "frozen");
        using Sequential learning = Chain(device, 3, "learning");
        foreach (Parameter parameter in frozen.Parameters)
        {
            parameter.IsTrainable = false;
        }

        using Tensor x = Random(device);
        float[] expected = Gradient(chained: false);
        Assert.That(Gradient(chained: true), Is.EqualTo(expected));

        float[] Gradient(bool chained)
        {
            using Tape tape = Tape.Record();
            Tensor y = chained
                ? new Sequential(frozen, learning).Forward(x, ForwardContext.Inference)
                : learning.Layers.Aggregate(frozen.Layers.Aggregate(x, Apply), Apply);
            using LabelMap labels = LabelMap.FromArray(device, 1, y.Shape.H, y.Shape.W, new byte[y.Shape.Positions]);
            tape.Backward(Ops.SoftmaxCrossEntropy(y, labels));
            float[] gradient = learning.Parameters[0].Gradient!.ToArray();
            foreach (Parameter parameter in learning.Parameters)
            {
                parameter.ClearGradient();
            }

            return gradient;
        }

        static Tensor Apply(Tensor tensor, Module layer) => layer.Forward(tensor, ForwardContext.Inference);
    }

    [Test]
    public void NoLayersGiveTheInput()
    {
        using Device device = Device.CreateCpu(1);
        using Tensor x = Random(device);
        using var empty = new Sequential();
        Assert.That(empty.Forward(x, ForwardContext.Inference), Is.SameAs(x));
    }

    [Test]
    public void WithoutATapeOnlyTheResultStays()
    {
        using Device device = Device.CreateCpu(1);
        using Sequential chain = Chain(device, 3);
        using var graph = new Graph(new GraphNode(chain, [Graph.Input]), new GraphNode(chain, [0]));
        using Tensor x = Random(device);
        long live = device.Memory.LiveBytes;
        foreach (Module network in (Module[])[chain, graph])
        {
            Tensor y = network.Forward(x, ForwardContext.Inference);
            Assert.That(y.Tape, Is.Null);
            Assert.That(device.Memory.LiveBytes, Is.EqualTo(live + (Input.Count * sizeof(float))));
            y.Dispose();
            Assert.That(device.Memory.LiveBytes, Is.EqualTo(live));
        }
    }

    [Test]
    public void ASharedLayersParametersCountOnce()
    {
        using Device device = Device.CreateCpu(1);
        using Sequential chain = Chain(device, 1);
        using var twice = new Sequential(chain.Layers[0], chain.Layers[0]);
        using var graph = new Graph(new GraphNode(chain, [Graph.Input]), new GraphNode(chain, [0]));
        Assert.That(twice.Parameters, Is.EqualTo(chain.Parameters));
        Assert.That(graph.Parameters, Is.EqualTo(chain.Parameters));
        using var optimizer = new DilatedKernels.Optim.Sgd(twice.Parameters);
        using Tensor x = Random(device);
        using Tape tape = Tape.Record();
        tape.Backward(Ops.SoftmaxCrossEntropy(twice.Forward(x, ForwardContext.Inference), LabelMap.FromArray(device, 1, Input.H, Input.W, new byte[Input.H * Input.W])));
        float[] before = twice.Parameters[0].Value.ToArray();
        optimizer.Step(0.1f);
        Assert.That(twice.Parameters[0].Value.ToArray(), Is.Not.EqualTo(before));
    }

    [Test]
    public void LayersRefuseWhatTheyCannotBe()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => new DropoutLayer(1f, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => new DropoutLayer(float.NaN, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => new Conv2dLayer(Device.Cpu, "a", 0, 1, 3), Throws.TypeOf<ArgumentOutOfRangeException>());
            Assert.That(() => new Conv2dLayer(Device.Cpu, "a", 1, 1, new Size2(3, 0)), Throws.TypeOf<ArgumentOutOfRangeException>());
        });
    }

    private static long PeakOfPrediction(int depth)
    {
        using Device device = Device.CreateCpu(1);
        using Sequential chain = Chain(device, depth);
        using Tensor x = Random(device);
        long parameters = device.Memory.LiveBytes;
        using Tape tape = Tape.Inference();
        chain.Forward(x, ForwardContext.Inference);
        return device.Memory.PeakBytes - parameters;
    }

    private static Sequential Chain(Device device, int depth, string name = "conv")
    {
        var chain = new Sequential(Enumerable.Range(0, depth).Select(i => new Conv2dLayer(device, $"{name}{i}", 4, 4, 3, new Conv2dOptions { Padding = 1 }, relu: true)));
        foreach (Parameter parameter in chain.Parameters)
        {
            Initialization.Gaussian(parameter, 0.3, seed: 1);
        }

        return chain;
    }

    private static Tensor Random(Device device)
    {
        var random = new RandomSequence(2, "x");
        return Tensor.FromArray(device, Input, [.. Enumerable.Range(0, (int)Input.Count).Select(_ => (float)random.NextGaussian())]);
    }

    /// <summary>Shows its input to the test and hands it on.</summary>
    private sealed class Tap(Action<Tensor> see) : Module
    {
        public override IReadOnlyList<Parameter> Parameters => [];

        public override Tensor Forward(Tensor x, ForwardContext context)
        {
            see(x);
            return x;
        }
    }
}
