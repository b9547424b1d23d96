using System.Globalization;
using System.Runtime.InteropServices;
using DilatedKernels.Build.Kernels;

namespace DilatedKernels.Build;

/// <summary>The verb `aot`: the `dilated` command as one native executable, which needs no .NET where it runs and starts at once.</summary>
internal static class NativeExecutable
{
    private const string Project = "src/DilatedKernels.Cli";
    private const string InstructionSet = "--instruction-set";
    private const long MostBytes = 20_000_000;

    /// <summary>Compiles the command for this machine's system and kind of processor. ManagedCuda is no part of it, whether its packages are there or not.</summary>
    /// <exception cref="BuildException">There is no linker, or the executable is too large.</exception>
    public static int Run(string[] arguments, Func<string, string, string[], int> msbuild)
    {
        if (arguments is not ([] or [InstructionSet, _]))
        {
            Console.Error.WriteLine($"'aot' takes {InstructionSet} NAME or nothing, not '{string.Join(' ', arguments)}'.");
            return 2;
        }

        // On Windows the SDK looks for Visual Studio's, and says what it misses.
        if (!OperatingSystem.IsWindows() && Command.Find("clang") is null && Command.Find("gcc") is null)
        {
            throw new BuildException("The executable is linked with clang or gcc, and there is neither (Debian: apt-get install gcc libc6-dev).");
        }

        if (!KernelVerb.CompileWithWhatIsThere(forCpu: false))
        {
            return 1;
        }

        string system = RuntimeInformation.RuntimeIdentifier;
        string folder = Path.Combine("artifacts", "aot", system);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Stamp sources = NativeSources.Read(Environment.CurrentDirectory);
        int code = msbuild("Publish", Project,
        [
            $"-property:RuntimeIdentifier={system}", "-property:SelfContained=true", "-property:PublishAot=true", "-property:UseManagedCuda=false",
            .. arguments.Length == 0 ? (string[])[] : [$"-property:IlcInstructionSet={arguments[1].Replace(",", "%2C", StringComparison.Ordinal)}"],
        ]);
        if (code != 0)
        {
            return code;
        }

        // Its symbols, and documentation of what is compiled into it, stay behind.
        string name = OperatingSystem.IsWindows() ? "dilated.exe" : "dilated";
        string program = Path.Combine(folder, name);
        Directory.CreateDirectory(folder);
        File.Copy(Path.Combine("artifacts", "publish", "DilatedKernels.Cli", $"release_{system}", name), program);
        File.Copy("LICENSE", Path.Combine(folder, "LICENSE"));
        sources.Write(Path.Combine(folder, NativeSources.StampFile));
        long bytes = new FileInfo(program).Length;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{program}: {bytes / 1e6:F1} MB."));
        return bytes <= MostBytes ? 0 : throw new BuildException($"The executable is larger than {MostBytes / 1_000_000} MB.");
    }
}
