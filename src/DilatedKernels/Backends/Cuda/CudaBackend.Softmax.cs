using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void SoftmaxForward(in Shape shape, DeviceBuffer x, DeviceBuffer y) => LaunchSoftmax("softmax_forward", shape, x, y);

    public override void SoftmaxBackward(in Shape shape, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx) =>
        LaunchSoftmax("softmax_backward", shape, y, dy, dx);

    public override void SoftmaxCrossEntropy(
        in Shape shape, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, long validCount, DeviceBuffer loss, DeviceBuffer? dScores)
    {
        if (shape.Count == 0)
        {
            Fill(loss, 1, 0f);
            return;
        }

        LaunchPlan plan = SoftmaxPlan.Choose("softmax_cross_entropy", scores.ElementType, shape.Positions, shape.C);
        int blocks = (int)plan.Grid.X;
        using DeviceBuffer partial = Allocate((long)blocks * sizeof(double));
        Recording?.ExpectLabels(labels);
        var arguments = new KernelArguments();
        arguments.Add(Pointer(scores));
        arguments.Add(Pointer(labels));
        arguments.Add(ignoreLabel);
        arguments.Add(Step(Share(validCount), scalars => Share(scalars.Labels.Step.CountValid(ignoreLabel)), "a number of valid positions"));
        arguments.Add(dScores is null ? default : Pointer(dScores));
        arguments.Add(Pointer(partial));
        arguments.Add(shape.Positions);
        arguments.Add(shape.C);
        Launch(plan, arguments);
        StepValue<double> divisor = Step(Divisor(validCount), scalars => Divisor(scalars.Labels.Step.CountValid(ignoreLabel)), "a number of valid positions");
        SumPartials(partial, blocks, divisor, loss);
    }

    public override void FocalLoss(
        in Shape shape, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, ClassWeights? weights, double total, float gamma, DeviceBuffer loss, DeviceBuffer? dScores)
    {
        if (shape.Count == 0)
        {
            Fill(loss, 1, 0f);
            return;
        }

        LaunchPlan plan = SoftmaxPlan.Choose("focal_loss", scores.ElementType, shape.Positions, shape.C);
        int blocks = (int)plan.Grid.X;
        using DeviceBuffer partial = Allocate((long)blocks * sizeof(double));
        Recording?.ExpectLabels(labels);
        var arguments = new KernelArguments();
        arguments.Add(Pointer(scores));
        arguments.Add(Pointer(labels));
        arguments.Add(ignoreLabel);
        arguments.Add(weights is null ? default : Pointer(weights.Buffer));
        arguments.Add(gamma);
        arguments.Add(Step(Share(total), scalars => Share(ClassWeights.TotalOf(weights, scalars.Labels, ignoreLabel)), "a sum of weights"));
        arguments.Add(dScores is null ? default : Pointer(dScores));
        arguments.Add(Pointer(partial));
        arguments.Add(shape.Positions);
        arguments.Add(shape.C);
        Launch(plan, arguments);
        StepValue<double> divisor = Step(Divisor(total), scalars => Divisor(ClassWeights.TotalOf(weights, scalars.Labels, ignoreLabel)), "a sum of weights");
        SumPartials(partial, blocks, divisor, loss);
    }

    private static float Share(double total) => total == 0 ? 0f : (float)(1.0 / total);

    private static double Divisor(double total) => total == 0 ? 1 : total;

    private void LaunchSoftmax(string kernel, in Shape shape, params ReadOnlySpan<DeviceBuffer> buffers)
    {
        if (shape.Count == 0)
        {
            return;
        }

        var arguments = new KernelArguments();
        foreach (DeviceBuffer buffer in buffers)
        {
            arguments.Add(Pointer(buffer));
        }

        arguments.Add(shape.Positions);
        arguments.Add(shape.C);
        Launch(SoftmaxPlan.Choose(kernel, buffers[0].ElementType, shape.Positions, shape.C), arguments);
    }
}
