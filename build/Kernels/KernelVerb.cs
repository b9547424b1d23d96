using DilatedKernels.Build.Toolchain;

namespace DilatedKernels.Build.Kernels;

/// <summary>The verb `kernels`, and the part of the other verbs that compiles kernels.</summary>
internal static class KernelVerb
{
    private const string Get = "./build.sh kernels";

    /// <summary>Compiles the kernels for GPU and CPU, and fetches nvcc where there is none. With --table, writes what the compiler made of them.</summary>
    public static int Run(string[] arguments)
    {
        if (arguments is not ([] or ["--table"]))
        {
            Console.Error.WriteLine($"'kernels' takes --table or nothing, not '{string.Join(' ', arguments)}'.");
            return 2;
        }

        if (!CompileForGpu() || !CompileForCpu(KernelSource.All()))
        {
            return 1;
        }

        if (arguments.Length > 0)
        {
            OccupancyTable.Write(KernelReport.Read(DeviceKernels.ReportFile), Nvcc.Locate(out _)!.Version);
        }

        return 0;
    }

    /// <summary>Compiles the kernels for GPUs, and fetches nvcc where there is none.</summary>
    /// <returns>False when something does not compile.</returns>
    /// <exception cref="BuildException">There is no nvcc, and it cannot be fetched.</exception>
    public static bool CompileForGpu()
    {
        if (Nvcc.Locate(out string tooOld) is not Nvcc nvcc)
        {
            Console.WriteLine($"There is no nvcc in {Nvcc.Places}.{tooOld}");
            if (HostCompiler.Locate() is null)
            {
                throw new BuildException($"nvcc needs a C++ compiler, and there is none either: {HostCompiler.Hint}.");
            }

            AptToolkit.Fetch();
            nvcc = Nvcc.Locate(out _) ?? throw new BuildException($"{UserCache.Cuda} holds no nvcc that works; delete the folder and try again.");
        }

        KernelSource[] sources = KernelSource.All();
        if (!DeviceKernels.Compile(sources, nvcc))
        {
            return false;
        }

        int kernels = KernelReport.Read(DeviceKernels.ReportFile).Select(r => r.Name).Distinct().Count();
        Console.WriteLine($"{kernels} kernels from {sources.Length} files in {DeviceKernels.Folder}, by nvcc {nvcc.Version} ({nvcc.Origin}).");
        return true;
    }

    /// <summary>Compiles what this machine has compilers for and says in one line each what is left out. Downloads nothing.</summary>
    /// <param name="forCpu">Whether the libraries for the CPU are wanted, which only tests use.</param>
    /// <returns>False when something does not compile.</returns>
    public static bool CompileWithWhatIsThere(bool forCpu)
    {
        KernelSource[] sources = KernelSource.All();
        if (sources.Length == 0)
        {
            return true;
        }

        Nvcc? nvcc = Nvcc.Locate(out string tooOld);
        if (nvcc is not null && (DeviceKernels.AllCurrent(sources, nvcc) || HostCompiler.ForNvcc(nvcc) is not null))
        {
            if (!DeviceKernels.Compile(sources, nvcc))
            {
                return false;
            }
        }
        else if (!DeviceKernels.KeepIfCurrent(sources))
        {
            Console.WriteLine(nvcc is null
                ? $"GPU kernels are left out: there is no nvcc.{tooOld} To get it: {Get}"
                : $"GPU kernels are left out: nvcc {nvcc.Version} needs a C++ compiler that it knows; {HostCompiler.Hint}.");
        }

        return !forCpu || CompileForCpu(sources);
    }

    private static bool CompileForCpu(KernelSource[] sources)
    {
        string? compiler = HostKernels.Unsupported is null ? HostCompiler.Locate() : null;
        if (compiler is null)
        {
            Console.WriteLine($"Kernels for the CPU, which tests use, are left out: {HostKernels.Unsupported ?? "there is no C++ compiler; " + HostCompiler.Hint}.");
            HostKernels.DeleteUnlessCurrent(sources);
            return true;
        }

        return HostKernels.Compile(sources, compiler);
    }
}
