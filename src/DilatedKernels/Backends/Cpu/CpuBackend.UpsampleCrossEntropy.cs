using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu;

// Of the enlarged scores there is one position at a time. An output row gives its gradients, weighted, to two rows of them, for the input row above and the one below
// it; a row that has got all of its own is added up across. Every sum has its terms in the order of UpsampleBackward, so that the bits are those of the operations one by one.
internal sealed unsafe partial class CpuBackend
{
    // A band of input rows computes the outputs above its first row a second time: few and large bands, but enough for the threads to end together.
    private const int BandsPerThread = 3;
    private const int LeastBandRows = 4;

    public override void UpsampleCrossEntropy(
        in UpsampleGeometry geometry, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, ClassWeights? weights, double total, DeviceBuffer loss, DeviceBuffer? dScores)
    {
        UpsampleGeometry g = geometry;
        var pass = new UpsampledLoss(
            g, Floats(scores), Bytes(labels), ignoreLabel, weights is null ? null : Floats(weights.Buffer), total == 0 ? 0 : (float)(1.0 / total), dScores is null ? null : Floats(dScores));
        var partial = new double[checked(g.Batch * g.OutHeight)];
        int wanted = ((Threads * BandsPerThread) + g.Batch - 1) / Math.Max(1, g.Batch);
        int bands = Math.Clamp(wanted, 1, Math.Max(1, g.InHeight / LeastBandRows));
        _pool.For(checked(g.Batch * bands), piece =>
        {
            int band = piece % bands;
            pass.Band(piece / bands, (int)((long)g.InHeight * band / bands), (int)((long)g.InHeight * (band + 1) / bands), partial);
        });
        Floats(loss)[0] = total == 0 ? 0f : (float)(SumInOrder(partial) / total);
    }

    private sealed class UpsampledLoss(
        UpsampleGeometry geometry, float* scores, byte* labels, int ignoreLabel, float* weights, float share, float* dScores)
    {
        // A position of what lies in scratch memory takes whole vectors.
        private readonly int _stride = (geometry.Channels + SimdMath.Lanes - 1) / SimdMath.Lanes * SimdMath.Lanes;

        private readonly Vector256<float> _lastLanes = SimdMath.FirstLanes(geometry.Channels % SimdMath.Lanes);

        private readonly long _inRow = (long)geometry.InWidth * geometry.Channels;

        /// <summary>The gradient of input rows from <paramref name="begin"/> to <paramref name="end"/>, and the loss of the output rows whose first input row is one of these.</summary>
        public void Band(int n, int begin, int end, double[] partial)
        {
            int gradientRow = dScores is null ? 0 : checked(geometry.OutWidth * _stride);
            int inRow = checked((int)_inRow) + SimdMath.Lanes;
            float[] rented = ArrayPool<float>.Shared.Rent(checked(inRow + (2 * _stride) + (2 * gradientRow)));
            Array.Clear(rented);
            fixed (float* memory = rented)
            {
                bool isWanted = dScores is not null;
                float* gradient = memory + inRow + _stride;
                float* above = memory + inRow + (2 * _stride);
                float* below = above + gradientRow;
                for (int r = dScores is null ? begin : Math.Max(0, begin - 1); r < end; r++)
                {
                    bool isOwn = r >= begin;
                    for (int oy = geometry.Rows.Start[r]; oy < geometry.Rows.Start[r + 1]; oy++)
                    {
                        double sum = OutputRow(n, oy, memory, memory + inRow, gradient, isWanted && isOwn ? above : null, isWanted && r + 1 < end ? below : null);
                        if (isOwn)
                        {
                            partial[(n * geometry.OutHeight) + oy] = sum;
                        }
                    }

                    if (isWanted)
                    {
                        if (isOwn)
                        {
                            Collect(above, dScores + ((((long)n * geometry.InHeight) + r) * _inRow));
                        }

                        float* done = above;
                        above = below;
                        below = done;
                        new Span<float>(done, gradientRow).Clear();
                    }
                }
            }

            ArrayPool<float>.Shared.Return(rented);
        }

        // The sum of an output row's losses. The scratch memory holds an input row, one position's scores and, where there are weights, its gradient, which goes to `above` and `below`.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private double OutputRow(int n, int oy, float* row, float* large, float* gradient, float* above, float* below)
        {
            int channels = geometry.Channels;
            int top = geometry.Rows.First[oy];
            int bottom = Math.Min(top + 1, geometry.InHeight - 1);
            float* image = scores + ((long)n * geometry.InHeight * _inRow);
            byte* label = labels + ((((long)n * geometry.OutHeight) + oy) * geometry.OutWidth);
            float down0 = geometry.Rows.Weight0[oy];
            float down1 = geometry.Rows.Weight1[oy];
            SimdMath.WeightedSum(down0, image + (top * _inRow), down1, image + (bottom * _inRow), row, _inRow);
            var sum = new LogarithmSum();
            for (int ox = 0; ox < geometry.OutWidth; ox++)
            {
                if (label[ox] == ignoreLabel || (weights is not null && weights[label[ox]] == 0f))
                {
                    continue;
                }

                int left = geometry.Columns.First[ox];
                int right = Math.Min(left + 1, geometry.InWidth - 1);
                float max = Blend(geometry.Columns.Weight0[ox], row + ((long)left * channels), geometry.Columns.Weight1[ox], row + ((long)right * channels), large);
                float* toAbove = above is null ? null : above + ((long)ox * _stride);
                float* toBelow = below is null ? null : below + ((long)ox * _stride);
                if (weights is null)
                {
                    double score = large[label[ox]];
                    float exponentials = Exponentiate(large, max);
                    sum.Add(exponentials, max - score);
                    Give(large, share / exponentials, label[ox], share, down0, toAbove, down1, toBelow);
                }
                else
                {
                    float own = weights[label[ox]];
                    sum.Add(1, own * FocalLossAt(large, label[ox], gamma: 0, own * share, gradient, channels));
                    Give(gradient, 1f, -1, 0f, down0, toAbove, down1, toBelow);
                }
            }

            return sum.Total;
        }

        // Writes the scores of a position, and −∞ to what is left of the last vector. Returns the largest; where one is NaN so are its term and their sum, whatever is returned.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private float Blend(float a, float* x, float b, float* z, float* y)
        {
            Vector256<float> va = Vector256.Create(a);
            Vector256<float> vb = Vector256.Create(b);
            Vector256<float> none = Vector256.Create(float.NegativeInfinity);
            Vector256<float> max = none;
            int c = 0;
            for (; c <= geometry.Channels - SimdMath.Lanes; c += SimdMath.Lanes)
            {
                Vector256<float> value = Vector256.FusedMultiplyAdd(va, Vector256.Load(x + c), vb * Vector256.Load(z + c));
                value.Store(y + c);
                max = Vector256.MaxNative(max, value);
            }

            if (c < geometry.Channels)
            {
                Vector256<float> value = Vector256.FusedMultiplyAdd(va, Vector256.Load(x + c), vb * Vector256.Load(z + c));
                value = Vector256.ConditionalSelect(_lastLanes, value, none);
                value.Store(y + c);
                max = Vector256.MaxNative(max, value);
            }

            return SimdMath.Max(max);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private float Exponentiate(float* x, float max)
        {
            Vector256<float> shift = Vector256.Create(max);
            Vector256<float> sum = Vector256<float>.Zero;
            for (int c = 0; c < _stride; c += SimdMath.Lanes)
            {
                Vector256<float> term = SimdMath.Exp(Vector256.Load(x + c) - shift);
                sum += term;
                term.Store(x + c);
            }

            return SimdMath.Sum(sum);
        }

        // Adds factor·x, less by an amount at one class, to the two rows that are wanted.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Give(float* x, float factor, int label, float less, float a, float* above, float b, float* below)
        {
            if (above is null && below is null)
            {
                return;
            }

            Vector256<float> factors = Vector256.Create(factor);
            Vector256<float> amount = Vector256.Create(less);
            Vector256<int> at = Vector256.Create(label);
            Vector256<int> classes = Vector256<int>.Indices;
            Vector256<float> va = Vector256.Create(a);
            Vector256<float> vb = Vector256.Create(b);
            for (int c = 0; c < _stride; c += SimdMath.Lanes)
            {
                Vector256<float> gradient = (Vector256.Load(x + c) * factors) - (Vector256.Equals(classes, at).AsSingle() & amount);
                classes += Vector256.Create(SimdMath.Lanes);
                if (above is not null)
                {
                    Vector256.FusedMultiplyAdd(va, gradient, Vector256.Load(above + c)).Store(above + c);
                }

                if (below is not null)
                {
                    Vector256.FusedMultiplyAdd(vb, gradient, Vector256.Load(below + c)).Store(below + c);
                }
            }
        }

        private void Collect(float* row, float* target)
        {
            for (int ix = 0; ix < geometry.InWidth; ix++)
            {
                CollectColumns(geometry.Columns, ix, row, _stride, target + ((long)ix * geometry.Channels), geometry.Channels);
            }
        }
    }
}
