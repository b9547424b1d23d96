namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd;

/// <summary>A run of tiles, and where their transformed values go. Steps are in floats.</summary>
internal unsafe struct TileTransform
{
    /// <summary>The first tile's pixels, row by row: inputs, or gradients of outputs. What lies outside the map points to zeros, as far as the run goes.</summary>
    public float** Pixels;

    /// <summary>From a tile's pixels to the next tile's.</summary>
    public nint PixelStep;
    public int Tiles;
    public float* Target;

    /// <summary>From a tile's values to the next tile's.</summary>
    public nint TileStep;

    /// <summary>From one of a tile's values to the next.</summary>
    public nint ValueStep;

    /// <summary>Vectors of channels; the last may read and write past the last channel.</summary>
    public int Vectors;
}

/// <summary>A matrix of vectors to be transformed into another; the source may be overwritten. Steps are in floats.</summary>
internal unsafe struct TransformArguments
{
    public float* Source;
    public nint RowStep;
    public nint ColumnStep;
    public float* Target;
    public nint TargetStep;
    public int Vectors;
}

/// <summary>A run of tiles of products, and the pixels that each becomes. Steps are in floats.</summary>
internal unsafe struct OutputTransform
{
    public float* Source;

    /// <summary>From one of a tile's products to the next.</summary>
    public nint ValueStep;
    public nint TileStep;
    public int Tiles;
    public float* Target;

    /// <summary>From a tile's first pixel to the next tile's.</summary>
    public nint PixelStep;
    public nint RowStep;
    public nint ColumnStep;

    /// <summary>At least as many as the vector has lanes; nothing is written past them.</summary>
    public int Channels;

    /// <summary>Rows and columns of the tiles that exist, 1 or more.</summary>
    public int Rows;
    public int Columns;
    public float* Bias;
    public bool Relu;

    /// <summary>Bytes from an output to its mask; 0 where nothing is masked.</summary>
    public nint ToMask;

    /// <summary>Memory for as many vectors as a tile has products.</summary>
    public float* Scratch;
}
