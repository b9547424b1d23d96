namespace DilatedKernels.Tests.Oracles;

/// <summary>
/// Compares an operator with a double-precision reference: its result, and the gradient of a random projection of it with respect to every
/// input, which for the reference comes from central differences in double precision.
/// </summary>
internal static class OperatorCheck
{
    public const double Tolerance = 1e-5;

    /// <summary>
    /// bfloat16 has 8 significant bits: a rounding moves a number by up to 1/256 of it, by half that on average. An operator's result is rounded once; a gradient is computed from rounded
    /// results and rounded gradients, and rounded again.
    /// </summary>
    public const double BFloat16Tolerance = 1e-2;

    // Error of a central difference: h² of the third derivative, and 1e-16 / h of rounding.
    private const double Difference = 1e-4;

    /// <summary>Checks an operator whose inputs are all activations, in every type.</summary>
    public static void Verify(Device device, Func<Tensor[], Tensor> op, Func<Array4[], Array4> reference, params Array4[] inputs) =>
        Verify(device, inputs.Length, op, reference, inputs);

    /// <summary>Checks an operator in every type; the inputs after the first <paramref name="activations"/> are weights, which are always float32.</summary>
    public static void Verify(Device device, int activations, Func<Tensor[], Tensor> op, Func<Array4[], Array4> reference, params Array4[] inputs)
    {
        foreach (ElementType type in Enum.GetValues<ElementType>())
        {
            // The reference starts from the numbers that the operator gets; what is rounded after that is the operator's own.
            Verify(device, type, activations, op, reference, [.. inputs.Select(input => input.RoundedTo(type))]);
        }
    }

    private static void Verify(Device device, ElementType type, int activations, Func<Tensor[], Tensor> op, Func<Array4[], Array4> reference, Array4[] inputs)
    {
        double tolerance = type == ElementType.Float32 ? Tolerance : BFloat16Tolerance;
        Array4 expected = reference(inputs);
        Array4 weights = Array4.Random(expected.Shape, "projection");
        Parameter[] parameters = [.. inputs.Select((input, i) => new Parameter($"input {i}", input.ToTensor(device)))];
        using (Tape tape = Tape.Record())
        {
            Tensor y = tape.Keep(op([.. parameters.Select((p, i) => i < activations ? Ops.Cast(p.Value, type) : p.Value)]));
            Assert.That(y.Shape, Is.EqualTo(expected.Shape));
            Assert.That(y.ElementType, Is.EqualTo(expected.Shape == Shape.Scalar ? ElementType.Float32 : type));
            Assert.That(RelativeError(y.ToArray(), expected.Values), Is.LessThan(tolerance), $"result in {type}");
            tape.Backward(Projection.Loss(y, weights));
        }

        for (int i = 0; i < inputs.Length; i++)
        {
            double[] gradient = NumericGradient(reference, inputs, i, weights);
            Assert.That(RelativeError(parameters[i].Gradient!.ToArray(), gradient), Is.LessThan(tolerance), $"gradient of input {i} in {type}");
            parameters[i].Dispose();
        }
    }

    /// <summary><see cref="Error.Relative"/>.</summary>
    public static double RelativeError(float[] a, double[] b) => Error.Relative(a, b);

    private static double[] NumericGradient(Func<Array4[], Array4> reference, Array4[] inputs, int which, Array4 weights)
    {
        Array4[] moved = [.. inputs.Select(input => input with { Values = [.. input.Values] })];
        double[] x = moved[which].Values;
        var gradient = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            double at = x[i];
            x[i] = at + Difference;
            double after = Project(reference(moved), weights);
            x[i] = at - Difference;
            double before = Project(reference(moved), weights);
            x[i] = at;
            gradient[i] = (after - before) / (2 * Difference);
        }

        return gradient;
    }

    private static double Project(Array4 y, Array4 weights) => y.Values.Zip(weights.Values, (a, b) => a * b).Sum();
}
