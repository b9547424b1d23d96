using DilatedKernels.Optim;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Golden;

/// <summary>Ten steps of training against PyTorch's: operators, tape and optimizers together. The other half is training.py.</summary>
[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class GoldenTrainingTests(Device device)
{
    private const int Steps = 10;
    private const int Classes = 4;

    private static readonly Shape s_images = new(2, 3, 12, 14);

    // The order of computation, with the power of two that scales the hashed values.
    private static readonly (Shape Shape, double Scale)[] s_parameters =
    [
        (new Shape(8, 3, 3, 3), 0.25), (Shape.PerChannel(8), 0.0625),
        (new Shape(8, 8, 3, 3), 0.125), (Shape.PerChannel(8), 0.0625),
        (new Shape(Classes, 8, 1, 1), 0.5), (Shape.PerChannel(Classes), 0.0625),
    ];

    [Test]
    public void StochasticGradientDescent()
    {
        GoldenCase golden = GoldenCase.Find("training.json", "SGD");
        Train(golden, parameters => new Sgd(parameters, (float)golden.Number("momentum"), (float)golden.Number("weightDecay")));
    }

    [Test]
    public void Adam()
    {
        GoldenCase golden = GoldenCase.Find("training.json", "Adam");
        Train(golden, parameters => new Adam(
            parameters, (float)golden.Number("beta1"), (float)golden.Number("beta2"), (float)golden.Number("epsilon"), (float)golden.Number("weightDecay")));
    }

    private void Train(GoldenCase golden, Func<Parameter[], Optimizer> makeOptimizer)
    {
        Parameter[] p = [.. s_parameters.Select((shape, i) => GoldenCheck.MakeParameter(device, golden.Seed, $"p{i}", shape.Shape, shape.Scale))];
        using Optimizer optimizer = makeOptimizer(p);
        using Tensor images = Tensor.FromArray(device, s_images, Counter.Values(golden.Seed, "x", s_images));
        using LabelMap labels = LabelMap.FromArray(
            device, s_images.N, s_images.H, s_images.W, Counter.Labels(golden.Seed, s_images with { C = Classes }, voidOneIn: 5));
        float[] losses = new float[Steps];
        for (int step = 0; step < Steps; step++)
        {
            optimizer.ClearGradients();
            using Tape tape = Tape.Record();
            Tensor loss = Ops.SoftmaxCrossEntropy(Forward(images, p), labels);
            losses[step] = loss.Item();
            tape.Backward(loss);
            optimizer.Step((float)golden.Number("learningRate"));
        }

        GoldenCheck.Compare(golden, "loss", losses);
        foreach (Parameter parameter in p)
        {
            GoldenCheck.Compare(golden, parameter.Name, parameter.Value);
            parameter.Dispose();
        }
    }

    private static Tensor Forward(Tensor x, Parameter[] p)
    {
        x = Ops.Conv2d(x, p[0].Value, p[1].Value, new Conv2dOptions { Padding = 1 }, relu: true);
        x = Ops.MaxPool2d(x, kernel: 2, stride: 2);
        x = Ops.Conv2d(x, p[2].Value, p[3].Value, new Conv2dOptions { Dilation = 2, Padding = 2 }, relu: true);
        x = Ops.Conv2d(x, p[4].Value, p[5].Value);
        return Ops.UpsampleBilinear(x, s_images.H, s_images.W);
    }
}
