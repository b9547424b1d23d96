// A network in another program. A small front end with a context module is exported as ONNX and run in ONNX Runtime, at image sizes that the export was never
// told; its scores are compared with those of this library. The weights are random: what is shown is that both compute the same.
//
//     dotnet run --project samples/OnnxExport -- model.onnx
using System.Globalization;
using DilatedKernels;
using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Export;
using DilatedKernels.Segmentation.Models;
using Microsoft.ML.OnnxRuntime;

string file = args.ElementAtOrDefault(0) ?? "model.onnx";
var config = new ModelConfig
{
    Name = "small",
    FrontEnd = FrontEndConfig.Small(3, 4),
    Context = ContextConfig.Basic(3) with { Dilations = [1, 2, 4, 1], Padding = ContextPadding.PerLayer, Noise = 0.1 },
};
using SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, seed: 1);
ModelExport.ToOnnx(file, model);
using var session = new InferenceSession(file);
Console.WriteLine($"{file}: {new FileInfo(file).Length} bytes, input {session.InputNames[0]}, output {session.OutputNames[0]}, margin {model.Margin} pixels");

foreach (Shape shape in (Shape[])[new(1, 3, 100, 117), new(2, 3, 130, 98)])
{
    float[] pixels = [.. Enumerable.Range(0, (int)shape.Count).Select(i => 50 * MathF.Sin(i * 0.37f))];
    using Tensor image = Tensor.FromArray(Device.Cpu, shape, pixels);
    using Tape tape = Tape.Inference();
    Tensor ours = model.Forward(image, ForwardContext.Inference);

    using OrtValue input = OrtValue.CreateTensorValueFromMemory(pixels, [shape.N, shape.C, shape.H, shape.W]);
    using var options = new RunOptions();
    using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, session.InputNames, [input], session.OutputNames);
    ReadOnlySpan<float> theirs = outputs[0].GetTensorDataAsSpan<float>();

    float[] scores = ours.ToArray();
    double difference = 0, length = 0;
    for (int i = 0; i < scores.Length; i++)
    {
        difference += Math.Pow(scores[i] - theirs[i], 2);
        length += Math.Pow(scores[i], 2);
    }

    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"image {shape}: scores {ours.Shape}, relative difference {Math.Sqrt(difference / length):E1}"));
}
