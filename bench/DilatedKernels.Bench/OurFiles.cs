using System.IO.Compression;
using System.Runtime.InteropServices;
using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Bench;

/// <summary>What the build made: programs, the native executable, packages. What was made of another commit would be measured as if it were this one's, so it is refused.</summary>
internal static class OurFiles
{
    private const string Packages = "artifacts/package/release";
    private const string Core = "DilatedKernels";

    /// <summary>The executable, or null and a word on standard error.</summary>
    /// <param name="program">The program that was built.</param>
    public static string? Native(string program)
    {
        string file = Path.GetFullPath(Path.Combine("artifacts", "aot", RuntimeInformation.RuntimeIdentifier, Path.GetFileName(program)));
        if (!File.Exists(file))
        {
            Console.Error.WriteLine("There is no native executable, so the program is measured on the .NET runtime only; ./build.sh aot makes it.");
            return null;
        }

        string wanted = ProgramOutput.Of(program, "--version").Trim();
        string version = ProgramOutput.Of(file, "--version").Trim();
        return version == wanted ? file : throw new UserInputException($"The native executable is version {version}, and the program is {wanted}; ./build.sh aot makes it again.");
    }

    /// <summary>Where the build puts a program of the tree.</summary>
    public static string Built(string project, string name) =>
        Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", project, "release", OperatingSystem.IsWindows() ? name + ".exe" : name));

    /// <summary>The full path of a program.</summary>
    /// <exception cref="UserInputException">There is none.</exception>
    public static string Existing(string file) => File.Exists(file) ? Path.GetFullPath(file) : throw new UserInputException($"There is no program {file}.");

    public static IEnumerable<StartSize> Sizes(string program, string? native)
    {
        string[] packages = Directory.Exists(Packages) ? Directory.GetFiles(Packages, "*.nupkg") : [];
        if (packages.Length == 0)
        {
            Console.Error.WriteLine("There are no packages to weigh; ./build.sh pack makes them.");
        }

        foreach (string file in packages.Order(StringComparer.Ordinal))
        {
            RequireSameBuild(file, Path.GetDirectoryName(program)!);
            string name = Path.GetFileNameWithoutExtension(file);
            bool isCore = char.IsAsciiDigit(name[Core.Length + 1]);
            yield return StartSize.OfFile($"package {name}", isCore ? 5 : null, file);
        }

        yield return StartSize.OfDeployment("dilated", program);
        if (native is not null)
        {
            yield return StartSize.OfFile("native executable, which needs nothing beside it", 20, native);
        }
    }

    // Equal sources compile to equal bytes.
    private static void RequireSameBuild(string package, string folder)
    {
        using ZipArchive archive = ZipFile.OpenRead(package);
        foreach (ZipArchiveEntry entry in archive.Entries.Where(e => e.Name.StartsWith(Core, StringComparison.Ordinal) && e.Name.EndsWith(".dll", StringComparison.Ordinal)))
        {
            string file = Path.Combine(folder, entry.Name);
            using Stream packed = entry.Open();
            using var bytes = new MemoryStream();
            packed.CopyTo(bytes);
            if (File.Exists(file) && !bytes.GetBuffer().AsSpan(0, (int)bytes.Length).SequenceEqual(File.ReadAllBytes(file)))
            {
                throw new UserInputException($"{package} has another build of {entry.Name}; ./build.sh pack makes it again.");
            }
        }
    }
}
