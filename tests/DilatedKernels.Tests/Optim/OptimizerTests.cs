using DilatedKernels.Optim;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Optim;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class OptimizerTests(Device device)
{
    private const int Steps = 20;

    // Vector and remainder, and more than one piece of work.
    private static readonly Shape[] Shapes = [new(1, 3, 1, 1), new(3, 5, 3, 3), new(2, 37, 15, 16)];

    [Test]
    public void SgdMatchesCaffesUpdate()
    {
        Check(
            parameters => new Sgd(parameters, momentum: 0.9f, weightDecay: 0.05f),
            (state, w, g, rate, decay, _) =>
            {
                state[0] = (0.9 * state[0]) + (rate * (g + (decay * 0.05 * w)));
                return w - state[0];
            });
    }

    [Test]
    public void AdamMatchesThePaper()
    {
        Check(
            parameters => new Adam(parameters, beta1: 0.8f, beta2: 0.99f, epsilon: 1e-6f, weightDecay: 0.05f),
            (state, w, g, rate, decay, t) =>
            {
                double total = g + (decay * 0.05 * w);
                state[0] = (0.8 * state[0]) + (0.2 * total);
                state[1] = (0.99 * state[1]) + (0.01 * total * total);
                double mean = state[0] / (1 - Math.Pow(0.8, t));
                double square = state[1] / (1 - Math.Pow(0.99, t));
                return w - (rate * mean / (Math.Sqrt(square) + 1e-6));
            });
    }

    [Test]
    public void SkipsParametersWithoutGradientAndFrozenOnes()
    {
        using Parameter moved = NewParameter("moved", new Shape(1, 3, 1, 1));
        using Parameter idle = NewParameter("idle", new Shape(1, 3, 1, 1));
        using Parameter frozen = NewParameter("frozen", new Shape(1, 3, 1, 1));
        using var optimizer = new Sgd([moved, idle, frozen], weightDecay: 0.1f);
        SetGradient(moved, step: 1);
        SetGradient(frozen, step: 1);
        frozen.IsTrainable = false;
        float[][] before = [moved.Value.ToArray(), idle.Value.ToArray(), frozen.Value.ToArray()];
        optimizer.Step(0.1f);
        Assert.That(moved.Value.ToArray(), Is.Not.EqualTo(before[0]));
        Assert.That(idle.Value.ToArray(), Is.EqualTo(before[1]));
        Assert.That(frozen.Value.ToArray(), Is.EqualTo(before[2]));
        optimizer.ClearGradients();
        Assert.That(moved.Gradient, Is.Null);
    }

    [Test]
    public void RestoredStatesContinueBitForBit([Values] bool adam)
    {
        using Parameter unbroken = NewParameter("w", new Shape(2, 3, 3, 3));
        using Parameter resumed = NewParameter("w", new Shape(2, 3, 3, 3));
        using Optimizer first = New(unbroken);
        for (int step = 1; step <= 5; step++)
        {
            Step(first, unbroken, step);
        }

        using Optimizer second = New(resumed);
        resumed.Value.SetChannelsLast(unbroken.Value.ToChannelsLast());
        second.StepCount = first.StepCount;
        Assert.That(second.States.Select(s => s.Name), Is.EqualTo(adam ? new[] { "w.mean", "w.square" } : ["w.velocity"]));
        foreach (((_, Tensor from), (_, Tensor to)) in first.States.Zip(second.States))
        {
            to.SetChannelsLast(from.ToChannelsLast());
        }

        Step(first, unbroken, 6);
        Step(second, resumed, 6);
        Assert.That(second.StepCount, Is.EqualTo(6));
        Assert.That(resumed.Value.ToArray(), Is.EqualTo(unbroken.Value.ToArray()));

        Optimizer New(Parameter parameter) => adam ? new Adam([parameter]) : new Sgd([parameter]);
    }

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    [TestCase(float.NegativeInfinity)]
    public void ALossThatIsNotFiniteLeavesEverythingAsItIs(float value)
    {
        using Parameter moved = NewParameter("w", new Shape(1, 7, 1, 1));
        using Parameter kept = NewParameter("w", new Shape(1, 7, 1, 1));
        using Tensor loss = Tensor.FromArray(device, Shape.Scalar, [value]);
        using Tensor finite = Tensor.FromArray(device, Shape.Scalar, [float.MaxValue]);
        foreach (bool adam in new[] { false, true })
        {
            using Optimizer one = New(moved);
            using Optimizer other = New(kept);
            SetGradient(moved, 1);
            SetGradient(kept, 1);
            one.Step(0.1f);
            other.Step(0.1f, finite);
            other.Step(0.1f, loss);
            Assert.That(kept.Value.ToArray(), Is.EqualTo(moved.Value.ToArray()));
            Assert.That(other.States.Select(s => s.State.ToArray()), Is.EqualTo(one.States.Select(s => s.State.ToArray())));

            Optimizer New(Parameter parameter) => adam ? new Adam([parameter]) : new Sgd([parameter]);
        }
    }

    [Test]
    public void GradientNormIsEuclideanOverAllParameters([Values(1, 7, 64, 40_000)] int count)
    {
        using Parameter a = NewParameter("a", new Shape(1, count, 1, 1));
        using Parameter b = NewParameter("b", new Shape(1, 3, 1, 1));
        using var optimizer = new Sgd([a, b]);
        Assert.That(optimizer.GradientNorm(), Is.Zero);
        SetGradient(a, 1);
        SetGradient(b, 2);
        double expected = Math.Sqrt(a.Gradient!.ToArray().Concat(b.Gradient!.ToArray()).Sum(g => (double)g * g));
        Assert.That(optimizer.GradientNorm(), Is.EqualTo(expected).Within(1e-7 * expected));
    }

    [Test]
    public void ClippingShortensAllGradientsTogether([Values(1, 7, 64, 40_000)] int count)
    {
        using Parameter a = NewParameter("a", new Shape(1, count, 1, 1));
        using Parameter b = NewParameter("b", new Shape(1, 3, 1, 1));
        using Parameter frozen = NewParameter("frozen", new Shape(1, 3, 1, 1));
        using var optimizer = new Sgd([a, b, frozen]);
        Assert.That(() => optimizer.ClipGradients(1f), Throws.Nothing, "without gradients");
        double[] before = [.. SetGradient(a, 1).Concat(SetGradient(b, 2)).Select(g => (double)g)];
        double length = Math.Sqrt(before.Sum(g => g * g));
        float[] left = SetGradient(frozen, 3);
        frozen.IsTrainable = false;

        optimizer.ClipGradients((float)(1.01 * length));
        Assert.That(Both(), Is.EqualTo(before), "shorter ones keep their bits");
        float norm = (float)(0.25 * length);
        optimizer.ClipGradients(norm);
        Assert.That(OperatorCheck.RelativeError(Both(), Array.ConvertAll(before, g => norm * g / length)), Is.LessThan(1e-6));
        Assert.That(optimizer.GradientNorm(), Is.EqualTo(norm).Within(1e-6 * norm));
        Assert.That(frozen.Gradient!.ToArray(), Is.EqualTo(left), "what does not learn is not counted and not changed");

        float[] Both() => [.. a.Gradient!.ToArray(), .. b.Gradient!.ToArray()];
    }

    [Test]
    public void AGradientOfZerosIsNotClipped()
    {
        using Parameter w = NewParameter("w", new Shape(1, 5, 1, 1));
        using var optimizer = new Sgd([w]);
        using (Tape tape = Tape.Record())
        {
            tape.Backward(Projection.Loss(w.Value, Array4.From(w.Value.Shape, (_, _, _, _) => 0)));
        }

        optimizer.ClipGradients(1f);
        Assert.That(w.Gradient!.ToArray(), Is.All.Zero);
    }

    [TestCase(0f)]
    [TestCase(-1f)]
    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void RefusesToClipToNoLength(float norm)
    {
        using Parameter w = NewParameter("w", Shape.Scalar);
        using var optimizer = new Sgd([w]);
        Assert.That(() => optimizer.ClipGradients(norm), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("norm is more than 0 and finite"));
    }

    [Test]
    public void RefusesWhatItCannotUse()
    {
        using Parameter w = NewParameter("w", Shape.Scalar);
        using Parameter same = NewParameter("w", Shape.Scalar);
        Assert.That(() => new Sgd([]), Throws.ArgumentException.With.Message.Contains("at least one parameter"));
        Assert.That(() => new Sgd([w, null!]), Throws.ArgumentNullException.With.Property("ParamName").EqualTo("parameters"));
        Assert.That(() => new Sgd([w, same]), Throws.ArgumentException.With.Message.Contains("named 'w'"));
        Assert.That(() => new Sgd([w], momentum: 1f), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("momentum is 0 or more and less than 1"));
        Assert.That(() => new Sgd([w], weightDecay: -1f), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("weightDecay is 0 or more"));
        Assert.That(() => new Adam([w], epsilon: 0f), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("epsilon is more than 0"));
        Assert.That(() => new Adam([w], beta2: float.NaN), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("beta2"));
        using var optimizer = new Sgd([w]);
        Assert.That(() => optimizer.Step(float.NaN), Throws.InstanceOf<ArgumentOutOfRangeException>().With.Message.Contains("learningRate is 0 or more and finite"));
        Assert.That(() => optimizer.StepCount = -1, Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(optimizer.StepCount, Is.Zero);
    }

    [Test]
    public void TheDefaultsArePublished()
    {
        using Parameter w = NewParameter("w", Shape.Scalar);
        using var adam = new Adam([w]);
        Assert.That((adam.Beta1, adam.Beta2, adam.Epsilon, adam.WeightDecay), Is.EqualTo((0.9f, 0.999f, 1e-8f, 0f)));
        using var sgd = new Sgd([w]);
        Assert.That((sgd.Momentum, sgd.WeightDecay), Is.EqualTo((0.9f, 0f)));
    }

    private delegate double Update(double[] state, double weight, double gradient, double rate, double decayMultiplier, int step);

    private void Check(Func<Parameter[], Optimizer> create, Update update)
    {
        Parameter[] parameters = [.. Shapes.Select((shape, i) => NewParameter($"p{i}", shape, i == 0 ? 2 : 1, i == 0 ? 0 : 1))];
        double[][] weights = [.. parameters.Select(p => Array.ConvertAll(p.Value.ToArray(), v => (double)v))];
        double[][][] states = [.. weights.Select(w => w.Select(_ => new double[2]).ToArray())];
        using Optimizer optimizer = create(parameters);
        for (int step = 1; step <= Steps; step++)
        {
            float rate = step < 10 ? 0.05f : 0.02f;
            for (int p = 0; p < parameters.Length; p++)
            {
                float[] gradient = SetGradient(parameters[p], step);
                for (int i = 0; i < gradient.Length; i++)
                {
                    weights[p][i] = update(
                        states[p][i], weights[p][i], gradient[i], rate * parameters[p].LearningRateMultiplier, parameters[p].WeightDecayMultiplier, step);
                }
            }

            optimizer.Step(rate);
        }

        for (int p = 0; p < parameters.Length; p++)
        {
            Assert.That(OperatorCheck.RelativeError(parameters[p].Value.ToArray(), weights[p]), Is.LessThan(OperatorCheck.Tolerance), parameters[p].Name);
            parameters[p].Dispose();
        }
    }

    private static void Step(Optimizer optimizer, Parameter parameter, int step)
    {
        SetGradient(parameter, step);
        optimizer.Step(0.1f);
    }

    private Parameter NewParameter(string name, Shape shape, float rateMultiplier = 1, float decayMultiplier = 1) =>
        new(name, Array4.Random(shape, "value").ToTensor(device)) { LearningRateMultiplier = rateMultiplier, WeightDecayMultiplier = decayMultiplier };

    // The gradient of a projection is its weights.
    private static float[] SetGradient(Parameter parameter, int step)
    {
        Array4 gradient = Array4.Random(parameter.Value.Shape, $"gradient {step}");
        parameter.ClearGradient();
        using Tape tape = Tape.Record();
        tape.Backward(Projection.Loss(parameter.Value, gradient));
        return gradient.ToSingle();
    }
}
