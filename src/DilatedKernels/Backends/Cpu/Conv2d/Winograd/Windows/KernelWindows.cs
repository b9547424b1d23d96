namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd.Windows;

/// <summary>
/// The windows of a kernel. For each of the sixteen transformed values, some windows have a product of an input and a weight;
/// all products of all values are numbered, value by value.
/// </summary>
internal sealed class KernelWindows
{
    private readonly List<KernelProduct> _products = [];
    private readonly int[] _first = new int[17];
    private readonly int[][] _ofWindow;

    public KernelWindows(int height, int width)
    {
        Y = new AxisWindows(height);
        X = new AxisWindows(width);
        for (int value = 0; value < 16; value++)
        {
            _first[value] = _products.Count;
            foreach (int y in Y.OfValue(value >> 2))
            {
                foreach (int x in X.OfValue(value & 3))
                {
                    _products.Add(new KernelProduct(value, y, x));
                }
            }
        }

        _first[16] = _products.Count;
        _ofWindow = [.. Enumerable.Range(0, Y.Count * X.Count).Select(window =>
            Enumerable.Range(0, 16).Select(value => _products.IndexOf(new KernelProduct(value, window / X.Count, window % X.Count))).ToArray())];
    }

    public AxisWindows Y { get; }

    public AxisWindows X { get; }

    public int Taps => Y.Taps * X.Taps;

    public IReadOnlyList<KernelProduct> Products => _products;

    /// <summary>The products of a value: numbers [Begin, End).</summary>
    public (int Begin, int End) OfValue(int value) => (_first[value], _first[value + 1]);

    /// <summary>The number of each value's product in a window, or −1 where there is none.</summary>
    public ReadOnlySpan<int> OfWindow(int y, int x) => _ofWindow[(y * X.Count) + x];

    /// <summary>The tap, numbered row by row, at place 0 to 8 of a window, or −1.</summary>
    public int Tap(int y, int x, int place)
    {
        int row = Y.Tap(y, place / 3);
        int column = X.Tap(x, place % 3);
        return row < 0 || column < 0 ? -1 : (row * X.Taps) + column;
    }
}

/// <summary>A transformed value of a window, which has a product.</summary>
internal readonly record struct KernelProduct(int Value, int Y, int X);
