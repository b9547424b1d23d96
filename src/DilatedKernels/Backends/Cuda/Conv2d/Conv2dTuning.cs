using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>
/// Which tile of a forward pass or data gradient is the fastest on this GPU: measured where a shape comes up first, and kept in a file of the GPU's and the library's version. Without
/// it the plans choose by what they predict. What is found changes no bit (<see cref="Conv2dGatherWay"/>).
/// </summary>
internal sealed class Conv2dTuning
{
    /// <summary>The environment variable that names the folder of such files.</summary>
    public const string Variable = "DILATEDKERNELS_CONV_TUNING";

    private readonly ConcurrentDictionary<string, string> _kernels = new(StringComparer.Ordinal);
    private readonly string _path;

    /// <param name="folder">Where the file is or will be.</param>
    /// <param name="device">The GPU's name.</param>
    /// <exception cref="CudaUnavailableException">The folder or file cannot be written.</exception>
    public Conv2dTuning(string folder, string device)
    {
        string version = typeof(Conv2dTuning).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        _path = Path.Combine(folder, $"convolutions, {device}, {version}.tsv".ToLowerInvariant().Replace(' ', '-').Replace(",", "", StringComparison.Ordinal).Replace('/', '-'));
        try
        {
            Directory.CreateDirectory(folder);
            using (new FileStream(_path, FileMode.Append, FileAccess.Write))
            {
                // It can be written to, and is there.
            }

            foreach (string line in File.ReadLines(_path))
            {
                // A line that was cut off names no kernel, and its shape is measured again.
                if (line.Split('\t') is [string shape, string kernel, _])
                {
                    _kernels[shape] = kernel;
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CudaUnavailableException($"{Variable} is a folder for files of what is measured of convolutions; '{folder}' cannot be used: {e.Message}");
        }
    }

    /// <summary>That of the folder that the environment names, or null where it names none.</summary>
    /// <param name="device">The GPU's name.</param>
    /// <exception cref="CudaUnavailableException">The folder or file cannot be written.</exception>
    public static Conv2dTuning? OfEnvironment(string device) => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? new Conv2dTuning(folder, device) : null;

    /// <summary>The fastest of the ways.</summary>
    /// <param name="shape">What tells the pass from others: a line of the file, with the fastest kernel and the milliseconds of all.</param>
    /// <param name="ways">The one that the plan would choose first.</param>
    /// <param name="time">Measures one in milliseconds; null where nothing can be measured, which leaves it to another time.</param>
    public Conv2dGatherWay Choose(string shape, IReadOnlyList<Conv2dGatherWay> ways, Func<Conv2dGatherWay, double>? time)
    {
        if (_kernels.TryGetValue(shape, out string? known))
        {
            foreach (Conv2dGatherWay way in ways)
            {
                if (way.Plan.Kernel == known)
                {
                    return way;
                }
            }
        }

        if (time is null)
        {
            return ways[0];
        }

        double[] milliseconds = [.. ways.Select(time)];
        Conv2dGatherWay fastest = ways[Array.IndexOf(milliseconds, milliseconds.Min())];
        _kernels[shape] = fastest.Plan.Kernel;
        string all = string.Join(' ', ways.Zip(milliseconds, (way, ms) => string.Create(CultureInfo.InvariantCulture, $"{way.Plan.Kernel}={ms:G4}")));
        try
        {
            File.AppendAllText(_path, $"{shape}\t{fastest.Plan.Kernel}\t{all}\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is known as long as this program runs, and measured again by the next.
        }

        return fastest;
    }

    /// <summary>A pass among the lines of the file.</summary>
    public static string Describe(Conv2dProduct product, in Conv2dGather g, int architecture) => string.Create(CultureInfo.InvariantCulture,
        $"{product.Name()} sm_{architecture}, {g.Batch} images, {g.SourceChannels} to {g.ResultChannels} channels, rows {Describe(g.Rows)}, columns {Describe(g.Columns)}");

    private static string Describe(in Conv2dAxis a) => string.Create(CultureInfo.InvariantCulture,
        $"{a.Source} {a.Count} {a.Result} {a.ResultStride} {a.ResultOffset} {a.Scale} {a.Shift} {a.Step} {a.Taps} {a.FirstTap} {a.TapStep}");
}
