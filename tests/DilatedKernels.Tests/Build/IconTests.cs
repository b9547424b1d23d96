using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Build;

/// <summary>The packages' icon: the nine taps of a 3×3 kernel at dilation 2. This draws it, and the committed file is what this draws.</summary>
public class IconTests
{
    private const string File = "src/icon.png";
    private const int Side = 128;
    private const int Cells = 7;
    private const int Pitch = 16;
    private const int Gap = 2;

    private static readonly (byte R, byte G, byte B) s_ground = (18, 32, 58);
    private static readonly (byte R, byte G, byte B) s_skipped = (44, 66, 106);
    private static readonly (byte R, byte G, byte B) s_tap = (120, 190, 255);
    private static readonly (byte R, byte G, byte B) s_centre = (255, 176, 59);

    [Test]
    public void TheCommittedIconIsTheOneDrawnHere()
    {
        string committed = Path.Combine(Root(), File);
        Assert.That(ImageFile.Read(committed).Pixels, Is.EqualTo(Draw().Pixels));
        Assert.That(new FileInfo(committed).Length, Is.LessThan(20_000));
    }

    [Test, Explicit("writes the icon after a change of the drawing")]
    public void WriteTheIcon() => PngWriter.Write(Path.Combine(Root(), File), Draw());

    private static RgbImage Draw()
    {
        var image = new RgbImage(Side, Side);
        int border = (Side - (Cells * Pitch)) / 2;
        for (int y = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++)
            {
                (image.Pixels[3 * ((y * Side) + x)], image.Pixels[(3 * ((y * Side) + x)) + 1], image.Pixels[(3 * ((y * Side) + x)) + 2]) = ColorAt(x - border, y - border);
            }
        }

        return image;
    }

    private static (byte R, byte G, byte B) ColorAt(int x, int y)
    {
        if (x < 0 || y < 0 || x >= Cells * Pitch || y >= Cells * Pitch || IsGap(x) || IsGap(y))
        {
            return s_ground;
        }

        (int column, int row) = (x / Pitch, y / Pitch);
        bool tap = column is 1 or 3 or 5 && row is 1 or 3 or 5;
        return tap ? column == 3 && row == 3 ? s_centre : s_tap : s_skipped;
    }

    private static bool IsGap(int position) => position % Pitch is < Gap or >= Pitch - Gap;

    private static string Root()
    {
        BuildPart.SkipUnless(SourceTree.Root is not null, BuildPart.Packages, "the tree is not here");
        return SourceTree.Root!;
    }
}
