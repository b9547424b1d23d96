using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>
/// Which tile of a forward pass or data gradient is the fastest on this GPU: measured where a shape comes up first, and kept in a file of the GPU's and these kernels'. Without
/// it the plans choose by what they predict. What is found changes no bit (<see cref="Conv2dGatherWay"/>).
/// </summary>
internal sealed class Conv2dTuning
{
    /// <summary>The environment variable that names the folder of such files.</summary>
    public const string Variable = "DILATEDKERNELS_CONV_TUNING";

    // Of the plan's own choice: what is faster by less may be so by chance.
    private const double Worth = 0.97;
    private const int Rounds = 2;

    private readonly ConcurrentDictionary<string, string> _kernels = new(StringComparer.Ordinal);
    private readonly string _path;

    /// <param name="folder">Where the file is or will be.</param>
    /// <param name="device">The GPU's name.</param>
    /// <exception cref="CudaUnavailableException">The folder or file cannot be used.</exception>
    public Conv2dTuning(string folder, string device)
    {
        _path = Path.Combine(folder, $"convolutions-{string.Concat(device.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-'))}-{EmbeddedKernels.Hash}.tsv");
        try
        {
            Directory.CreateDirectory(folder);
            using FileStream file = Open();
            using var reader = new StreamReader(file);
            while (reader.ReadLine() is { } line)
            {
                // A line that was cut off is none, and its shape is measured again.
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
    /// <exception cref="CudaUnavailableException">The folder or file cannot be used.</exception>
    public static Conv2dTuning? OfEnvironment(string device) => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } folder ? new Conv2dTuning(folder, device) : null;

    /// <summary>The fastest of the ways, or the first where no other is faster by more than chance.</summary>
    /// <param name="shape">What tells the pass from others: a line of the file, with the fastest kernel and the milliseconds of all.</param>
    /// <param name="ways">The one that the plan would choose first.</param>
    /// <param name="time">Measures one in milliseconds, infinite where it cannot be run; null where nothing can be measured, which leaves it to another time.</param>
    public Conv2dGatherWay Choose(string shape, Conv2dGatherWay[] ways, Func<Conv2dGatherWay, double>? time)
    {
        if (_kernels.TryGetValue(shape, out string? known) && Array.FindIndex(ways, way => way.Plan.Kernel == known) is >= 0 and int index)
        {
            return ways[index];
        }

        if (time is null)
        {
            return ways[0];
        }

        // In turns, so that a clock that changes meanwhile changes for all.
        double[] milliseconds = new double[ways.Length];
        Array.Fill(milliseconds, double.PositiveInfinity);
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < ways.Length; i++)
            {
                milliseconds[i] = Math.Min(milliseconds[i], time(ways[i]));
            }
        }

        int least = Array.IndexOf(milliseconds, milliseconds.Min());
        Conv2dGatherWay fastest = ways[milliseconds[least] < Worth * milliseconds[0] ? least : 0];
        _kernels[shape] = fastest.Plan.Kernel;
        string all = string.Join(' ', ways.Zip(milliseconds, (way, ms) => string.Create(CultureInfo.InvariantCulture, $"{way.Plan.Kernel}={ms:G4}")));
        Append($"{shape}\t{fastest.Plan.Kernel}\t{all}\n");
        return fastest;
    }

    private void Append(string line)
    {
        try
        {
            using FileStream file = Open();
            file.Seek(0, SeekOrigin.End);
            file.Write(Encoding.UTF8.GetBytes(line));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is known as long as this program runs, and measured again by the next.
        }
    }

    // By one process at a time: those of a group tune the same shapes at the same moment.
    private FileStream Open()
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return new FileStream(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (attempt < 100 && File.Exists(_path))
            {
                Thread.Sleep(10);
            }
        }
    }

    /// <summary>A pass among the lines of the file.</summary>
    public static string Describe(Conv2dProduct product, in Conv2dGather g, int architecture, Conv2dSharing sharing) => string.Create(CultureInfo.InvariantCulture,
        $"{product.Name()} sm_{architecture}, pairs {sharing}, {g.Batch} images, {g.SourceChannels} to {g.ResultChannels} channels, rows {Describe(g.Rows)}, columns {Describe(g.Columns)}");

    private static string Describe(in Conv2dAxis a) => string.Create(CultureInfo.InvariantCulture,
        $"{a.Source} {a.Count} {a.Result} {a.ResultStride} {a.ResultOffset} {a.Scale} {a.Shift} {a.Step} {a.Taps} {a.FirstTap} {a.TapStep}");
}
