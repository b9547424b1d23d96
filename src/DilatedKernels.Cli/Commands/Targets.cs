using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Cli.Commands;

/// <summary>What must not be written over, whatever links lead to it: files that are to be read, and devices.</summary>
internal static class Targets
{
    /// <summary>The real paths of files that are to be read.</summary>
    public static HashSet<string> Real(IEnumerable<string> sources) => [.. sources.Select(RealPath.Of)];

    /// <summary>Refuses a device: a rename puts a file in its place, and the user may be root.</summary>
    /// <exception cref="UserInputException">It is one.</exception>
    public static void RefuseDevice(string option, string path, string example)
    {
        if (!OperatingSystem.IsWindows() && ((string[])["/dev", "/proc", "/sys"]).Any(folder => RealPath.IsWithin(folder, RealPath.Of(path))))
        {
            throw new UserInputException($"{option} {path} is no file but a device; name a file, such as {example}.");
        }
    }
}
