namespace DilatedKernels.Cuda;

/// <summary>Opens a driver without throwing: null, and why in one line, when it cannot be had.</summary>
/// <param name="reason">Why not; empty when it can be had.</param>
public delegate ICudaDriver? CudaDriverOpener(out string reason);

/// <summary>
/// The bindings to the CUDA driver that this program has, and the choice among them. <c>libcuda</c> is always one;
/// others register themselves and come before it.
/// </summary>
public static class CudaDrivers
{
    private static readonly Lock Gate = new();
    private static readonly List<(string Name, CudaDriverOpener Open)> Registered = [(LibCudaDriver.DriverName, OpenLibCuda)];

    /// <summary>The names that <see cref="Select"/> takes, in the order it tries them.</summary>
    public static IReadOnlyList<string> Names
    {
        get
        {
            lock (Gate)
            {
                return [.. Registered.Select(r => r.Name)];
            }
        }
    }

    /// <summary>Adds a binding, to be tried before those already there. Registering a name again replaces its opener.</summary>
    /// <param name="name">The name that <see cref="Select"/> and <c>--driver</c> take.</param>
    /// <param name="open">Opens it, without throwing.</param>
    public static void Register(string name, CudaDriverOpener open)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(open);
        lock (Gate)
        {
            Registered.RemoveAll(r => Same(r.Name, name));
            Registered.Insert(0, (name, open));
        }
    }

    /// <summary>Opens a driver.</summary>
    /// <param name="name">Which, or null for the first that can be had.</param>
    /// <exception cref="ArgumentException">There is no driver of that name in this program.</exception>
    /// <exception cref="CudaUnavailableException">It cannot be had; the message says why, for each that was tried.</exception>
    public static ICudaDriver Select(string? name = null) =>
        TrySelect(name, out ICudaDriver? driver, out string reason) ? driver! : throw new CudaUnavailableException($"No CUDA device can be used: {reason}.");

    /// <summary>Opens a driver if it can be had.</summary>
    /// <param name="name">Which, or null for the first that can be had.</param>
    /// <param name="driver">The driver.</param>
    /// <param name="reason">Why not, in one line, for each that was tried; empty when it can be had.</param>
    /// <exception cref="ArgumentException">There is no driver of that name in this program.</exception>
    public static bool TrySelect(string? name, out ICudaDriver? driver, out string reason)
    {
        (string Name, CudaDriverOpener Open)[] candidates;
        lock (Gate)
        {
            candidates = [.. Registered.Where(r => name is null || Same(r.Name, name))];
        }

        if (candidates.Length == 0)
        {
            throw new ArgumentException($"There is no CUDA driver binding '{name}' in this program; it has {string.Join(", ", Names)}.", nameof(name));
        }

        var reasons = new List<string>();
        foreach ((string candidate, CudaDriverOpener open) in candidates)
        {
            driver = open(out string why);
            if (driver is not null)
            {
                reason = "";
                return true;
            }

            reasons.Add($"{candidate}: {why}");
        }

        driver = null;
        reason = string.Join("; ", reasons);
        return false;
    }

    private static LibCudaDriver? OpenLibCuda(out string reason)
    {
        LibCudaDriver.TryOpen(out LibCudaDriver? driver, out reason);
        return driver;
    }

    private static bool Same(string a, string b) => string.Equals(a, b, StringComparison.OrdinalIgnoreCase);
}
