using System.Text.RegularExpressions;

namespace DilatedKernels.Build.Kernels;

/// <summary>A .cu file, and what it is compiled for.</summary>
/// <param name="Path">From the root of the tree, with forward slashes: kernels/conv2d/conv2d_fprop_f32.cu.</param>
internal sealed partial record KernelSource(string Path)
{
    public const string Folder = "kernels";

    /// <summary>From kernels/ and without the ending: conv2d/conv2d_fprop_f32.</summary>
    public string Name => Path[(Folder.Length + 1)..^".cu".Length];

    /// <summary>The architecture in the file's name (conv2d_fprop_bf16_sm90.cu is 90), or 75, the oldest one of the project.</summary>
    public int Architecture => Suffix().Match(Name) is { Success: true } match ? int.Parse(match.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture) : 75;

    /// <summary>The kernels of the tree; kernels/host is what runs them on the CPU, and no kernel.</summary>
    public static KernelSource[] All() => !Directory.Exists(Folder) ? [] :
    [
        .. Directory.EnumerateFiles(Folder, "*.cu", SearchOption.AllDirectories).Select(path => path.Replace('\\', '/'))
            .Where(path => !path.StartsWith(Folder + "/host/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(path => new KernelSource(path)),
    ];

    /// <summary>
    /// nvcc's options for the code to make: PTX of the oldest architecture that can run the file, which a driver compiles for any later
    /// GPU, and machine code for sm_80, sm_90a and, where the compiler knows them, sm_100 and sm_120. Instructions of sm_90a (wgmma) exist
    /// on that architecture only: its files get machine code alone.
    /// </summary>
    public IEnumerable<string> Targets(Version nvcc)
    {
        if (Architecture >= 90)
        {
            return ["-gencode", "arch=compute_90a,code=sm_90a"];
        }

        string oldest = $"compute_{Architecture}";
        List<string> targets = ["-gencode", $"arch={oldest},code={oldest}", "-gencode", "arch=compute_80,code=sm_80", "-gencode", "arch=compute_90a,code=sm_90a"];
        if (nvcc >= FirstWithBlackwell)
        {
            targets.AddRange(["-gencode", "arch=compute_100,code=sm_100", "-gencode", "arch=compute_120,code=sm_120"]);
        }

        return targets;
    }

    private static readonly Version FirstWithBlackwell = new(12, 8);

    [GeneratedRegex(@"_sm(\d+)$")]
    private static partial Regex Suffix();
}
