using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Data;

/// <summary>A dataset in pair layout with generated images, in a temporary folder.</summary>
internal sealed class TestDataset : IDisposable
{
    public const string Description = """{ "name": "test", "classes": ["a", "b", "c"], "palette": [[1,2,3],[4,5,6],[7,8,9]], "void": 9, "meanBgr": [10.5, 20, 30] }""";

    public TestDataset(string description = Description) => Folder.Write("dataset.json", description);

    public TemporaryFolder Folder { get; } = new();

    public string Root => Folder.Path;

    /// <summary>Adds an image of seeded noise and a mask whose label follows from the pixel's red: red mod 4, with 3 as void.</summary>
    public TestDataset Add(string name, int width, int height, string split = "train", int seed = 0)
    {
        RgbImage image = new(width, height);
        new Random((width * 31) + height + (1000 * seed)).NextBytes(image.Pixels);
        IndexMask mask = new(width, height);
        for (int i = 0; i < mask.Indices.Length; i++)
        {
            mask.Indices[i] = LabelOf(image.Pixels[3 * i]);
        }

        Directory.CreateDirectory(Folder[split]);
        Directory.CreateDirectory(Folder[split + "annot"]);
        PngWriter.Write(Folder[$"{split}/{name}.png"], image);
        MaskFile.Write(Folder[$"{split}annot/{name}.png"], mask, Palette.Voc);
        return this;
    }

    public static byte LabelOf(int red) => (byte)(red % 4 == 3 ? 9 : red % 4);

    public void Dispose() => Folder.Dispose();
}
