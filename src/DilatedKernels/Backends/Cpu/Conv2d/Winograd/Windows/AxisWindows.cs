namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd.Windows;

/// <summary>
/// An axis of a kernel of more than three taps as windows of three, two taps apart. Tiles are two outputs apart, so window w of tile t
/// reads what window 0 of tile t + w reads: one transform of the input serves all. A tap that two windows could hold goes where it
/// leaves the most of the four transformed values of F(2, 3) zero:
/// <code>
///   seven taps:  [0 1 2]            values 0 1 2 3
///                    [· 3 ·]               1 2
///                        [4 5 6]         0 1 2 3     10 multiplications for two outputs, not 14
/// </code>
/// The sum over windows is taken before the outputs are transformed back (Huang et al. 2020 call the decomposition DWM).
/// </summary>
internal sealed class AxisWindows
{
    private const int Places = 3;

    private readonly int[,] _taps;
    private readonly int[][] _ofValue;

    public AxisWindows(int taps)
    {
        Taps = taps;
        Count = Math.Max(1, taps / 2);
        _taps = new int[Count, Places];
        for (int window = 0; window < Count; window++)
        {
            for (int place = 0; place < Places; place++)
            {
                // Odd windows leave their first tap to the one before, and their last to the one after.
                bool holds = window % 2 == 0 || place == 1 || (place == 2 && window == Count - 1);
                int tap = (2 * window) + place;
                _taps[window, place] = holds && tap < taps ? tap : -1;
            }
        }

        _ofValue = [.. Enumerable.Range(0, 4).Select(value => Enumerable.Range(0, Count).Where(window => Has(window, value)).ToArray())];
    }

    public int Taps { get; }

    /// <summary>Windows, and so tiles that one output tile reads.</summary>
    public int Count { get; }

    /// <summary>Multiplications for two outputs.</summary>
    public int Products => _ofValue.Sum(windows => windows.Length);

    /// <summary>The kernel position at a place of a window, or −1 where another window has it or the kernel has ended.</summary>
    public int Tap(int window, int place) => _taps[window, place];

    /// <summary>The windows whose transformed value is not always zero.</summary>
    public ReadOnlySpan<int> OfValue(int value) => _ofValue[value];

    // Values 0 and 3 are the first and the last tap, 1 and 2 are made of all three.
    private bool Has(int window, int value) => value switch
    {
        0 => Tap(window, 0) >= 0,
        3 => Tap(window, 2) >= 0,
        _ => true,
    };
}
