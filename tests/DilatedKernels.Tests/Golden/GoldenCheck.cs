using System.Runtime.InteropServices;

namespace DilatedKernels.Tests.Golden;

/// <summary>Runs an operator on a case's inputs and compares its result and gradients.</summary>
internal static class GoldenCheck
{
    /// <summary>The bound on float32 results of every operator on every device.</summary>
    private const double Bound = 1e-5;

    // "No worse than PyTorch", as far as two sums in different orders can be compared: both errors are random walks of roundings, and
    // PyTorch's sixteen lanes shorten its walk by up to four; ours is estimated from a sample, which adds up to two. An error below
    // float32's unit roundoff counts as that.
    private const double TimesFloat32Error = 8;
    private const double UnitRoundoff = 1.0 / (1 << 24);

    public static void Operator(Device device, GoldenCase golden, Func<Tensor, Tensor> function, double scale = 1) =>
        Operator(device, golden, [("x", golden.Shape("x"))], scale, tensors => function(tensors[0]));

    public static void Operator(Device device, GoldenCase golden, (string Name, Shape Shape)[] inputs, double scale, Func<Tensor[], Tensor> function)
    {
        Parameter[] parameters = [.. inputs.Select(input => MakeParameter(device, golden.Seed, input.Name, input.Shape, scale))];
        try
        {
            using Tape tape = Tape.Record();
            Tensor y = function([.. parameters.Select(p => p.Value)]);
            Compare(golden, "y", y);
            tape.Backward(golden.Results["y"].IsScalar ? y : ScalarWithGradient(y, Counter.Values(golden.Seed, "dy", y.Shape)));
            foreach (Parameter parameter in parameters)
            {
                Assert.That(parameter.Gradient, Is.Not.Null, $"d{parameter.Name}");
                Compare(golden, "d" + parameter.Name, parameter.Gradient!);
            }
        }
        finally
        {
            Array.ForEach(parameters, p => p.Dispose());
        }
    }

    public static Parameter MakeParameter(Device device, int seed, string name, Shape shape, double scale) =>
        new(name, Tensor.FromArray(device, shape, Counter.Values(seed, name, shape, scale)));

    public static void Compare(GoldenCase golden, string result, Tensor actual) => Compare(golden, result, actual, golden.Results[result].Float32Error);

    /// <summary>Compares with an error of PyTorch's that is not this result's own.</summary>
    public static void Compare(GoldenCase golden, string result, Tensor actual, double float32Error)
    {
        Assert.That(actual.Shape, Is.EqualTo(golden.Results[result].Shape), result);
        Compare(golden, result, actual.ToArray(), float32Error);
    }

    public static void Compare(GoldenCase golden, string result, float[] actual) => Compare(golden, result, actual, golden.Results[result].Float32Error);

    private static void Compare(GoldenCase golden, string result, float[] actual, double float32Error)
    {
        double error = golden.Results[result].ErrorOf(actual);
        Assert.That(error, Is.LessThan(Bound), $"relative error of {result}");
        Assert.That(error, Is.LessThanOrEqualTo(TimesFloat32Error * Math.Max(UnitRoundoff, float32Error)), $"relative error of {result} beside PyTorch's {float32Error:e2}");
    }

    /// <summary>A scalar whose gradient with respect to <paramref name="y"/> is <paramref name="gradient"/>; its value stands for nothing.</summary>
    public static Tensor ScalarWithGradient(Tensor y, float[] gradient)
    {
        float[] channelsLast = new float[gradient.Length];
        ChannelOrder.ToChannelsLast(y.Shape, gradient, channelsLast);
        Tensor scalar = Tape.NewOutput(y.Device, Shape.Scalar);
        scalar.SetChannelsLast([0f]);
        Tape.RecordNode(scalar, [y], (_, gradients) =>
            gradients.Write(0, dy => y.Device.Backend.Upload(MemoryMarshal.AsBytes(channelsLast.AsSpan()), dy)));
        return scalar;
    }
}
