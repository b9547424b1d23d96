using OxyPlot;

namespace DilatedKernels.Measuring.Raster;

/// <summary>
/// Characters of straight strokes, for pictures on machines of any fonts. A stroke is a list of points, two digits each: x from 0 to 4, then y from
/// the descender's 0 over the baseline's 2 and a small letter's 6 to a capital's 8.
/// </summary>
internal static class StrokeFont
{
    private const double UnitsPerEm = 9;
    private const double Gap = 2;
    private const string Unknown = "02 08 48 42 02";

    private static readonly Dictionary<char, string> Strokes = new()
    {
        [' '] = "",
        ['!'] = "08 04,02 02",
        ['"'] = "08 06,18 16",
        ['#'] = "12 18,32 38,04 44,06 46",
        ['%'] = "02 48,08 18 17 07 08,33 43 42 32 33",
        ['&'] = "42 07 18 27 04 03 12 22 44",
        ['\''] = "08 06",
        ['('] = "18 06 04 12",
        [')'] = "08 16 14 02",
        ['*'] = "14 36,34 16,27 23",
        ['+'] = "05 45,27 23",
        [','] = "13 00",
        ['-'] = "05 35",
        ['.'] = "02 02",
        ['/'] = "02 38",
        ['0'] = "12 03 07 18 38 47 43 32 12",
        ['1'] = "07 18 12,02 22",
        ['2'] = "07 18 38 47 46 02 42",
        ['3'] = "08 48 25 35 44 43 32 12 03",
        ['4'] = "32 38 04 44",
        ['5'] = "48 08 05 35 44 43 32 12 03",
        ['6'] = "38 18 07 03 12 32 43 44 35 05",
        ['7'] = "08 48 12",
        ['8'] = "15 06 07 18 38 47 46 35 15 04 03 12 32 43 44 35",
        ['9'] = "12 32 43 47 38 18 07 06 15 45",
        [':'] = "03 03,06 06",
        [';'] = "13 00,16 16",
        ['<'] = "48 05 42",
        ['='] = "04 44,06 46",
        ['>'] = "08 45 02",
        ['?'] = "07 18 38 47 46 24,22 22",
        ['@'] = "33 35 25 14 13 22 43 47 38 18 07 03 12 42",
        ['A'] = "02 28 42,14 34",
        ['B'] = "02 08 38 47 46 35 05,35 44 43 32 02",
        ['C'] = "47 38 18 07 03 12 32 43",
        ['D'] = "02 08 28 46 44 22 02",
        ['E'] = "48 08 02 42,05 35",
        ['F'] = "48 08 02,05 35",
        ['G'] = "47 38 18 07 03 12 32 43 45 25",
        ['H'] = "02 08,42 48,05 45",
        ['I'] = "02 08",
        ['J'] = "38 33 22 12 03",
        ['K'] = "02 08,48 05 42",
        ['L'] = "08 02 42",
        ['M'] = "02 08 25 48 42",
        ['N'] = "02 08 42 48",
        ['O'] = "12 03 07 18 38 47 43 32 12",
        ['P'] = "02 08 38 47 46 35 05",
        ['Q'] = "12 03 07 18 38 47 43 32 12,23 41",
        ['R'] = "02 08 38 47 46 35 05,25 42",
        ['S'] = "47 38 18 07 06 15 35 44 43 32 12 03",
        ['T'] = "08 48,28 22",
        ['U'] = "08 03 12 32 43 48",
        ['V'] = "08 22 48",
        ['W'] = "08 12 26 32 48",
        ['X'] = "02 48,08 42",
        ['Y'] = "08 25 48,25 22",
        ['Z'] = "08 48 02 42",
        ['['] = "18 08 01 11",
        ['\\'] = "08 32",
        [']'] = "08 18 11 01",
        ['^'] = "06 28 46",
        ['_'] = "01 41",
        ['|'] = "08 01",
        ['a'] = "16 36 45 42,44 14 03 12 32 43",
        ['b'] = "08 02,05 16 36 45 43 32 12 03",
        ['c'] = "45 36 16 05 03 12 32 43",
        ['d'] = "48 42,45 36 16 05 03 12 32 43",
        ['e'] = "04 44 45 36 16 05 03 12 32 43",
        ['f'] = "38 28 17 12,06 36",
        ['g'] = "46 41 30 10 01,45 36 16 05 03 12 32 43",
        ['h'] = "08 02,05 16 36 45 42",
        ['i'] = "02 06,08 08",
        ['j'] = "16 11 00,18 18",
        ['k'] = "08 02,46 04,14 42",
        ['l'] = "08 02",
        ['m'] = "02 06,05 16 25 22,25 36 45 42",
        ['n'] = "02 06,05 16 36 45 42",
        ['o'] = "12 03 05 16 36 45 43 32 12",
        ['p'] = "00 06,05 16 36 45 43 32 12 03",
        ['q'] = "40 46,45 36 16 05 03 12 32 43",
        ['r'] = "02 06,04 26",
        ['s'] = "45 36 16 05 14 34 43 32 12 03",
        ['t'] = "18 13 22 32,06 36",
        ['u'] = "06 03 12 32 43,46 42",
        ['v'] = "06 22 46",
        ['w'] = "06 12 25 32 46",
        ['x'] = "02 46,06 42",
        ['y'] = "06 22,46 11 00",
        ['z'] = "06 46 02 42",
        ['{'] = "28 17 16 05 14 13 22",
        ['}'] = "08 17 16 25 14 13 02",
        ['~'] = "04 15 34 45",
        ['·'] = "05 05",
        ['×'] = "03 36,06 33",
        ['–'] = "05 45",
        ['µ'] = "00 06,03 12 32 43,46 42",
        ['→'] = "05 45,37 45 33",
    };

    /// <summary>Pixels that a line of text is wide.</summary>
    public static double Width(string text, double size) => text.Length == 0 ? 0 : (text.Sum(c => Advance(c)) - Gap) * size / UnitsPerEm;

    /// <summary>A line's strokes in pixels: x to the right from its start, y down from its top.</summary>
    public static IEnumerable<ScreenPoint[]> Lay(string text, double size)
    {
        double scale = size / UnitsPerEm;
        double x = 0;
        foreach (char c in text)
        {
            foreach (string stroke in Glyph(c).Split(',', StringSplitOptions.RemoveEmptyEntries))
            {
                yield return [.. stroke.Split(' ').Select(p => new ScreenPoint((x + p[0] - '0') * scale, (UnitsPerEm - (p[1] - '0')) * scale))];
            }

            x += Advance(c);
        }
    }

    private static string Glyph(char c) => Strokes.GetValueOrDefault(c, Unknown);

    private static double Advance(char c)
    {
        string glyph = Glyph(c);
        return glyph.Length == 0 ? 2 + Gap : glyph.Split(' ', ',').Max(p => p[0] - '0') + Gap;
    }
}
