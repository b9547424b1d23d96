using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Segmentation.Crf;

/// <summary>Refuses what is too large for a CRF's kernel before training, not when the first such image is met.</summary>
internal static class CrfSize
{
    /// <exception cref="UserInputException">An image of the split is too large.</exception>
    public static void Check(CrfKernel? kernel, DatasetReport report)
    {
        foreach ((Size2 size, int _) in report.ImageSizes)
        {
            Check(kernel, size, $"an image of the split {report.Split}");
        }
    }

    /// <exception cref="UserInputException">The size is too large.</exception>
    public static void Check(CrfKernel? kernel, Size2 size, string what)
    {
        if (kernel == CrfKernel.Exact && (long)size.Height * size.Width > ExactKernel.MostPoints)
        {
            throw new UserInputException($"The CRF's exact kernel takes at most {ExactKernel.MostPoints} pixels; {what} has {size}. Use the lattice (\"kernel\": \"Lattice\", the default).");
        }
    }
}
