using DilatedKernels.Nn;

namespace DilatedKernels.Tests.Nn;

public class GraphTests
{
    private static readonly Shape Input = new(1, 4, 12, 12);

    [Test]
    public void AChainGivesTheBitsOfSequential()
    {
        using Device device = Device.CreateCpu(1);
        Module[] layers = Layers(device, 4);
        using var chain = new Sequential(layers);
        using var graph = new Graph(layers.Select((layer, i) => new GraphNode(layer, [i - 1])));
        using Tensor x = Random(device);
        using Tape tape = Tape.Inference();
        Assert.That(graph.Forward(x, ForwardContext.Inference).ToArray(), Is.EqualTo(chain.Forward(x, ForwardContext.Inference).ToArray()));
        Assert.That(graph.Parameters.Select(p => p.Name), Is.EqualTo(chain.Parameters.Select(p => p.Name)));
    }

    [Test]
    public void BranchesMeet()
    {
        using Device device = Device.CreateCpu(1);
        Module[] a = Layers(device, 2);
        using var graph = new Graph(
            new GraphNode(a[0], [Graph.Input]),
            new GraphNode(a[1], [0]),
            new GraphNode(new AddLayer(), [1, 0]),
            new GraphNode(new ConcatLayer(), [0, 2, Graph.Input]),
            new GraphNode(new CropLayer(new Size2(1, 2)), [3, 2]));
        // A crop to the size of the map itself fits nowhere but at 0.
        using Tensor x = Random(device);
        using Tape tape = Tape.Inference();
        Assert.That(() => graph.Forward(x, ForwardContext.Inference), Throws.ArgumentException.With.Message.Contains("not inside"));

        using var whole = new Graph(graph.Nodes.Take(4));
        Tensor first = a[0].Forward(x, ForwardContext.Inference);
        Tensor expected = Ops.Concat(first, Ops.Add(a[1].Forward(first, ForwardContext.Inference), first), x);
        Assert.That(whole.Forward(x, ForwardContext.Inference).ToArray(), Is.EqualTo(expected.ToArray()));
    }

    [Test]
    public void WhatANodeMadeIsFreedAfterItsLastReader()
    {
        using Device device = Device.CreateCpu(1);
        Module[] layers = Layers(device, 3);
        var seen = new List<Tensor>();
        using var graph = new Graph(
            new GraphNode(layers[0], [Graph.Input]),
            new GraphNode(new Tap(seen), [0]),
            new GraphNode(layers[1], [1]),
            new GraphNode(new Tap(seen), [2]),
            new GraphNode(new AddLayer(), [0, 3]),
            new GraphNode(layers[2], [4]));
        using Tensor x = Random(device);
        using Tape tape = Tape.Inference();
        long before = device.Memory.LiveBytes;
        Tensor y = graph.Forward(x, ForwardContext.Inference);
        Assert.Multiple(() =>
        {
            Assert.That(seen, Has.Count.EqualTo(2));
            Assert.That(seen.Select(tensor => tensor.IsDisposed), Is.All.True);
            Assert.That(y.IsDisposed, Is.False);
            Assert.That(x.IsDisposed, Is.False);
            Assert.That(device.Memory.LiveBytes - before, Is.EqualTo(y.Shape.Count * sizeof(float)), "only the result is left");
        });
    }

    [Test]
    public void GradientsFlowThroughBranches()
    {
        using Device device = Device.CreateCpu(1);
        Module[] layers = Layers(device, 2);
        using var graph = new Graph(
            new GraphNode(layers[0], [Graph.Input]), new GraphNode(layers[1], [0]), new GraphNode(new AddLayer(), [0, 1]), new GraphNode(new ConcatLayer(), [2, 0]));
        using Tensor x = Random(device);
        using LabelMap labels = LabelMap.FromArray(device, 1, Input.H, Input.W, new byte[Input.Positions]);
        float[] Gradient(Func<Tensor> forward)
        {
            using Tape tape = Tape.Record();
            tape.Backward(Ops.SoftmaxCrossEntropy(forward(), labels));
            float[] gradient = graph.Parameters[0].Gradient!.ToArray();
            foreach (Parameter parameter in graph.Parameters)
            {
                parameter.ClearGradient();
            }

            return gradient;
        }

        float[] expected = Gradient(() =>
        {
            Tensor first = layers[0].Forward(x, ForwardContext.Inference);
            return Ops.Concat(Ops.Add(first, layers[1].Forward(first, ForwardContext.Inference)), first);
        });
        Assert.That(Gradient(() => graph.Forward(x, ForwardContext.Inference)), Is.EqualTo(expected));
        Assert.That(expected, Has.Some.Not.Zero);
    }

    [Test]
    public void RefusesWhatCannotBeComputedInOrder()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => new Graph(), Throws.ArgumentException.With.Message.Contains("one node or more"));
            Assert.That(() => new Graph(new GraphNode(new AddLayer(), [Graph.Input, 0])), Throws.ArgumentException.With.Message.Contains("Node 0 (add) reads -1, 0"));
            Assert.That(() => new Graph(new GraphNode(new ScaleLayer(2), [])), Throws.ArgumentException.With.Message.Contains("must read"));
            Assert.That(() => new Graph(new GraphNode(new ScaleLayer(2), [-1, -1])), Throws.ArgumentException.With.Message.Contains("one only unless it is a join"));
            Assert.That(() => new AddLayer().Forward([]), Throws.ArgumentException.With.Message.Contains("takes 2 tensors; there were 0"));
        });
    }

    private static Module[] Layers(Device device, int count)
    {
        Conv2dLayer[] layers = [.. Enumerable.Range(0, count).Select(i => new Conv2dLayer(device, $"conv{i}", 4, 4, 3, new Conv2dOptions { Padding = 1 }, relu: true))];
        foreach (Conv2dLayer layer in layers)
        {
            Initialization.Gaussian(layer.Weight, 0.3, seed: 1);
        }

        return layers;
    }

    private static Tensor Random(Device device)
    {
        var random = new RandomSequence(2, "x");
        return Tensor.FromArray(device, Input, [.. Enumerable.Range(0, (int)Input.Count).Select(_ => (float)random.NextGaussian())]);
    }

    /// <summary>Hands its input on, as dropout does in prediction.</summary>
    private sealed class Tap(List<Tensor> seen) : Module
    {
        public override IReadOnlyList<Parameter> Parameters => [];

        public override Tensor Forward(Tensor x, ForwardContext context)
        {
            seen.Add(x);
            return x;
        }
    }
}
