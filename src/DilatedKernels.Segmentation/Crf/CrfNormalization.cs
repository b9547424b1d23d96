namespace DilatedKernels.Segmentation.Crf;

/// <summary>What a Gaussian filter is divided by, so that its weight does not depend on how many pixels are alike. r(i) is its response to ones at pixel i.</summary>
public enum CrfNormalization
{
    /// <summary><c>k(i, j) / √(r(i)·r(j))</c>: stays symmetric (Krähenbühl's second densecrf release).</summary>
    Symmetric,

    /// <summary><c>k(i, j) / r(i)</c>: a weighted mean (the first release, and CRF-RNN).</summary>
    Response,
}
