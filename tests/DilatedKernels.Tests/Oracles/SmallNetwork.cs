using DilatedKernels.Optim;

namespace DilatedKernels.Tests.Oracles;

/// <summary>
/// Every operator but convolution, in one differentiable chain from two parameters to a loss: for tests of memory and of bits. Not a network
/// that would learn much.
/// </summary>
internal sealed class SmallNetwork : IDisposable
{
    private const int Classes = 11;

    private readonly LabelMap _labels;
    private readonly ElementType _type;

    public SmallNetwork(Device device, int height, int width, ElementType type = ElementType.Float32)
    {
        _type = type;
        var shape = new Shape(2, Classes, height, width);
        Scores = new Parameter("scores", Array4.Random(shape, "scores").ToTensor(device));
        Context = new Parameter("context", Array4.Random(shape, "context").ToTensor(device));
        var random = new RandomSequence(1, "labels");
        byte[] labels = [.. Enumerable.Range(0, 2 * height * width * 4).Select(_ => random.NextInt32(9) == 0 ? (byte)255 : (byte)random.NextInt32(Classes))];
        _labels = LabelMap.FromArray(device, 2, 2 * height, 2 * width, labels);
    }

    public Parameter Scores { get; }

    public Parameter Context { get; }

    public float Train(Optimizer optimizer, ulong step)
    {
        using Tape tape = Tape.Record();
        Tensor loss = Loss(step);
        tape.Backward(loss);
        optimizer.Step(0.5f);
        optimizer.ClearGradients();
        return loss.Item();
    }

    public Tensor Loss(ulong step)
    {
        Tensor context = Ops.Cast(Context.Value, _type);
        Tensor padded = Ops.ReflectionPad(Ops.Cast(Scores.Value, _type), 2, 1, 1, 2);
        Tensor pooled = Ops.MaxPool2d(padded, 3, 1, 1);
        Tensor dropped = Ops.Dropout(pooled, 0.25f, seed: 1, step, layer: 1);
        Tensor cropped = Ops.Crop(dropped, 2, 1, Scores.Value.Shape.H, Scores.Value.Shape.W);
        Tensor mixed = Ops.Add(cropped, Ops.Softmax(context));
        Tensor bordered = Ops.Crop(Ops.ZeroPad(mixed, 1, 1, 1, 1), 1, 1, mixed.Shape.H, mixed.Shape.W);
        Tensor joined = Ops.Concat(bordered, context);
        Tensor upsampled = Ops.BilinearDeconvolution(joined, 2);
        Tensor resized = Ops.UpsampleBilinear(upsampled, _labels.Height, _labels.Width, BilinearAlignment.CornerAligned);
        return Ops.SoftmaxCrossEntropy(resized, _labels);
    }

    public void Dispose()
    {
        Scores.Dispose();
        Context.Dispose();
        _labels.Dispose();
    }
}
