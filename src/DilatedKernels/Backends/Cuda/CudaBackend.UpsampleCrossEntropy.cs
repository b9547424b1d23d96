using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void UpsampleCrossEntropy(
        in UpsampleGeometry geometry, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, ClassWeights? weights, double total, DeviceBuffer loss, DeviceBuffer? dScores)
    {
        if (geometry.OutShape.Count == 0)
        {
            Fill(loss, 1, 0f);
            return;
        }

        if (geometry.Channels > UpsampleCrossEntropyPlan.MostClasses)
        {
            UpsampleThenCrossEntropy(geometry, scores, labels, ignoreLabel, weights, total, loss, dScores);
            return;
        }

        long count = geometry.InShape.Count;
        bool isFloat32 = scores.ElementType == ElementType.Float32;
        DeviceBuffer? first = dScores is null || isFloat32 ? dScores : Allocate(count, ElementType.Float32);
        using DeviceBuffer? scratch = isFloat32 ? null : first;
        using DeviceBuffer? second = dScores is null ? null : Allocate(count, ElementType.Float32);
        var plan = UpsampleCrossEntropyPlan.Choose(scores.ElementType, geometry);
        int blocks = (int)plan.Launch.Grid.X;
        using DeviceBuffer partial = Allocate((long)blocks * sizeof(double));
        Recording?.ExpectLabels(labels);
        var arguments = new KernelArguments();
        arguments.Add(Pointer(scores));
        arguments.Add(Pointer(labels));
        arguments.Add(ignoreLabel);
        arguments.Add(weights is null ? default : Pointer(weights.Buffer));
        arguments.Add(Step(Share(total), scalars => Share(ClassWeights.TotalOf(weights, scalars.Labels, ignoreLabel)), "a sum of weights"));
        arguments.Add(first is null ? default : Pointer(first));
        arguments.Add(second is null ? default : Pointer(second));
        arguments.Add(Pointer(partial));
        arguments.Add(geometry.Channels);
        arguments.Add(plan.Cells);
        arguments.Add(plan.Tiles);
        using (_gate.EnterScope())
        {
            // Nobody makes room among the tables before the kernel that reads these is queued.
            (ResampleAxisTable rows, ResampleAxisTable columns) = _resampling.Get(this, geometry);
            arguments.Add(rows);
            arguments.Add(columns);
            Launch(plan.Launch, arguments);
        }

        if (dScores is not null)
        {
            LaunchElementwise(Named(dScores, "add_f32", "add_f32_to_bf16"), count, first!, second!, dScores);
        }

        StepValue<double> divisor = Step(Divisor(total), scalars => Divisor(ClassWeights.TotalOf(weights, scalars.Labels, ignoreLabel)), "a sum of weights");
        SumPartials(partial, blocks, divisor, loss);
    }

    // For more classes than a label can name.
    private void UpsampleThenCrossEntropy(
        in UpsampleGeometry geometry, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, ClassWeights? weights, double total, DeviceBuffer loss, DeviceBuffer? dScores)
    {
        Shape shape = geometry.OutShape;
        using DeviceBuffer large = Allocate(shape.Count, scores.ElementType);
        using DeviceBuffer? dLarge = dScores is null ? null : Allocate(shape.Count, scores.ElementType);
        UpsampleForward(geometry, scores, large);
        FocalLoss(shape, large, labels, ignoreLabel, weights, total, gamma: 0, loss, dLarge);
        if (dScores is not null)
        {
            UpsampleBackward(geometry, dLarge!, dScores);
        }
    }
}
