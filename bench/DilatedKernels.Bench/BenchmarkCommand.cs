using System.Reflection;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace DilatedKernels.Bench;

/// <summary>
/// The BenchmarkDotNet classes. They run in this process: a process of their own would need the SDK and this tree, which a GPU machine lacks,
/// and each would build the tree anew. <c>--job</c> and the like add jobs of BenchmarkDotNet's making.
/// </summary>
internal static class BenchmarkCommand
{
    // BenchmarkDotNet's own is five minutes, after which it throws away what it has measured so far; a busy machine needs more for one benchmark.
    private static readonly TimeSpan Timeout = TimeSpan.FromDays(1);

    public static int Run(string[] arguments)
    {
        Job job = Job.Default.WithToolchain(new InProcessEmitToolchain(Timeout, logOutput: true)).WithId("in process");
        IConfig config = DefaultConfig.Instance.AddJob(job).WithArtifactsPath(Path.Combine(Environment.CurrentDirectory, "artifacts", "benchmarks"));
        // Without a choice it would ask on the console.
        string[] chosen = arguments.Length == 0 ? ["--filter", "*"] : arguments;
        BenchmarkDotNet.Reports.Summary[] summaries = [.. BenchmarkSwitcher.FromAssembly(Assembly.GetExecutingAssembly()).Run(chosen, config)];
        return summaries.Any(s => s.HasCriticalValidationErrors || s.Reports.Any(r => !r.Success)) ? 1 : 0;
    }
}
