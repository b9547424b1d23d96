using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>A dataset of two classes in pair layout, small enough to train on in a test: bright squares on a dark ground.</summary>
internal static class SmallDataset
{
    public const int Size = 48;

    /// <summary>Options of a network that a step of takes milliseconds: VGG-16 at width 1/64, one cell of output a crop.</summary>
    public static readonly string[] TinyTraining = ["--width", "0.015625", "--crop", "396", "--batch", "2", "--optimizer", "sgd", "--lr", "0.01"];

    private const string Description = """
        { "name": "squares", "classes": ["ground", "square"], "palette": [[0, 0, 0], [255, 255, 255]], "void": 255, "meanBgr": [80, 80, 80] }
        """;

    public static string Create(TemporaryFolder folder, int training = 4, int validation = 2)
    {
        folder.Write("data/dataset.json", Description);
        foreach ((string split, int count) in new[] { ("train", training), ("val", validation) })
        {
            Directory.CreateDirectory(folder[$"data/{split}"]);
            Directory.CreateDirectory(folder[$"data/{split}annot"]);
            for (int i = 0; i < count; i++)
            {
                (RgbImage image, IndexMask mask) = Draw(split, i);
                PngWriter.Write(folder[$"data/{split}/{i}.png"], image);
                MaskFile.Write(folder[$"data/{split}annot/{i}.png"], mask, new Palette([(0, 0, 0), (255, 255, 255)]));
            }
        }

        return folder["data"];
    }

    private static (RgbImage Image, IndexMask Mask) Draw(string split, int index)
    {
        var random = new RandomSequence(7, split, (ulong)index);
        byte[] pixels = new byte[Size * Size * 3];
        byte[] labels = new byte[Size * Size];
        int left = random.NextInt32(Size / 2);
        int top = random.NextInt32(Size / 2);
        for (int i = 0; i < labels.Length; i++)
        {
            bool inside = i % Size >= left && i % Size < left + 20 && i / Size >= top && i / Size < top + 20;
            labels[i] = inside ? (byte)1 : (byte)0;
            pixels.AsSpan(3 * i, 3).Fill((byte)((inside ? 180 : 40) + random.NextInt32(30)));
        }

        return (new RgbImage(Size, Size, pixels), new IndexMask(Size, Size, labels));
    }
}
