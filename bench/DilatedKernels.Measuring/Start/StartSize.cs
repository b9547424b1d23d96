using System.Runtime.InteropServices;
using System.Text.Json;

namespace DilatedKernels.Measuring;

/// <summary>The size of something that is downloaded or deployed.</summary>
/// <param name="What">What it is.</param>
/// <param name="Budget">The megabytes (10⁶ bytes) that it may have; null where nothing is asked.</param>
/// <param name="Bytes">How large it is.</param>
internal sealed record StartSize(string What, double? Budget, long Bytes)
{
    public static StartSize OfFile(string what, double? budget, string file) => new(what, budget, new FileInfo(file).Length);

    /// <summary>The packages that a built program has, as they were downloaded.</summary>
    /// <param name="side">Whose program it is.</param>
    /// <param name="program">Its file; its list of dependencies lies beside it.</param>
    /// <param name="cache">NuGet's folder of packages.</param>
    public static StartSize OfPackages(string side, string program, string cache)
    {
        using JsonDocument list = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Path.GetDirectoryName(program)!, Path.GetFileNameWithoutExtension(program) + ".deps.json")));
        (string Name, long Bytes)[] packages =
        [
            .. from library in list.RootElement.GetProperty("libraries").EnumerateObject()
               where library.Value.GetProperty("type").GetString() == "package"
               let path = library.Value.GetProperty("path").GetString()!
               select (library.Name.Replace('/', ' '), new FileInfo(Path.Combine(cache, path, path.Replace('/', '.') + ".nupkg")).Length),
        ];
        return new StartSize($"{side}: packages {string.Join(", ", packages.Select(p => p.Name))}", null, packages.Sum(p => p.Bytes));
    }

    /// <summary>What lies beside a built program, itself included, and is needed on this system: a build has the native code of every system beside it.</summary>
    public static StartSize OfDeployment(string side, string program)
    {
        string folder = Path.GetDirectoryName(program)!;
        string all = Path.Combine(folder, "runtimes") + Path.DirectorySeparatorChar;
        string used = Path.Combine(all, RuntimeInformation.RuntimeIdentifier) + Path.DirectorySeparatorChar;
        return new StartSize($"{side}: deployed, without the .NET runtime", null, new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories)
            .Where(f => f.Extension is not (".pdb" or ".xml") && (!f.FullName.StartsWith(all, StringComparison.Ordinal) || f.FullName.StartsWith(used, StringComparison.Ordinal)))
            .Sum(f => f.Length));
    }
}
