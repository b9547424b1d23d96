namespace DilatedKernels.Backends.Cpu;

/// <summary>
/// The processor's bfloat16, by its definition: operands are widened into scratch memory, the float32 operation runs on that, and what it gives is
/// rounded once. Float32 operands go straight through.
/// </summary>
internal sealed class WideningBackend(CpuBackend inner) : Backend
{
    public override string Name => inner.Name;

    public override MemoryStatistics Memory => inner.Memory;

    public override int Threads => inner.Threads;

    public override long FreeBytes => inner.FreeBytes;

    public override DeviceBuffer Allocate(long bytes) => inner.Allocate(bytes);

    public override void Upload(ReadOnlySpan<byte> source, DeviceBuffer target) => inner.Upload(source, target);

    public override void Download(DeviceBuffer source, Span<byte> target) => inner.Download(source, target);

    public override void Copy(DeviceBuffer source, DeviceBuffer target, long bytes) => inner.Copy(source, target, bytes);

    public override void CopyBlock(in BlockCopy block, DeviceBuffer source, DeviceBuffer target) => inner.CopyBlock(block, source, target);

    public override void Fill(DeviceBuffer target, long count, float value) => inner.Fill(target, count, value);

    public override void Convert(DeviceBuffer x, DeviceBuffer y, long count) => inner.Convert(x, y, count);

    public override void Add(DeviceBuffer x, DeviceBuffer z, DeviceBuffer y, long count)
    {
        using Operand wideX = Read(x, count), wideZ = Read(z, count), wideY = Result(y, count);
        inner.Add(wideX.Buffer, wideZ.Buffer, wideY.Buffer, count);
    }

    public override void ScaleBy(DeviceBuffer x, DeviceBuffer scalar, DeviceBuffer y, long count)
    {
        using Operand wideX = Read(x, count), wideY = Result(y, count);
        inner.ScaleBy(wideX.Buffer, scalar, wideY.Buffer, count);
    }

    public override void Conv2dForward(in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer? bias, bool relu, DeviceBuffer y)
    {
        using Operand wideX = Read(x, geometry.InShape.Count), rounded = Rounded(weight, geometry.WeightShape.Count, x.ElementType);
        using Operand wideY = Result(y, geometry.OutShape.Count);
        inner.Conv2dForward(geometry, wideX.Buffer, rounded.Buffer, bias, relu, wideY.Buffer);
    }

    public override void Conv2dBackwardInput(in Conv2dGeometry geometry, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer? mask, DeviceBuffer dx)
    {
        using Operand wideDy = Read(dy, geometry.OutShape.Count), rounded = Rounded(weight, geometry.WeightShape.Count, dy.ElementType);
        using Operand wideMask = mask is null ? default : Read(mask, geometry.InShape.Count), wideDx = Result(dx, geometry.InShape.Count);
        inner.Conv2dBackwardInput(geometry, wideDy.Buffer, rounded.Buffer, mask is null ? null : wideMask.Buffer, wideDx.Buffer);
    }

    public override void Conv2dBackwardWeight(in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        using Operand wideX = Read(x, geometry.InShape.Count), wideDy = Read(dy, geometry.OutShape.Count);
        inner.Conv2dBackwardWeight(geometry, wideX.Buffer, wideDy.Buffer, dw);
    }

    public override void BiasForward(in Shape shape, DeviceBuffer x, DeviceBuffer bias, DeviceBuffer y)
    {
        using Operand wideX = Read(x, shape.Count), wideY = Result(y, shape.Count);
        inner.BiasForward(shape, wideX.Buffer, bias, wideY.Buffer);
    }

    public override void BiasBackward(in Shape shape, DeviceBuffer dy, DeviceBuffer db)
    {
        using Operand wideDy = Read(dy, shape.Count);
        inner.BiasBackward(shape, wideDy.Buffer, db);
    }

    public override void ReluForward(DeviceBuffer x, DeviceBuffer y, long count)
    {
        using Operand wideX = Read(x, count), wideY = Result(y, count);
        inner.ReluForward(wideX.Buffer, wideY.Buffer, count);
    }

    public override void ReluBackward(DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx, long count)
    {
        using Operand wideY = Read(y, count), wideDy = Read(dy, count), wideDx = Result(dx, count);
        inner.ReluBackward(wideY.Buffer, wideDy.Buffer, wideDx.Buffer, count);
    }

    public override void MaxPoolForward(in Pool2dGeometry geometry, DeviceBuffer x, DeviceBuffer y, DeviceBuffer? winner)
    {
        using Operand wideX = Read(x, geometry.InShape.Count), wideY = Result(y, geometry.OutShape.Count);
        inner.MaxPoolForward(geometry, wideX.Buffer, wideY.Buffer, winner);
    }

    public override void MaxPoolBackward(in Pool2dGeometry geometry, DeviceBuffer dy, DeviceBuffer winner, DeviceBuffer dx)
    {
        using Operand wideDy = Read(dy, geometry.OutShape.Count), wideDx = Result(dx, geometry.InShape.Count);
        inner.MaxPoolBackward(geometry, wideDy.Buffer, winner, wideDx.Buffer);
    }

    public override void UpsampleForward(in UpsampleGeometry geometry, DeviceBuffer x, DeviceBuffer y)
    {
        using Operand wideX = Read(x, geometry.InShape.Count), wideY = Result(y, geometry.OutShape.Count);
        inner.UpsampleForward(geometry, wideX.Buffer, wideY.Buffer);
    }

    public override void UpsampleBackward(in UpsampleGeometry geometry, DeviceBuffer dy, DeviceBuffer dx)
    {
        using Operand wideDy = Read(dy, geometry.OutShape.Count), wideDx = Result(dx, geometry.InShape.Count);
        inner.UpsampleBackward(geometry, wideDy.Buffer, wideDx.Buffer);
    }

    public override void SoftmaxForward(in Shape shape, DeviceBuffer x, DeviceBuffer y)
    {
        using Operand wideX = Read(x, shape.Count), wideY = Result(y, shape.Count);
        inner.SoftmaxForward(shape, wideX.Buffer, wideY.Buffer);
    }

    public override void SoftmaxBackward(in Shape shape, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
    {
        using Operand wideY = Read(y, shape.Count), wideDy = Read(dy, shape.Count), wideDx = Result(dx, shape.Count);
        inner.SoftmaxBackward(shape, wideY.Buffer, wideDy.Buffer, wideDx.Buffer);
    }

    public override void SoftmaxCrossEntropy(
        in Shape shape, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, long validCount, DeviceBuffer loss, DeviceBuffer? dScores)
    {
        using Operand wideScores = Read(scores, shape.Count), wideGradient = dScores is null ? default : Result(dScores, shape.Count);
        inner.SoftmaxCrossEntropy(shape, wideScores.Buffer, labels, ignoreLabel, validCount, loss, dScores is null ? null : wideGradient.Buffer);
    }

    public override void FocalLoss(
        in Shape shape, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, ClassWeights? weights, double total, float gamma, DeviceBuffer loss, DeviceBuffer? dScores)
    {
        using Operand wideScores = Read(scores, shape.Count), wideGradient = dScores is null ? default : Result(dScores, shape.Count);
        inner.FocalLoss(shape, wideScores.Buffer, labels, ignoreLabel, weights, total, gamma, loss, dScores is null ? null : wideGradient.Buffer);
    }

    public override void UpsampleCrossEntropy(
        in UpsampleGeometry geometry, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, ClassWeights? weights, double total, DeviceBuffer loss, DeviceBuffer? dScores)
    {
        using Operand wideScores = Read(scores, geometry.InShape.Count), wideGradient = dScores is null ? default : Result(dScores, geometry.InShape.Count);
        inner.UpsampleCrossEntropy(geometry, wideScores.Buffer, labels, ignoreLabel, weights, total, loss, dScores is null ? null : wideGradient.Buffer);
    }

    public override void DiceForward(
        in Shape shape, DeviceBuffer probabilities, DeviceBuffer labels, int ignoreLabel, float share, DeviceBuffer loss, DeviceBuffer factors) =>
        inner.DiceForward(shape, probabilities, labels, ignoreLabel, share, loss, factors);

    public override void DiceBackward(
        in Shape shape, DeviceBuffer probabilities, DeviceBuffer labels, int ignoreLabel, DeviceBuffer factors, DeviceBuffer dy, DeviceBuffer dProbabilities) =>
        inner.DiceBackward(shape, probabilities, labels, ignoreLabel, factors, dy, dProbabilities);

    public override void Dropout(DeviceBuffer x, DeviceBuffer y, long count, float rate, in RandomKey key)
    {
        using Operand wideX = Read(x, count), wideY = Result(y, count);
        inner.Dropout(wideX.Buffer, wideY.Buffer, count, rate, key);
    }

    public override void ReflectionPadForward(in ReflectionPadGeometry geometry, DeviceBuffer x, DeviceBuffer y)
    {
        using Operand wideX = Read(x, geometry.In.Count), wideY = Result(y, geometry.Out.Count);
        inner.ReflectionPadForward(geometry, wideX.Buffer, wideY.Buffer);
    }

    public override void ReflectionPadBackward(in ReflectionPadGeometry geometry, DeviceBuffer dy, DeviceBuffer dx)
    {
        using Operand wideDy = Read(dy, geometry.Out.Count), wideDx = Result(dx, geometry.In.Count);
        inner.ReflectionPadBackward(geometry, wideDy.Buffer, wideDx.Buffer);
    }

    public override void SparseProduct(
        in SparseGeometry geometry, DeviceBuffer firstOf, DeviceBuffer entries, DeviceBuffer x, DeviceBuffer? addend, float scale, DeviceBuffer y) =>
        inner.SparseProduct(geometry, firstOf, entries, x, addend, scale, y);

    public override void SgdStep(ReadOnlySpan<OptimizerSlot> slots, float learningRate, float momentum, DeviceBuffer? loss) =>
        inner.SgdStep(slots, learningRate, momentum, loss);

    public override void AdamStep(
        ReadOnlySpan<OptimizerSlot> slots, float learningRate, float beta1, float beta2, float epsilon, long step, DeviceBuffer? loss) =>
        inner.AdamStep(slots, learningRate, beta1, beta2, epsilon, step, loss);

    public override void SumOfSquares(DeviceBuffer x, long count, DeviceBuffer result) => inner.SumOfSquares(x, count, result);

    public override void ClipFactor(DeviceBuffer squares, float most, DeviceBuffer factor) => inner.ClipFactor(squares, most, factor);

    public override void Synchronize() => inner.Synchronize();

    public override void Dispose() => inner.Dispose();

    private Operand Read(DeviceBuffer source, long count)
    {
        if (source.ElementType == ElementType.Float32)
        {
            return new Operand(source);
        }

        DeviceBuffer wide = inner.Allocate(count, ElementType.Float32);
        inner.Convert(source, wide, count);
        return new Operand(wide, inner);
    }

    private Operand Result(DeviceBuffer target, long count) => target.ElementType == ElementType.Float32
        ? new Operand(target)
        : new Operand(inner.Allocate(count, ElementType.Float32), inner, target, count);

    /// <summary>Weights as products of this type take them.</summary>
    private Operand Rounded(DeviceBuffer weight, long count, ElementType type)
    {
        if (type == ElementType.Float32)
        {
            return new Operand(weight);
        }

        using DeviceBuffer narrow = inner.Allocate(count, type);
        inner.Convert(weight, narrow, count);
        return Read(narrow, count);
    }

    /// <summary>A float32 buffer in the place of an operand: the operand itself, or scratch memory that is rounded into the target, if any, and freed.</summary>
    private readonly struct Operand(DeviceBuffer buffer, CpuBackend? scratchOf = null, DeviceBuffer? target = null, long count = 0) : IDisposable
    {
        public DeviceBuffer Buffer => buffer;

        public void Dispose()
        {
            if (scratchOf is null)
            {
                return;
            }

            if (target is not null)
            {
                scratchOf.Convert(buffer, target, count);
            }

            buffer.Dispose();
        }
    }
}
