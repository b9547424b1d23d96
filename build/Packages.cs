using System.Globalization;
using DilatedKernels.Build.Kernels;
using DilatedKernels.Build.Toolchain;

namespace DilatedKernels.Build;

/// <summary>The verb `pack`: the NuGet packages, with the GPU kernels.</summary>
internal static class Packages
{
    private const string Folder = "artifacts/package/release";
    private const string Without = "--no-kernels";
    private const string Core = "DilatedKernels";
    private const long MostCoreBytes = 5L << 20;

    /// <summary>Packs what the solution has to pack, and the ManagedCuda binding where its packages restore.</summary>
    /// <exception cref="BuildException">There is no nvcc and none can be fetched, or the core package is too large.</exception>
    public static int Run(string[] arguments, Func<string, string, string[], int> msbuild)
    {
        if (!CompileKernels(arguments))
        {
            return 1;
        }

        // Only what this run makes is in the folder afterwards.
        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }

        string[] properties = [.. arguments.Where(a => a != Without)];
        // A package of its own: the command's package stays free of it, and of its licence.
        if (msbuild("Pack", "DilatedKernels.sln", properties) != 0 || (ManagedCudaPackages.Find(out _) && msbuild("Pack", ManagedCudaPackages.Project, properties) != 0))
        {
            return 1;
        }

        foreach (FileInfo package in new DirectoryInfo(Folder).EnumerateFiles("*.nupkg").OrderBy(f => f.Name, StringComparer.Ordinal))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Folder}/{package.Name}: {package.Length / 1e6:0.00} MB"));
            if (package.Length > MostCoreBytes && package.Name.StartsWith(Core + ".", StringComparison.Ordinal) && char.IsAsciiDigit(package.Name[Core.Length + 1]))
            {
                throw new BuildException($"The package {Core} is larger than {MostCoreBytes >> 20} MB.");
            }
        }

        return 0;
    }

    private static bool CompileKernels(string[] arguments)
    {
        if (arguments.Contains(Without))
        {
            return KernelVerb.CompileWithWhatIsThere(forCpu: false);
        }

        try
        {
            return KernelVerb.CompileForGpu();
        }
        catch (BuildException error)
        {
            throw new BuildException($"{error.Message}\nPackages carry the GPU kernels; './build.sh pack {Without}' makes packages without an nvcc: for the CPU alone where no kernels are compiled already.");
        }
    }
}
