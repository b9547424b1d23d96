namespace DilatedKernels.Backends.Cpu;

// Operations still to come; each line goes when its file arrives.
internal sealed unsafe partial class CpuBackend
{
    public override void Add(DeviceBuffer x, DeviceBuffer z, DeviceBuffer y, long count) => throw new NotSupportedException();

    public override void ScaleBy(DeviceBuffer x, DeviceBuffer scalar, DeviceBuffer y, long count) => throw new NotSupportedException();

    public override void MaxPoolForward(in Pool2dGeometry geometry, DeviceBuffer x, DeviceBuffer y, DeviceBuffer? winner) => throw new NotSupportedException();

    public override void MaxPoolBackward(in Pool2dGeometry geometry, DeviceBuffer dy, DeviceBuffer winner, DeviceBuffer dx) => throw new NotSupportedException();

    public override void UpsampleForward(in UpsampleGeometry geometry, DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException();

    public override void UpsampleBackward(in UpsampleGeometry geometry, DeviceBuffer dy, DeviceBuffer dx) => throw new NotSupportedException();

    public override void SoftmaxForward(in Shape shape, DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException();

    public override void SoftmaxBackward(in Shape shape, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx) => throw new NotSupportedException();

    public override void SoftmaxCrossEntropy(in Shape shape, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, DeviceBuffer loss, DeviceBuffer? dScores) => throw new NotSupportedException();

    public override void Dropout(DeviceBuffer x, DeviceBuffer y, long count, float rate, in RandomKey key) => throw new NotSupportedException();

    public override void ReflectionPadForward(in ReflectionPadGeometry geometry, DeviceBuffer x, DeviceBuffer y) => throw new NotSupportedException();

    public override void ReflectionPadBackward(in ReflectionPadGeometry geometry, DeviceBuffer dy, DeviceBuffer dx) => throw new NotSupportedException();

    public override void SgdStep(ReadOnlySpan<OptimizerSlot> slots, float learningRate, float momentum) => throw new NotSupportedException();

    public override void AdamStep(ReadOnlySpan<OptimizerSlot> slots, float learningRate, float beta1, float beta2, float epsilon, long step) => throw new NotSupportedException();

    public override void SumOfSquares(DeviceBuffer x, long count, DeviceBuffer result) => throw new NotSupportedException();
}
