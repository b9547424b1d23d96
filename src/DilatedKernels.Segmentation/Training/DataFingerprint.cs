using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// Tells whether a resumed run sees the training split that it began with: the number of images and a digest of their names and
/// of the sizes of their files. Order and crops follow from the position in the split, so another split would be another run.
/// </summary>
internal static class DataFingerprint
{
    public static string Of(IReadOnlyList<Sample> samples)
    {
        var text = new StringBuilder();
        foreach (Sample sample in samples)
        {
            text.Append(CultureInfo.InvariantCulture, $"{sample.Name}\n{new FileInfo(sample.ImagePath).Length} {new FileInfo(sample.MaskPath!).Length}\n");
        }

        string digest = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())), 0, 8);
        return string.Create(CultureInfo.InvariantCulture, $"{samples.Count} images, {digest}");
    }
}
