// Comparing dilation rates. Three stacks with the same number of weights and the same work, but other dilations, learn the same task: to say at each pixel
// whether the one eight columns to its left is bright. What a stack cannot see it cannot learn: 1,1,1 and 1,2,4 reach 3 and 7 columns, and 1,4,16 sees far but
// in holes, as no sum of its taps is 8. The table has each stack's receptive field, the time of a training step, and how far it got.
//
//     dotnet run --project samples/DilationRates
using System.Diagnostics;
using System.Globalization;
using DilatedKernels;
using DilatedKernels.Nn;
using DilatedKernels.Optim;

const int Batch = 4, Size = 32, Distance = 8, Steps = 120, WarmUp = 20;

Console.WriteLine($"{"dilations",-12} {"sees",6} {"ms a step",10} {"loss",8} {"pixels right",13}");
foreach (int[] dilations in (int[][])[[1, 1, 1], [1, 2, 4], [1, 4, 16], [2, 3, 3]])
{
    (double milliseconds, float loss, double right) = Train(dilations);
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{string.Join(",", dilations),-12} {1 + (2 * dilations.Sum()),6} {milliseconds,10:F2} {loss,8:F3} {100 * right,11:F1} %"));
}

static (double Milliseconds, float Loss, double Right) Train(int[] dilations)
{
    using var network = new Sequential(
    [
        .. dilations.Select((dilation, i) => new Conv2dLayer(
            Device.Cpu, $"layer{i}", i == 0 ? 1 : 16, 16, 3, new Conv2dOptions { Dilation = dilation, Padding = dilation }, relu: true)),
        new Conv2dLayer(Device.Cpu, "scores", 16, 2, 1),
    ]);
    foreach (Parameter weight in network.Parameters.Where(parameter => parameter.Name.EndsWith("weight", StringComparison.Ordinal)))
    {
        Initialization.He(weight, seed: 1);
    }

    using var optimizer = new Adam(network.Parameters);
    var clock = new Stopwatch();
    float last = 0;
    double right = 0;
    for (int step = 0; step < Steps; step++)
    {
        (float[] pixels, byte[] labels) = Draw(new Random(step));
        using Tensor images = Tensor.FromArray(Device.Cpu, new Shape(Batch, 1, Size, Size), pixels);
        using LabelMap truth = LabelMap.FromArray(Device.Cpu, Batch, Size, Size, labels);
        // The first steps are those in which the runtime compiles.
        if (step >= WarmUp)
        {
            clock.Start();
        }

        using Tape tape = Tape.Record();
        Tensor scores = tape.Keep(network.Forward(images, ForwardContext.Training(seed: 1, step: (ulong)step)));
        Tensor loss = Ops.SoftmaxCrossEntropy(scores, truth, ignoreLabel: 255);
        tape.Backward(loss);
        optimizer.Step(0.01f);
        optimizer.ClearGradients();
        clock.Stop();
        last = loss.Item();
        float[] s = scores.ToChannelsLast();
        right = labels.Where((label, i) => label != 255 && s[(2 * i) + label] > s[(2 * i) + 1 - label]).Count() / (double)labels.Count(label => label != 255);
    }

    return (clock.Elapsed.TotalMilliseconds / (Steps - WarmUp), last, right);
}

// Noise of black and white; a pixel's label is the pixel at the distance to its left, and void where there is none.
static (float[] Pixels, byte[] Labels) Draw(Random random)
{
    float[] pixels = [.. Enumerable.Range(0, Batch * Size * Size).Select(_ => (float)random.Next(2))];
    byte[] labels = [.. pixels.Select((_, i) => i % Size < Distance ? (byte)255 : (byte)pixels[i - Distance])];
    return (pixels, labels);
}
