using System.Security.Cryptography;
using System.Text;

namespace DilatedKernels.Build.Toolchain;

/// <summary>
/// Whether this machine's package feeds carry ManagedCuda, which not all do: a restore of the one project that needs it tells. The answer
/// is kept until something that it depends on changes.
/// </summary>
internal static class ManagedCudaPackages
{
    /// <summary>The project that needs them.</summary>
    public const string Project = "src/DilatedKernels.ManagedCuda/DilatedKernels.ManagedCuda.csproj";
    private const string Property = "UseManagedCuda";
    private const string Versions = "Directory.Packages.props";
    private const string AnswerFile = "artifacts/managedcuda.txt";

    /// <summary>What to tell MSBuild, after one line that says which driver bindings the build has. Somebody who sets the property himself is asked nothing.</summary>
    public static string[] Arguments(IEnumerable<string> given)
    {
        if (IsDecided(given))
        {
            return [];
        }

        bool found = Find(out string reason);
        Console.WriteLine(found
            ? $"CUDA driver bindings: ManagedCuda and libcuda. A program distributed with ManagedCuda is under the GPL; {Property}=false builds without it."
            : $"CUDA driver bindings: libcuda. ManagedCuda is left out: {reason}.");
        return found ? [$"-property:{Property}=true"] : [];
    }

    /// <summary>Whether ManagedCuda can be had.</summary>
    /// <param name="reason">Why not; empty when it can.</param>
    public static bool Find(out string reason)
    {
        string key = Key();
        if (File.Exists(AnswerFile) && File.ReadAllLines(AnswerFile) is [string kept, string answer] && kept == key)
        {
            reason = answer;
            return reason.Length == 0;
        }

        CommandOutput restore = Command.Capture("dotnet", ["msbuild", Project, "-target:Restore", "-property:Configuration=Release", "-nologo", "-verbosity:quiet"]);
        reason = restore.ExitCode == 0 ? "" : WhyNot(restore.Output);
        Directory.CreateDirectory(Path.GetDirectoryName(AnswerFile)!);
        File.WriteAllLines(AnswerFile, [key, reason]);
        return reason.Length == 0;
    }

    /// <summary>The reason in a restore's errors, in one line.</summary>
    public static string WhyNot(string errors)
    {
        // NU1101: no package of that name in any source; NU1102: none of that version.
        if (errors.Contains("NU1101", StringComparison.Ordinal) || errors.Contains("NU1102", StringComparison.Ordinal))
        {
            return "no package source carries ManagedCuda-12 and ManagedCuda-CUBLAS in the version of " + Versions;
        }

        string first = errors.Split('\n').FirstOrDefault(line => line.Contains("error", StringComparison.Ordinal)) ?? errors;
        int code = first.IndexOf("error ", StringComparison.Ordinal);
        return $"its restore failed ({first[Math.Max(0, code)..].Trim().TrimEnd('.')})";
    }

    /// <summary>Whether these arguments or the environment say it.</summary>
    public static bool IsDecided(IEnumerable<string> given) =>
        Environment.GetEnvironmentVariable(Property) is { Length: > 0 }
            || given.Any(argument => argument.TrimStart('-', '/').Split(':', 2) is ["p" or "property", string rest] && rest.StartsWith(Property + "=", StringComparison.OrdinalIgnoreCase));

    // The versions that are asked for, and where a restore looks.
    private static string Key()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in Configurations().Prepend(Project).Prepend(Versions).Where(File.Exists))
        {
            hash.AppendData(File.ReadAllBytes(file));
        }

        foreach (string variable in (string[])["RestoreSources", "RestoreAdditionalProjectSources", "ManagedCudaPath"])
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{variable}={Environment.GetEnvironmentVariable(variable)}\n"));
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static IEnumerable<string> Configurations()
    {
        for (string? folder = Environment.CurrentDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            yield return Path.Combine(folder, "NuGet.Config");
            yield return Path.Combine(folder, "nuget.config");
        }

        yield return OperatingSystem.IsWindows()
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "NuGet", "NuGet.Config")
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "NuGet", "NuGet.Config");
    }
}
