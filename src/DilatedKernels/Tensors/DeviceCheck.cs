using System.Runtime.InteropServices;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Backends.Cuda.Conv2d;
using DilatedKernels.Cuda;
using DilatedKernels.Nn;
using DilatedKernels.Optim;

namespace DilatedKernels;

/// <summary>
/// Whether a device computes what the processor does: some training steps of a small network of every kind of layer, forward, backward and
/// update, on both, in float32 and in bfloat16, and convolutions of as many channels as there are widths of a GPU's tiles, with their gradients, on Hopper by blocks alone and in pairs. On a GPU the first step
/// runs as it is called, the second is recorded, and both it and the third are replayed. It takes a fraction of a second, and finds a driver, a GPU or
/// kernels that do not fit each other before a long run does.
/// </summary>
public static class DeviceCheck
{
    private const int Classes = 21;
    private const int Steps = 3;

    // The tiles of Hopper's own convolutions, which include those of the others.
    private static readonly int[] s_widths = [16, 24, 48, 64, 88, 128, 168, 224, 256];

    // Some ten layers of float32 in other orders of addition: about 1e-6 where everything is right.
    private const double Tolerance = 1e-4;

    // The same of TF32, which keeps 11 bits: about 1e-3.
    private const double Tf32Tolerance = 2e-2;

    // A sum in another order can round to the neighbour, 2^-8 away; what an update adds to a parameter is far less than the parameter.
    private const double BFloat16Tolerance = 1e-2;

    // A check changes how the device chooses, for a while: two at once would change it for good.
    private static readonly Lock s_one = new();

    /// <summary>Runs the check.</summary>
    /// <param name="device">The device.</param>
    /// <returns>Null when it computes as it should, or in one line what it did instead.</returns>
    public static string? Run(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        using Device cpu = Device.CreateCpu(1);
        // Tiles are those that the plans choose, and nothing that is measured here counts for other runs.
        var backend = device.Backend as CudaBackend;
        using Lock.Scope one = s_one.EnterScope();
        Conv2dTuning? tuning = backend?.Tuning;
        try
        {
            backend?.Tuning = null;
            foreach (ElementType type in (ElementType[])[ElementType.Float32, ElementType.BFloat16])
            {
                double tolerance = ToleranceOf(device, type);
                (string Name, float[] Values)[] convolutions = Convolve(cpu, type);
                if ((Compare($"{Steps} training steps in {type.Name()}", tolerance, Train(cpu, type), Train(device, type))
                    ?? Compare($"A convolution in {type.Name()}", tolerance, convolutions, Convolve(device, type))
                    ?? Compare($"A convolution in {type.Name()}, by pairs of blocks,", tolerance, convolutions, ConvolveInPairs(device, type))) is { } wrong)
                {
                    return wrong;
                }
            }
        }
        catch (Exception e) when (e is CudaException or CudaUnavailableException)
        {
            return e.Message;
        }
        finally
        {
            backend?.Tuning = tuning;
        }

        return null;
    }

    internal static string? Compare(string what, double tolerance, (string Name, float[] Values)[] expected, (string Name, float[] Values)[]? found)
    {
        if (found is null)
        {
            return null;
        }

        foreach ((string name, float[] values) in expected)
        {
            double error = RelativeError(found.First(f => f.Name == name).Values, values);
            // Not NaN either.
            if (!(error < tolerance))
            {
                return $"{what} gave {name} with a relative error of {error:G2} against the processor's; less than {tolerance} is right";
            }
        }

        return null;
    }

    private static double ToleranceOf(Device device, ElementType type) =>
        type == ElementType.BFloat16 ? BFloat16Tolerance : device.Backend is CudaBackend { Float32Precision: Float32Precision.Tf32 } ? Tf32Tolerance : Tolerance;

    /// <summary>What the steps leave, by name: the last loss and every parameter.</summary>
    private static (string Name, float[] Values)[] Train(Device device, ElementType type)
    {
        Parameter[] parameters =
        [
            Random(device, "conv1.weight", new Shape(16, 3, 3, 3)), Random(device, "conv1.bias", Shape.PerChannel(16)),
            Random(device, "conv2.weight", new Shape(Classes, 16, 3, 3)), Random(device, "conv2.bias", Shape.PerChannel(Classes)),
            Random(device, "context.weight", new Shape(Classes, Classes, 3, 3)), Random(device, "context.bias", Shape.PerChannel(Classes)),
        ];
        try
        {
            using var optimizer = new Sgd(parameters);
            using var training = new RecordedStep(new Shape(2, 3, 20, 24), new Size2(20, 24), optimizer, Loss, seed: 1);
            float loss = 0;
            for (ulong step = 1; step <= Steps; step++)
            {
                loss = training.Run(step, Values("image", 2 * 3 * 20 * 24), Labels(step, 2 * 20 * 24), 0.1f / step);
            }

            return [("a loss", [loss]), .. parameters.Select(p => (p.Name, p.Value.ToArray()))];
        }
        finally
        {
            foreach (Parameter parameter in parameters)
            {
                parameter.Dispose();
            }
        }

        Tensor Loss(Tensor image, LabelMap labels, ForwardContext step)
        {
            Tensor features = Ops.Conv2d(Ops.Cast(image, type), parameters[0].Value, parameters[1].Value, new Conv2dOptions { Padding = 1 }, relu: true);
            Tensor pooled = Ops.Dropout(Ops.MaxPool2d(features, 2, 2), 0.25f, step.Seed, step.Step, layer: 0);
            Tensor scores = Ops.Conv2d(pooled, parameters[2].Value, parameters[3].Value, new Conv2dOptions { Dilation = 2, Padding = 2 });
            Tensor context = Ops.Conv2d(Ops.ReflectionPad(scores, 4, 4, 4, 4), parameters[4].Value, parameters[5].Value, new Conv2dOptions { Dilation = 4 });
            return Ops.SoftmaxCrossEntropy(Ops.BilinearDeconvolution(Ops.Add(scores, context), 2), labels);
        }
    }

    /// <summary>Those that are compared: one of each width, whose taps lie inside the map and outside it, and some for the other tiles of Hopper's weight gradient.</summary>
    internal static IEnumerable<Conv2dGeometry> Convolutions() =>
    [
        .. s_widths.Select(channels => new Conv2dGeometry(2, channels, 7, 10, channels, 3, 3, 1, 1, 4, 4, 4, 4)),
        new(2, 64, 7, 10, 100, 3, 3, 1, 1, 2, 2, 2, 2), new(2, 128, 7, 10, 100, 1, 1, 1, 1, 1, 1, 0, 0), new(2, 250, 7, 10, 61, 1, 1, 1, 1, 1, 1, 0, 0),
        new(2, 100, 7, 10, 40, 1, 1, 1, 1, 1, 1, 0, 0),
    ];

    // These are too small for the pairs of blocks that Hopper's convolutions come in, which large ones do. None where there are no pairs, or none are wanted.
    private static (string Name, float[] Values)[]? ConvolveInPairs(Device device, ElementType type)
    {
        if (device.Backend is not CudaBackend { Context.Device.Architecture: 90, Sharing: not Conv2dSharing.Never } backend
            || (type != ElementType.BFloat16 && backend.Float32Precision == Float32Precision.Strict))
        {
            return null;
        }

        Conv2dSharing sharing = backend.Sharing;
        try
        {
            backend.Sharing = Conv2dSharing.Always;
            return Convolve(device, type);
        }
        finally
        {
            backend.Sharing = sharing;
        }
    }

    private static (string Name, float[] Values)[] Convolve(Device device, ElementType type)
    {
        Backend backend = device.Backend;
        var found = new List<(string Name, float[] Values)>();
        foreach (Conv2dGeometry g in Convolutions())
        {
            using DeviceBuffer x = Upload("x", g.InShape.Count, type);
            using DeviceBuffer weight = Upload("weight", g.WeightShape.Count, ElementType.Float32);
            using DeviceBuffer bias = Upload("bias", g.OutChannels, ElementType.Float32);
            string channels = g.InChannels == g.OutChannels ? $"{g.InChannels} channels" : $"{g.InChannels} to {g.OutChannels} channels";
            using DeviceBuffer y = backend.Allocate(g.OutShape.Count, type);
            backend.Conv2dForward(g, x, weight, bias, relu: true, y);
            found.Add(($"a result of {channels}", Download(y, g.OutShape.Count, type)));
            // x stands for the mask: with y rounding could decide what it lets through.
            using DeviceBuffer dy = Upload("dy", g.OutShape.Count, type);
            using DeviceBuffer dx = backend.Allocate(g.InShape.Count, type);
            backend.Conv2dBackwardInput(g, dy, weight, mask: x, dx);
            found.Add(($"a gradient of {channels}", Download(dx, g.InShape.Count, type)));
            using DeviceBuffer dw = backend.Allocate(g.WeightShape.Count, ElementType.Float32);
            backend.Conv2dBackwardWeight(g, x, dy, dw);
            found.Add(($"a weight gradient of {channels}", Download(dw, g.WeightShape.Count, ElementType.Float32)));
        }

        return [.. found];

        DeviceBuffer Upload(string name, long count, ElementType of)
        {
            float[] values = Values(name, (int)count);
            DeviceBuffer buffer = backend.Allocate(count, of);
            backend.Upload(of == ElementType.Float32 ? MemoryMarshal.AsBytes<float>(values) : MemoryMarshal.AsBytes<ushort>(Array.ConvertAll(values, BFloat16.Round)), buffer);
            return buffer;
        }

        float[] Download(DeviceBuffer buffer, long count, ElementType of)
        {
            byte[] bytes = new byte[count * of.Size()];
            backend.Download(buffer, bytes);
            return of == ElementType.Float32 ? MemoryMarshal.Cast<byte, float>(bytes).ToArray() : Array.ConvertAll(MemoryMarshal.Cast<byte, ushort>(bytes).ToArray(), BFloat16.Widen);
        }
    }

    private static Parameter Random(Device device, string name, Shape shape) =>
        new(name, Tensor.FromChannelsLast(device, shape, Values(name, (int)shape.Count)));

    private static float[] Values(string name, int count)
    {
        var random = new RandomSequence(1, name);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
    }

    private static byte[] Labels(ulong step, int count)
    {
        var random = new RandomSequence(step, "labels");
        return [.. Enumerable.Range(0, count).Select(_ => random.NextInt32(9) == 0 ? (byte)255 : (byte)random.NextInt32(Classes))];
    }

    private static double RelativeError(float[] found, float[] expected)
    {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            difference += Math.Pow((double)found[i] - expected[i], 2);
            norm += (double)expected[i] * expected[i];
        }

        return Math.Sqrt(difference / norm);
    }
}
