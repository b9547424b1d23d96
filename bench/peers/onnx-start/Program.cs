// The least that a program with ONNX Runtime does to predict once: onnx-start MODEL HEIGHT WIDTH reads the model, runs it on noise of that size,
// and prints the class of the middle cell. ./build.sh bench --start times it from the start of its process to its end.
using System.Globalization;
using Microsoft.ML.OnnxRuntime;

long[] shape = [1, 3, long.Parse(args[1], CultureInfo.InvariantCulture), long.Parse(args[2], CultureInfo.InvariantCulture)];
float[] image = new float[3 * shape[2] * shape[3]];
var random = new Random(1);
for (int i = 0; i < image.Length; i++)
{
    image[i] = random.NextSingle() * 255f;
}

using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
using var session = new InferenceSession(args[0], options);
using OrtValue input = OrtValue.CreateTensorValueFromMemory(image, shape);
using var run = new RunOptions();
using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(run, session.InputNames, [input], session.OutputNames);
ReadOnlySpan<float> scores = outputs[0].GetTensorDataAsSpan<float>();
long[] size = outputs[0].GetTensorTypeAndShape().Shape;
int cells = (int)(size[2] * size[3]);
int best = 0;
for (int c = 1; c < size[1]; c++)
{
    best = scores[(c * cells) + (cells / 2)] > scores[(best * cells) + (cells / 2)] ? c : best;
}

Console.WriteLine(best);
