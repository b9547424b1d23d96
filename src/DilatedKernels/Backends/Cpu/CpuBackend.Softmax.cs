using System.Runtime.Intrinsics;
using DilatedKernels.Backends.Cpu.Conv2d;

namespace DilatedKernels.Backends.Cpu;

// A position's channels are processed eight at a time. The last group may read into the next position (or the readable
// tail of the buffer); a mask takes those lanes out again. Up to 32 channels it may be written there, too, where that position
// is this thread's and comes next: positions are taken in order, and every one is written whole.
internal sealed unsafe partial class CpuBackend
{
    private const long SoftmaxGrain = 1 << 10;

    public override void SoftmaxForward(in Shape shape, DeviceBuffer x, DeviceBuffer y)
    {
        int channels = shape.C;
        float* from = Floats(x);
        float* to = Floats(y);
        ForRanges(shape.Positions, SoftmaxGrain, (begin, end) =>
        {
            switch ((channels + SimdMath.Lanes - 1) / SimdMath.Lanes)
            {
                case 1: Probabilities<Count1>(from, to, channels, begin, end); break;
                case 2: Probabilities<Count2>(from, to, channels, begin, end); break;
                case 3: Probabilities<Count3>(from, to, channels, begin, end); break;
                case 4: Probabilities<Count4>(from, to, channels, begin, end); break;
                default: Probabilities(from, to, channels, begin, end); break;
            }
        });
    }

    public override void SoftmaxBackward(in Shape shape, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
    {
        int channels = shape.C;
        float* probabilities = Floats(y);
        float* from = Floats(dy);
        float* to = Floats(dx);
        ForRanges(shape.Positions, SoftmaxGrain, (begin, end) =>
        {
            for (long p = begin; p < end; p++)
            {
                SoftmaxGradient(probabilities + (p * channels), from + (p * channels), to + (p * channels), channels);
            }
        });
    }

    public override void SoftmaxCrossEntropy(
        in Shape shape, DeviceBuffer scores, DeviceBuffer labels, int ignoreLabel, long validCount, DeviceBuffer loss, DeviceBuffer? dScores)
    {
        int channels = shape.C;
        var pass = new CrossEntropy(
            Floats(scores), Bytes(labels), ignoreLabel, validCount == 0 ? 0 : (float)(1.0 / validCount), dScores is null ? null : Floats(dScores), channels);
        var partial = new double[checked((int)((shape.Positions + SoftmaxGrain - 1) / SoftmaxGrain))];
        ForRanges(shape.Positions, SoftmaxGrain, (begin, end) =>
        {
            partial[begin / SoftmaxGrain] = ((channels + SimdMath.Lanes - 1) / SimdMath.Lanes) switch
            {
                1 => pass.Sum<Count1>(begin, end),
                2 => pass.Sum<Count2>(begin, end),
                3 => pass.Sum<Count3>(begin, end),
                4 => pass.Sum<Count4>(begin, end),
                _ => pass.Sum(begin, end),
            };
        });
        Floats(loss)[0] = validCount == 0 ? 0f : (float)(SumInOrder(partial) / validCount);
    }

    private static void Probabilities<TVectors>(float* scores, float* probabilities, int channels, long begin, long end)
        where TVectors : struct, ICount
    {
        Vector256<float> inside = SimdMath.FirstLanes(channels - ((TVectors.Value - 1) * SimdMath.Lanes));
        for (long p = begin; p < end; p++)
        {
            SoftmaxTerms terms = SoftmaxTerms.Of<TVectors>(scores + (p * channels), inside);
            bool mayPass = (p * channels) + (TVectors.Value * SimdMath.Lanes) <= end * channels && scores != probabilities;
            terms.Store<TVectors>(1f / terms.Sum, -1, 0f, probabilities + (p * channels), channels, mayPass);
        }
    }

    private static void Probabilities(float* scores, float* probabilities, int channels, long begin, long end)
    {
        for (long p = begin; p < end; p++)
        {
            float* from = scores + (p * channels);
            float* to = probabilities + (p * channels);
            float sum = StoreExponentials(from, MaxOf(from, channels), channels, to);
            Scale(to, 1f / sum, channels);
        }
    }

    private static float MaxOf(float* x, int channels)
    {
        Vector256<float> max = Vector256.Create(float.NegativeInfinity);
        int c = 0;
        for (; c <= channels - SimdMath.Lanes; c += SimdMath.Lanes)
        {
            max = Vector256.MaxNative(max, Vector256.Load(x + c));
        }

        if (c < channels)
        {
            Vector256<float> inside = SimdMath.FirstLanes(channels - c);
            max = Vector256.MaxNative(max, Vector256.ConditionalSelect(inside, Vector256.Load(x + c), max));
        }

        return SimdMath.Max(max);
    }

    /// <summary>The sum of <c>e^(x − max)</c>; the terms go to <paramref name="target"/>, which may be null.</summary>
    private static float StoreExponentials(float* x, float max, int channels, float* target)
    {
        Vector256<float> shift = Vector256.Create(max);
        Vector256<float> sum = Vector256<float>.Zero;
        int c = 0;
        for (; c <= channels - SimdMath.Lanes; c += SimdMath.Lanes)
        {
            Vector256<float> term = SimdMath.Exp(Vector256.Load(x + c) - shift);
            sum += term;
            if (target is not null)
            {
                term.Store(target + c);
            }
        }

        if (c < channels)
        {
            Vector256<float> term = SimdMath.Exp(Vector256.Load(x + c) - shift) & SimdMath.FirstLanes(channels - c);
            sum += term;
            if (target is not null)
            {
                SimdMath.StoreFirst(term, target + c, channels - c);
            }
        }

        return SimdMath.Sum(sum);
    }

    private static void Scale(float* x, float factor, int channels)
    {
        Vector256<float> factors = Vector256.Create(factor);
        for (int c = 0; c < channels; c += SimdMath.Lanes)
        {
            SimdMath.StoreFirst(Vector256.Load(x + c) * factors, x + c, channels - c);
        }
    }

    private static void SoftmaxGradient(float* y, float* dy, float* dx, int channels)
    {
        Vector256<float> products = Vector256<float>.Zero;
        for (int c = 0; c < channels; c += SimdMath.Lanes)
        {
            Vector256<float> product = Vector256.Load(y + c) * Vector256.Load(dy + c);
            products += product & SimdMath.FirstLanes(channels - c);
        }

        Vector256<float> mean = Vector256.Create(SimdMath.Sum(products));
        for (int c = 0; c < channels; c += SimdMath.Lanes)
        {
            Vector256<float> value = Vector256.Load(y + c) * (Vector256.Load(dy + c) - mean);
            SimdMath.StoreFirst(value, dx + c, channels - c);
        }
    }

    /// <summary>The losses of positions, and their gradients.</summary>
    private sealed class CrossEntropy(float* scores, byte* labels, int ignoreLabel, float share, float* gradient, int channels)
    {
        /// <summary>The sum from a position to another, where the channels take so many vectors.</summary>
        public double Sum<TVectors>(long begin, long end)
            where TVectors : struct, ICount
        {
            Vector256<float> inside = SimdMath.FirstLanes(channels - ((TVectors.Value - 1) * SimdMath.Lanes));
            var sum = new LogarithmSum();
            for (long p = begin; p < end; p++)
            {
                if (labels[p] == ignoreLabel)
                {
                    Clear(p);
                    continue;
                }

                float* from = scores + (p * channels);
                SoftmaxTerms terms = SoftmaxTerms.Of<TVectors>(from, inside);
                sum.Add(terms.Sum, terms.Max - (double)from[labels[p]]);
                if (gradient is not null)
                {
                    bool mayPass = (p * channels) + (TVectors.Value * SimdMath.Lanes) <= end * channels && gradient != scores;
                    terms.Store<TVectors>(share / terms.Sum, labels[p], share, gradient + (p * channels), channels, mayPass);
                }
            }

            return sum.Total;
        }

        /// <summary>The same for any number of channels.</summary>
        public double Sum(long begin, long end)
        {
            var sum = new LogarithmSum();
            for (long p = begin; p < end; p++)
            {
                if (labels[p] == ignoreLabel)
                {
                    Clear(p);
                    continue;
                }

                float* from = scores + (p * channels);
                float* target = gradient is null ? null : gradient + (p * channels);
                float max = MaxOf(from, channels);
                float score = from[labels[p]];
                float exponentials = StoreExponentials(from, max, channels, target);
                sum.Add(exponentials, max - (double)score);
                if (target is not null)
                {
                    Scale(target, share / exponentials, channels);
                    target[labels[p]] -= share;
                }
            }

            return sum.Total;
        }

        private void Clear(long position)
        {
            if (gradient is not null)
            {
                new Span<float>(gradient + (position * channels), channels).Clear();
            }
        }
    }

    /// <summary>A sum of logarithms, taken of the product of many numbers at a time: each is at least 1, and at most the number of classes.</summary>
    private struct LogarithmSum()
    {
        // A factor more is still a number.
        private const double Most = 1e150;

        private double _sum;
        private double _product = 1;

        public readonly double Total => _sum + Math.Log(_product);

        /// <summary>Adds a number's logarithm, and something else.</summary>
        public void Add(double number, double other)
        {
            _sum += other;
            _product *= number;
            if (_product > Most)
            {
                _sum += Math.Log(_product);
                _product = 1;
            }
        }
    }
}
