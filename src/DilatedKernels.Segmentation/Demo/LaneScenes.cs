using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Demo;

/// <summary>
/// Procedural scenes that only context can label. Every lane of a road has a signal at one end, red, green or blue, and
/// grey cars far from it. A car's class is the colour of its lane's signal, and nothing on or near the car tells it:
/// <code>
///   ┌──────────────────────────────────────────┐
///   │ (red)          ░░car░░        ░░car░░    │   both: "car at red"
///   │         ░░car░░                   (blue) │   "car at blue"
///   └──────────────────────────────────────────┘
/// </code>
/// The signal's near edge is at least <see cref="CueDistance"/> pixels from any car pixel.
/// </summary>
public static class LaneScenes
{
    /// <summary>Rows and columns of a scene in pixels.</summary>
    public const int Size = 160;

    /// <summary>The least distance in pixels between a car and its lane's signal.</summary>
    public const int CueDistance = 28;

    private const int LaneHeight = 20;
    private const int SignalWidth = 14;
    private const int SignalInset = 3;
    private const int Colours = 3;

    private static readonly (int R, int G, int B)[] SignalColours = [(205, 60, 50), (60, 175, 80), (60, 95, 210)];

    /// <summary>Seven classes: road, three signals, three kinds of car.</summary>
    public static ClassSet Classes { get; } = new()
    {
        Name = "Lanes",
        Names = ["road", "red signal", "green signal", "blue signal", "car at red", "car at green", "car at blue"],
        Palette = new Palette([(60, 60, 66), (230, 57, 70), (42, 157, 80), (58, 110, 220), (255, 150, 140), (150, 225, 160), (150, 190, 255)]),
        VoidLabel = 255,
        MeanBgr = (110, 110, 110),
    };

    /// <summary>Draws a scene. The same seed and index give the same scene.</summary>
    /// <param name="seed">Names the set of scenes.</param>
    /// <param name="index">Which scene of it.</param>
    public static (RgbImage Image, IndexMask Mask) Draw(ulong seed, long index)
    {
        var random = new RandomSequence(seed, "lane scene", (ulong)index);
        float[] canvas = new float[Size * Size * 3];
        byte[] labels = new byte[Size * Size];
        float road = 95 + (float)(20 * random.NextDouble());
        Array.Fill(canvas, road);
        for (int lane = 0; lane < Size / LaneHeight; lane++)
        {
            DrawLane(canvas, labels, lane * LaneHeight, random);
        }

        byte[] pixels = new byte[canvas.Length];
        for (int i = 0; i < canvas.Length; i++)
        {
            pixels[i] = (byte)Math.Clamp(canvas[i] + (7 * random.NextGaussian()), 0, 255);
        }

        return (new RgbImage(Size, Size, pixels), new IndexMask(Size, Size, labels));
    }

    private static void DrawLane(float[] canvas, byte[] labels, int top, RandomSequence random)
    {
        for (int x = 0; x < Size; x++)
        {
            if (x % 16 < 9)
            {
                Set(canvas, x, top, 190, 190, 180);
            }
        }

        int colour = random.NextInt32(Colours);
        bool atRight = random.NextInt32(2) == 1;
        int signalLeft = atRight ? Size - SignalInset - SignalWidth : SignalInset;
        DrawSignal(canvas, labels, signalLeft, top + 3, colour);

        // Cars stay clear of the signals of both ends, so that the distance alone says nothing.
        int first = SignalInset + SignalWidth + CueDistance;
        int last = Size - first;
        int count = 1 + random.NextInt32(2);
        int slot = (last - first) / count;
        for (int i = 0; i < count; i++)
        {
            int length = 20 + random.NextInt32(8);
            int left = first + (i * slot) + random.NextInt32(slot - length + 1);
            DrawCar(canvas, labels, left, top + 4, length, 140 + random.NextInt32(70), (byte)(1 + Colours + colour));
        }
    }

    private static void DrawSignal(float[] canvas, byte[] labels, int left, int top, int colour)
    {
        const double Radius = (SignalWidth - 1) / 2.0;
        for (int y = 0; y < SignalWidth; y++)
        {
            for (int x = 0; x < SignalWidth; x++)
            {
                if (((x - Radius) * (x - Radius)) + ((y - Radius) * (y - Radius)) <= (Radius + 0.5) * (Radius + 0.5))
                {
                    (int r, int g, int b) = SignalColours[colour];
                    Set(canvas, left + x, top + y, r, g, b);
                    labels[((top + y) * Size) + left + x] = (byte)(1 + colour);
                }
            }
        }
    }

    private static void DrawCar(float[] canvas, byte[] labels, int left, int top, int length, int grey, byte label)
    {
        const int Height = 13;
        for (int y = 0; y < Height; y++)
        {
            for (int x = 0; x < length; x++)
            {
                bool window = y is > 1 and < Height - 2 && (x is 4 or 5 || x == length - 5 || x == length - 6);
                int shade = window ? 50 : grey;
                Set(canvas, left + x, top + y, shade, shade, shade);
                labels[((top + y) * Size) + left + x] = label;
            }
        }
    }

    private static void Set(float[] canvas, int x, int y, int r, int g, int b)
    {
        int at = ((y * Size) + x) * 3;
        canvas[at] = r;
        canvas[at + 1] = g;
        canvas[at + 2] = b;
    }
}
