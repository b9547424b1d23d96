using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Consumer;

/// <summary>Ten steps of a small front end that learns which half of an image is bright.</summary>
internal static class TenSteps
{
    private const int Side = 64;
    private const int Classes = 2;

    public static float[] Losses()
    {
        using Device device = Device.CreateCpu(2);
        var config = new ModelConfig { Name = "halves", FrontEnd = FrontEndConfig.Vgg16(Classes, 1.0 / 16) };
        using SegmentationModel model = SegmentationModel.Create(device, config, seed: 1);
        using var optimizer = new Adam(model.Parameters);

        Size2 input = new(Side + (2 * model.Margin), Side + (2 * model.Margin));
        Size2 output = model.OutputSize(input);
        using Tensor image = Tensor.FromArray(device, new Shape(1, 3, input.Height, input.Width), Halves(3 * input.Height, input.Width, 100f));
        using LabelMap truth = LabelMap.FromArray(device, 1, output.Height, output.Width, [.. Halves(output.Height, output.Width, 1f).Select(v => (byte)v)]);

        float[] losses = new float[10];
        for (int step = 0; step < losses.Length; step++)
        {
            using Tape tape = Tape.Record();
            Tensor loss = Ops.SoftmaxCrossEntropy(model.Forward(image, ForwardContext.Training(seed: 1, (ulong)step)), truth);
            tape.Backward(loss);
            optimizer.Step(1e-3f);
            optimizer.ClearGradients();
            losses[step] = loss.ToArray()[0];
        }

        return losses;
    }

    private static float[] Halves(int rows, int columns, float bright) => [.. Enumerable.Range(0, rows * columns).Select(i => i % columns < columns / 2 ? 0f : bright)];
}
