// A dilation list of one's own and its figure. The list goes into a context module, whose drawing shows the taps of every layer and the receptive field that
// they add up to, hatched where there is gridding: cells that no path of taps reaches. The module itself confirms the drawing: the pixels on which one of its
// outputs depends are those with a gradient.
//
//     dotnet run --project samples/DilationFigure -- 1,2,4,8 dilations.svg
using System.Globalization;
using DilatedKernels;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Figures;

string list = args.ElementAtOrDefault(0) ?? "1,2,4,8";
string file = args.ElementAtOrDefault(1) ?? "dilations.svg";
try
{
    int[] dilations = [.. list.Split(',').Select(text => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture))];
    foreach (string line in DilationFigure.Describe(dilations))
    {
        Console.WriteLine(line);
    }

    File.WriteAllText(file, DilationFigure.ToSvg(dilations));
    Console.WriteLine($"The drawing is {file}.");

    int field = 1 + (2 * dilations.Sum());
    int reached = Reached(dilations, field);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The gradient of one output reaches {reached} of {field * field} input pixels."));
    return 0;
}
catch (Exception error) when (error is UserInputException or FormatException or OverflowException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"{error.Message}\nusage: DilationFigure [1,2,4,8 [FILE.svg]]");
    return 2;
}

// An input of the size of the receptive field leaves one output. With taps of one nothing cancels.
static int Reached(int[] dilations, int field)
{
    using var input = new Parameter("input", Tensor.Zeros(Device.Cpu, new Shape(1, 1, field, field)));
    using Tensor taps = Tensor.FromArray(Device.Cpu, new Shape(1, 1, 3, 3), [1, 1, 1, 1, 1, 1, 1, 1, 1]);
    using Tape tape = Tape.Record();
    Tensor output = dilations.Aggregate(input.Value, (x, dilation) => Ops.Conv2d(x, taps, options: new Conv2dOptions { Dilation = dilation }));
    tape.Backward(output);
    return input.Gradient!.ToArray().Count(value => value != 0);
}
