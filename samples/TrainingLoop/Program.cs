// A training loop in 40 lines: no dataset, no trainer, only the library's layers, a loss and an optimizer. A few dilated convolutions learn to mark the
// inside of outlined squares, which looks like the outside: a pixel is labelled by lines that are further away than one 3×3 kernel sees.
//
//     dotnet run --project samples/TrainingLoop
using System.Globalization;
using DilatedKernels;
using DilatedKernels.Nn;
using DilatedKernels.Optim;

const int Batch = 8, Size = 32, Steps = 150;

using var network = new Sequential(
    new Conv2dLayer(Device.Cpu, "one", 1, 8, 3, new Conv2dOptions { Padding = 1 }, relu: true),
    new Conv2dLayer(Device.Cpu, "two", 8, 8, 3, new Conv2dOptions { Padding = 2, Dilation = 2 }, relu: true),
    new Conv2dLayer(Device.Cpu, "three", 8, 8, 3, new Conv2dOptions { Padding = 4, Dilation = 4 }, relu: true),
    new Conv2dLayer(Device.Cpu, "scores", 8, 2, 1));
foreach (Parameter weight in network.Parameters.Where(parameter => parameter.Name.EndsWith("weight", StringComparison.Ordinal)))
{
    Initialization.He(weight, seed: 1);
}

using var optimizer = new Adam(network.Parameters);
for (int step = 0; step <= Steps; step++)
{
    (float[] pixels, byte[] labels) = Draw(new Random(step));
    using Tensor images = Tensor.FromArray(Device.Cpu, new Shape(Batch, 1, Size, Size), pixels);
    using LabelMap truth = LabelMap.FromArray(Device.Cpu, Batch, Size, Size, labels);
    using Tape tape = Tape.Record();
    Tensor scores = tape.Keep(network.Forward(images, ForwardContext.Training(seed: 1, step: (ulong)step)));
    Tensor loss = Ops.SoftmaxCrossEntropy(scores, truth);
    tape.Backward(loss);
    optimizer.Step(0.01f);
    optimizer.ClearGradients();
    if (step % 30 == 0)
    {
        float[] s = scores.ToChannelsLast();
        double right = labels.Where((label, i) => s[(2 * i) + label] > s[(2 * i) + 1 - label]).Count() / (double)labels.Length;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step {step,4}  loss {loss.Item():F4}  pixels right {100 * right:F1} %"));
    }
}

// Outlines of squares of 9×9 pixels, and what is inside of them.
static (float[] Pixels, byte[] Labels) Draw(Random random)
{
    float[] pixels = new float[Batch * Size * Size];
    byte[] labels = new byte[pixels.Length];
    for (int n = 0; n < Batch; n++)
    {
        (int top, int left) = (random.Next(Size - 9), random.Next(Size - 9));
        for (int i = 0; i < 81; i++)
        {
            int at = (((n * Size) + top + (i / 9)) * Size) + left + (i % 9);
            bool isLine = i / 9 is 0 or 8 || i % 9 is 0 or 8;
            (pixels[at], labels[at]) = (isLine ? 1 : 0, (byte)(isLine ? 0 : 1));
        }
    }

    return (pixels, labels);
}
