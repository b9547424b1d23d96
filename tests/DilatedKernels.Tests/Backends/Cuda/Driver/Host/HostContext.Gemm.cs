using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver.Host;

/// <summary>The matrix product of the host driver: plain loops over the device's memory, on the stream as any other work.</summary>
internal sealed unsafe partial class HostContext
{
    private sealed class HostGemm(HostContext context) : ICudaGemm
    {
        public string Description => "plain loops";

        public void Multiply(in GemmProblem problem, StreamHandle stream)
        {
            if (problem.Type != GemmType.Float32)
            {
                throw Refused("gemm", null, $"the host driver multiplies float32, not {problem.Type}");
            }

            GemmProblem p = problem;
            context.Issue(stream, () => Parallel.For(0, p.M, row => MultiplyRow(p, row)));
        }

        public void Dispose()
        {
            // Holds nothing.
        }

        private static void MultiplyRow(in GemmProblem p, int row)
        {
            float* a = (float*)p.A.Value;
            float* b = (float*)p.B.Value;
            float* c = (float*)p.C.Value + ((long)row * p.N);
            for (int column = 0; column < p.N; column++)
            {
                float sum = 0;
                for (int k = 0; k < p.K; k++)
                {
                    float left = a[p.TransposeA ? ((long)k * p.RowA) + row : ((long)row * p.RowA) + k];
                    sum += left * b[p.TransposeB ? ((long)column * p.RowB) + k : ((long)k * p.RowB) + column];
                }

                c[column] = (p.Alpha * sum) + (p.Beta == 0 ? 0 : p.Beta * c[column]);
            }
        }
    }
}
