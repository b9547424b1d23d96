using System.Runtime.Intrinsics;

namespace DilatedKernels.Backends.Cpu;

internal sealed unsafe partial class CpuBackend
{
    private const long PointwiseGrain = 1 << 14;

    public override void Add(DeviceBuffer x, DeviceBuffer z, DeviceBuffer y, long count)
    {
        float* left = Floats(x);
        float* right = Floats(z);
        float* to = Floats(y);
        ForRanges(count, PointwiseGrain, (begin, end) =>
        {
            long i = begin;
            for (; i <= end - SimdMath.Lanes; i += SimdMath.Lanes)
            {
                (Vector256.Load(left + i) + Vector256.Load(right + i)).Store(to + i);
            }

            for (; i < end; i++)
            {
                to[i] = left[i] + right[i];
            }
        });
    }

    public override void ScaleBy(DeviceBuffer x, DeviceBuffer scalar, DeviceBuffer y, long count)
    {
        float* from = Floats(x);
        float* to = Floats(y);
        float factor = Floats(scalar)[0];
        ForRanges(count, PointwiseGrain, (begin, end) =>
        {
            Vector256<float> factors = Vector256.Create(factor);
            long i = begin;
            for (; i <= end - SimdMath.Lanes; i += SimdMath.Lanes)
            {
                (Vector256.Load(from + i) * factors).Store(to + i);
            }

            for (; i < end; i++)
            {
                to[i] = from[i] * factor;
            }
        });
    }

    public override void ClipFactor(DeviceBuffer squares, float most, DeviceBuffer factor)
    {
        float length = MathF.Sqrt(Floats(squares)[0]);
        Floats(factor)[0] = length > most ? most / length : 1f;
    }

    public override void SumOfSquares(DeviceBuffer x, long count, DeviceBuffer result)
    {
        float* from = Floats(x);
        var partial = new double[checked((int)((count + PointwiseGrain - 1) / PointwiseGrain))];
        ForRanges(count, PointwiseGrain, (begin, end) =>
        {
            Vector256<double> even = Vector256<double>.Zero;
            Vector256<double> odd = Vector256<double>.Zero;
            long i = begin;
            for (; i <= end - SimdMath.Lanes; i += SimdMath.Lanes)
            {
                (Vector256<double> lower, Vector256<double> upper) = Vector256.Widen(Vector256.Load(from + i));
                even += lower * lower;
                odd += upper * upper;
            }

            Vector256<double> lanes = even + odd;
            double sum = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
            for (; i < end; i++)
            {
                sum += (double)from[i] * from[i];
            }

            partial[begin / PointwiseGrain] = sum;
        });
        Floats(result)[0] = (float)SumInOrder(partial);
    }

    private static double SumInOrder(double[] terms)
    {
        double sum = 0;
        foreach (double term in terms)
        {
            sum += term;
        }

        return sum;
    }
}
