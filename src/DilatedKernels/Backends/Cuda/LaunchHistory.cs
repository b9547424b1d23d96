namespace DilatedKernels.Backends.Cuda;

/// <summary>
/// The latest launches since the stream was last seen empty. A fault in a kernel comes out in some later call; this tells which kernels
/// it can have been.
/// </summary>
internal sealed class LaunchHistory
{
    private const int Capacity = 16;

    private readonly string[] _latest = new string[Capacity];
    private long _count;

    public void Add(string kernel) => _latest[_count++ % Capacity] = kernel;

    public void Clear() => _count = 0;

    /// <summary>One sentence, oldest kernel first; null when nothing was launched.</summary>
    public string? Describe()
    {
        long count = _count;
        if (count == 0)
        {
            return null;
        }

        long shown = Math.Min(count, Capacity);
        var names = new List<string>();
        for (long i = count - shown; i < count; i++)
        {
            names.Add(_latest[i % Capacity]);
        }

        string earlier = count > shown ? $" after {count - shown} others" : "";
        return $"In flight{earlier}, oldest first: {string.Join(", ", names)}.";
    }
}
