// A first tensor and a first gradient. Two 3×3 filters, dilated by 2, score each pixel of a small image as inside or outside of a bright square; the loss is
// differentiated with respect to the filters by the tape, and beside it by finite differences: move one weight a little, compute again, divide.
//
//     dotnet run --project samples/FirstGradient
using System.Globalization;
using DilatedKernels;

const int Size = 16;
const float Step = 1f / 64;

// [N, C, H, W]: one image of one channel. A label is a byte a pixel.
byte[] square = [.. Enumerable.Range(0, Size * Size).Select(i => (byte)(i % Size is > 4 and < 11 && i / Size is > 4 and < 11 ? 1 : 0))];
using Tensor image = Tensor.FromArray(Device.Cpu, new Shape(1, 1, Size, Size), [.. square.Select((inside, i) => inside + (0.1f * (i % 7)))]);
using LabelMap labels = LabelMap.FromArray(Device.Cpu, 1, Size, Size, square);

// Weights are [outputs, inputs, height, width].
float[] weights = [0, 1, 0, 1, -4, 1, 0, 1, 0, 0.1f, 0.2f, 0.1f, 0.2f, 0.4f, 0.2f, 0.1f, 0.2f, 0.1f];
var shape = new Shape(2, 1, 3, 3);
using Parameter filters = new("filters", Tensor.FromArray(Device.Cpu, shape, weights));

// Everything that operators make belongs to the tape that is open, and is gone with it; what a parameter gathers stays.
using (Tape tape = Tape.Record())
{
    Tensor loss = Loss(filters.Value);
    Write($"loss {loss.Item():F4}");
    tape.Backward(loss);
}

float[] gradient = filters.Gradient!.ToArray();
Write($"{"filter, tap",-14} {"weight",8} {"tape",10} {"differences",12}");
for (int i = 0; i < weights.Length; i++)
{
    float difference = (LossWith(i, Step) - LossWith(i, -Step)) / (2 * Step);
    Write($"{i / 9} ({(i / 3 % 3) - 1,2},{(i % 3) - 1,2})      {weights[i],8:F2} {gradient[i],10:F5} {difference,12:F5}");
}

Tensor Loss(Tensor taps) => Ops.SoftmaxCrossEntropy(Ops.Conv2d(image, taps, options: new Conv2dOptions { Dilation = 2, Padding = 2 }), labels);

float LossWith(int weight, float change)
{
    float[] moved = [.. weights];
    moved[weight] += change;
    using Tape tape = Tape.Inference();
    using Tensor taps = Tensor.FromArray(Device.Cpu, shape, moved);
    return Loss(taps).Item();
}

static void Write(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
