namespace DilatedKernels.Backends;

/// <summary>
/// What a device must be able to do, as operations on buffers. Arguments have been checked by the operators.
/// Activations and their gradients are channels-last, in float32 or bfloat16 as <see cref="DeviceBuffer.ElementType"/> says: of one type within an
/// operation, which computes in float32 and rounds each result once. Everything else is float32. Every operation overwrites its outputs and never accumulates into them;
/// outputs do not overlap inputs unless the operation says so. Results do not depend on the number of threads.
/// </summary>
internal abstract class Backend : IDisposable
{
    /// <summary>A short name for messages, such as <c>cpu</c>.</summary>
    public abstract string Name { get; }

    public abstract MemoryStatistics Memory { get; }

    /// <summary>Processor threads for what is computed on the processor.</summary>
    public virtual int Threads => Environment.ProcessorCount;

    /// <summary>About how many bytes an allocation can still have.</summary>
    public abstract long FreeBytes { get; }

    /// <summary>Allocates memory whose contents are undefined. At least 64 bytes after it may be read, never written.</summary>
    public abstract DeviceBuffer Allocate(long bytes);

    /// <summary>Allocates memory for <paramref name="count"/> numbers, whose values are undefined.</summary>
    public DeviceBuffer Allocate(long count, ElementType type)
    {
        // Whole words, so that a device may fill an odd number of bfloat16 word by word.
        DeviceBuffer buffer = Allocate((checked(count * type.Size()) + 3) & ~3L);
        buffer.ElementType = type;
        return buffer;
    }

    public abstract void Upload(ReadOnlySpan<byte> source, DeviceBuffer target);

    public abstract void Download(DeviceBuffer source, Span<byte> target);

    public abstract void Copy(DeviceBuffer source, DeviceBuffer target, long bytes);

    public abstract void CopyBlock(in BlockCopy block, DeviceBuffer source, DeviceBuffer target);

    public abstract void Fill(DeviceBuffer target, long count, float value);

    /// <summary><c>y = x</c> in the type of y: rounded to nearest, ties to even, or widened.</summary>
    public abstract void Convert(DeviceBuffer x, DeviceBuffer y, long count);

    /// <summary><c>y = x + z</c>; y may be x or z.</summary>
    public abstract void Add(DeviceBuffer x, DeviceBuffer z, DeviceBuffer y, long count);

    /// <summary><c>y = x · scalar[0]</c> with a float32 scalar; y may be x.</summary>
    public abstract void ScaleBy(DeviceBuffer x, DeviceBuffer scalar, DeviceBuffer y, long count);

    /// <summary>Convolution with optional bias (one per output channel) and optional ReLU. Products of bfloat16 take weights rounded to it.</summary>
    public abstract void Conv2dForward(in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer? bias, bool relu, DeviceBuffer y);

    /// <summary>The gradient of a convolution's input. Where <paramref name="mask"/> is given, of the input's shape and type: <c>dx = mask > 0 ? dx : 0</c>, as <see cref="ReluBackward"/>.</summary>
    public abstract void Conv2dBackwardInput(in Conv2dGeometry geometry, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer? mask, DeviceBuffer dx);

    public abstract void Conv2dBackwardWeight(in Conv2dGeometry geometry, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw);

    /// <summary><c>y(p, c) = x(p, c) + bias(c)</c>; y may be x.</summary>
    public abstract void BiasForward(in Shape shape, DeviceBuffer x, DeviceBuffer bias, DeviceBuffer y);

    /// <summary><c>db(c) = Σ over positions of dy(p, c)</c>, added in a fixed order.</summary>
    public abstract void BiasBackward(in Shape shape, DeviceBuffer dy, DeviceBuffer db);

    /// <summary><c>y = max(x, 0)</c>; NaN stays NaN. y may be x.</summary>
    public abstract void ReluForward(DeviceBuffer x, DeviceBuffer y, long count);

    /// <summary><c>dx = y > 0 ? dy : 0</c>, from the ReLU's output. dx may be dy.</summary>
    public abstract void ReluBackward(DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx, long count);

    /// <summary>Max-pooling; <paramref name="winner"/> receives one byte an output, the window position <c>ky·KernelW + kx</c> of the first maximum. A NaN wins over any number.</summary>
    public abstract void MaxPoolForward(in Pool2dGeometry geometry, DeviceBuffer x, DeviceBuffer y, DeviceBuffer? winner);

    /// <summary>The gradient in gather form: every input position collects from the windows that chose it, in window order.</summary>
    public abstract void MaxPoolBackward(in Pool2dGeometry geometry, DeviceBuffer dy, DeviceBuffer winner, DeviceBuffer dx);

    public abstract void UpsampleForward(in UpsampleGeometry geometry, DeviceBuffer x, DeviceBuffer y);

    /// <summary>The transpose of <see cref="UpsampleForward"/> in gather form.</summary>
    public abstract void UpsampleBackward(in UpsampleGeometry geometry, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>Softmax over channels at every position.</summary>
    public abstract void SoftmaxForward(in Shape shape, DeviceBuffer x, DeviceBuffer y);

    /// <summary><c>dx = y ∘ (dy − Σ_c y·dy)</c>. dx may be dy.</summary>
    public abstract void SoftmaxBackward(in Shape shape, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>
    /// Softmax over channels and cross-entropy in one pass. <paramref name="labels"/> holds one byte a position, either
    /// <paramref name="ignoreLabel"/> or below C: the operator has seen to that, and has counted the others in <paramref name="validCount"/>.
    /// <paramref name="loss"/>[0] = mean over valid positions of −log p(label), or 0 when none is valid; the sum is taken in double precision or better than
    /// float32 in a fixed order. <paramref name="dScores"/>, when given, receives <c>(p − onehot) / validCount</c>, zero at ignored positions.
    /// </summary>
    public abstract void SoftmaxCrossEntropy(
        in Shape shape, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, long validCount, DeviceBuffer loss, DeviceBuffer? dScores);

    /// <summary>
    /// As <see cref="SoftmaxCrossEntropy"/>, but a position of label l and probability q counts <c>w(l)·(1 − q)^gamma</c>, and what is added is divided by <paramref name="total"/>,
    /// the weights of all positions that count (<see cref="ClassWeights.TotalOf"/>); the loss is 0 when that is 0. Without <paramref name="weights"/>, which are of
    /// this device, every w is 1.
    /// </summary>
    public abstract void FocalLoss(
        in Shape shape, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, ClassWeights? weights, double total, float gamma, DeviceBuffer loss, DeviceBuffer? dScores);

    /// <summary>
    /// <see cref="UpsampleForward"/> and the cross-entropy of what it gives, without that in memory: <paramref name="labels"/> holds a byte for each of the geometry's outputs, and
    /// <paramref name="dScores"/>, when given, receives the gradient of its inputs. Without <paramref name="weights"/> as <see cref="SoftmaxCrossEntropy"/>, <paramref name="total"/>
    /// being the number of valid positions; with them as <see cref="FocalLoss"/> with a gamma of 0.
    /// </summary>
    public abstract void UpsampleCrossEntropy(
        in UpsampleGeometry geometry, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, ClassWeights? weights, double total, DeviceBuffer loss, DeviceBuffer? dScores);

    /// <summary>
    /// The soft Dice loss of probabilities, of float32 alone: with I, S and Y the sums of <c>P·[label = c]</c>, <c>P²</c> and <c>[label = c]</c> over the positions whose label is
    /// not <paramref name="ignoreLabel"/>, and K the number of classes with Y above 0, <paramref name="loss"/>[0] = share / K · Σ over these of 1 − 2I / (S + Y).
    /// <paramref name="factors"/> receives C and C numbers for <see cref="DiceBackward"/>: −2·share / (K·(S + Y)) and 4·share·I / (K·(S + Y)²), 0 for the other classes.
    /// </summary>
    public abstract void DiceForward(
        in Shape shape, DeviceBuffer probabilities, DeviceBuffer labels, int ignoreLabel, float share, DeviceBuffer loss, DeviceBuffer factors);

    /// <summary><c>dP(p, c) = dy[0] · (factors[c]·[label(p) = c] + factors[C + c]·P(p, c))</c>, zero at ignored positions.</summary>
    public abstract void DiceBackward(
        in Shape shape, DeviceBuffer probabilities, DeviceBuffer labels, int ignoreLabel, DeviceBuffer factors, DeviceBuffer dy, DeviceBuffer dProbabilities);

    /// <summary>
    /// <c>y(i) = keep(i) ? x(i) / (1 − rate) : 0</c>, where <c>i</c> counts elements in channels-last order and keeps when word
    /// <c>i mod 4</c> of <see cref="RandomKey.Words"/><c>(i / 4)</c> is at least <see cref="DropoutThreshold"/>.
    /// Its own backward pass with the same key. y may be x.
    /// </summary>
    public abstract void Dropout(DeviceBuffer x, DeviceBuffer y, long count, float rate, in RandomKey key);

    public abstract void ReflectionPadForward(in ReflectionPadGeometry geometry, DeviceBuffer x, DeviceBuffer y);

    public abstract void ReflectionPadBackward(in ReflectionPadGeometry geometry, DeviceBuffer dy, DeviceBuffer dx);

    /// <summary>
    /// The product of <see cref="SparseGeometry"/>, of float32 alone. <paramref name="firstOf"/> holds one int a row and one more, <paramref name="entries"/>
    /// <see cref="SparseEntry"/>s, a row's added in their order; <paramref name="addend"/> is z, null for zeros. y may be the addend.
    /// </summary>
    public abstract void SparseProduct(
        in SparseGeometry geometry, DeviceBuffer firstOf, DeviceBuffer entries, DeviceBuffer x, DeviceBuffer? addend, float scale, DeviceBuffer y);

    /// <summary>
    /// SGD with momentum over all parameters: <c>g' = g + decay·w; v = momentum·v + lr·mult·g'; w = w − v</c> (Caffe's form; State1 is v).
    /// Where <paramref name="loss"/> is given and its one value is not finite, everything stays as it is.
    /// </summary>
    public abstract void SgdStep(ReadOnlySpan<OptimizerSlot> slots, float learningRate, float momentum, DeviceBuffer? loss);

    /// <summary>
    /// Adam over all parameters (Kingma and Ba 2015, with bias correction): State1 is m, State2 is v; decay is added to the gradient.
    /// <paramref name="step"/> counts from 1. Where <paramref name="loss"/> is given and its one value is not finite, everything stays as it is.
    /// </summary>
    public abstract void AdamStep(
        ReadOnlySpan<OptimizerSlot> slots, float learningRate, float beta1, float beta2, float epsilon, long step, DeviceBuffer? loss);

    /// <summary><c>result[0] = Σ x²</c> in a fixed order.</summary>
    public abstract void SumOfSquares(DeviceBuffer x, long count, DeviceBuffer result);

    /// <summary><c>factor[0] = min(1, most / √squares[0])</c>, and 1 where <paramref name="squares"/>[0] is NaN: what shortens a vector of that sum of squares to the length of <paramref name="most"/>.</summary>
    public abstract void ClipFactor(DeviceBuffer squares, float most, DeviceBuffer factor);

    /// <summary>Something to record steps with; null where a step costs no less as a recording.</summary>
    public virtual StepRecorder? CreateRecorder() => null;

    /// <summary>Waits until everything issued so far is done and reports the first fault.</summary>
    public abstract void Synchronize();

    public abstract void Dispose();

    /// <summary><c>rate · 2³²</c>, for a rate below 1: a random word below it drops its element.</summary>
    protected static uint DropoutThreshold(float rate) => (uint)Math.Round(rate * 4294967296.0);
}
