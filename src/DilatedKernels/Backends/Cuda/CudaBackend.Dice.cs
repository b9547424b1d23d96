using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void DiceForward(
        in Shape shape, DeviceBuffer probabilities, DeviceBuffer labels, int ignoreLabel, float share, DeviceBuffer loss, DeviceBuffer factors)
    {
        if (shape.Count == 0)
        {
            Fill(loss, 1, 0f);
            Fill(factors, 2L * shape.C, 0f);
            return;
        }

        LaunchPlan plan = DicePlan.Sums(shape.Positions);
        int blocks = (int)plan.Grid.X;
        using DeviceBuffer partial = Allocate(3L * blocks * shape.C * sizeof(double));
        Recording?.ExpectLabels(labels);
        var arguments = new KernelArguments();
        arguments.Add(Pointer(probabilities));
        arguments.Add(Pointer(labels));
        arguments.Add(ignoreLabel);
        arguments.Add(Pointer(partial));
        arguments.Add(shape.Positions);
        arguments.Add(shape.C);
        arguments.Add(DicePlan.Span(shape.Positions));
        Launch(plan, arguments);

        var finish = new KernelArguments();
        finish.Add(Pointer(partial));
        finish.Add(blocks);
        finish.Add(shape.C);
        finish.Add(share);
        finish.Add(Pointer(factors));
        finish.Add(Pointer(loss));
        Launch(DicePlan.Finish, finish);
    }

    public override void DiceBackward(
        in Shape shape, DeviceBuffer probabilities, DeviceBuffer labels, int ignoreLabel, DeviceBuffer factors, DeviceBuffer dy, DeviceBuffer dProbabilities)
    {
        if (shape.Count == 0)
        {
            return;
        }

        var arguments = new KernelArguments();
        arguments.Add(Pointer(probabilities));
        arguments.Add(Pointer(labels));
        arguments.Add(ignoreLabel);
        arguments.Add(Pointer(factors));
        arguments.Add(Pointer(dy));
        arguments.Add(Pointer(dProbabilities));
        arguments.Add(shape.Positions);
        arguments.Add(shape.C);
        arguments.Add(DicePlan.Span(shape.Positions));
        Launch(DicePlan.Gradient(shape.Positions), arguments);
    }
}
