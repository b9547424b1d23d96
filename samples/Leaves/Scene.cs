using DilatedKernels.Segmentation.Imaging;

namespace Leaves;

/// <summary>Green leaves on brown soil, and which pixels they cover. The same number gives the same picture.</summary>
internal static class Scene
{
    public const int Width = 96;
    public const int Height = 72;

    /// <summary>The colour of leaves in a mask; soil is black.</summary>
    public static readonly (byte R, byte G, byte B) LeafColor = (255, 0, 0);

    /// <summary>Draws a picture and its mask.</summary>
    /// <param name="number">Names every random number of the picture.</param>
    public static (RgbImage Photo, RgbImage Mask) Draw(int number)
    {
        var random = new Random(number);
        Leaf[] leaves = [.. Enumerable.Range(0, 1 + random.Next(3)).Select(_ => Leaf.Fallen(random))];
        (RgbImage photo, RgbImage mask) = (new RgbImage(Width, Height), new RgbImage(Width, Height));
        for (int i = 0; i < Width * Height; i++)
        {
            Leaf? leaf = leaves.LastOrDefault(leaf => leaf.Covers(i % Width, i / Width));
            double light = 0.7 + (0.3 * random.NextDouble());
            (int r, int g, int b) = leaf is null ? (120, 85, 60) : leaf.IsVein(i % Width, i / Width) ? (150, 190, 110) : (60, 140, 50);
            photo.Pixels[3 * i] = (byte)(light * r);
            photo.Pixels[(3 * i) + 1] = (byte)(light * g);
            photo.Pixels[(3 * i) + 2] = (byte)(light * b);
            if (leaf is not null)
            {
                (mask.Pixels[3 * i], mask.Pixels[(3 * i) + 1], mask.Pixels[(3 * i) + 2]) = LeafColor;
            }
        }

        return (photo, mask);
    }

    /// <summary>An ellipse with a vein along its longer axis.</summary>
    private sealed record Leaf(double X, double Y, double Length, double Angle)
    {
        public static Leaf Fallen(Random random) => new(random.Next(Width), random.Next(Height), 12 + random.Next(12), Math.PI * random.NextDouble());

        public bool Covers(int x, int y)
        {
            (double along, double across) = Turned(x, y);
            return (along * along) + (4 * across * across) < Length * Length;
        }

        public bool IsVein(int x, int y) => Math.Abs(Turned(x, y).Across) < 0.7;

        private (double Along, double Across) Turned(int x, int y)
        {
            (double sin, double cos) = Math.SinCos(Angle);
            return ((cos * (x - X)) + (sin * (y - Y)), (cos * (y - Y)) - (sin * (x - X)));
        }
    }
}
