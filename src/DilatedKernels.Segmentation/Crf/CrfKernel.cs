namespace DilatedKernels.Segmentation.Crf;

/// <summary>How the Gaussian kernels are computed.</summary>
public enum CrfKernel
{
    /// <summary>With the permutohedral lattice: approximate, in time linear in the number of pixels.</summary>
    Lattice,

    /// <summary>By their definition, every pixel with every other: for images of at most 65,536 pixels, and on the processor whatever the device.</summary>
    Exact,
}
