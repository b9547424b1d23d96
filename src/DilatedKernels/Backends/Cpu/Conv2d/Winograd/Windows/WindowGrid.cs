namespace DilatedKernels.Backends.Cpu.Conv2d.Winograd.Windows;

/// <summary>
/// The tiles of a convolution in windows. Output tiles form rows, image by image; so do the input tiles, of which there are some more in
/// every row and column: window (y, x) of the output tile at (row, column) reads the input tile at (InputRow(row) + y, column + x·ColumnShift).
/// </summary>
internal sealed class WindowGrid
{
    private readonly WinogradAxis _y;
    private readonly int _inputRows;

    public WindowGrid(KernelWindows windows, int batch, WinogradExtent y, WinogradExtent x)
    {
        Windows = windows;
        _y = y.Axis(WinogradTile.Two, interleaved: false, beyond: 0);
        WinogradAxis outputColumns = x.Axis(WinogradTile.Two, interleaved: true, beyond: 0);
        WinogradAxis inputRows = y.Axis(WinogradTile.Two, interleaved: false, windows.Y.Count - 1);
        WinogradAxis inputColumns = x.Axis(WinogradTile.Two, interleaved: true, windows.X.Count - 1);
        Outputs = new WinogradGrid(batch, _y, outputColumns);
        Inputs = new WinogradGrid(batch, inputRows, inputColumns);
        Rows = checked(batch * _y.Tiles.Length);
        Columns = outputColumns.Tiles.Length;
        InputColumns = inputColumns.Tiles.Length;
        ColumnShift = Math.Min(x.Dilation, x.Out);
        _inputRows = inputRows.Tiles.Length;
    }

    public KernelWindows Windows { get; }

    public WinogradGrid Outputs { get; }

    public WinogradGrid Inputs { get; }

    /// <summary>Rows of output tiles in the batch.</summary>
    public int Rows { get; }

    /// <summary>Output tiles in a row.</summary>
    public int Columns { get; }

    /// <summary>Input tiles in a row.</summary>
    public int InputColumns { get; }

    /// <summary>Input tiles from a window to the next in its row.</summary>
    public int ColumnShift { get; }

    /// <summary>Input tiles that the windows of a row reach beyond its output tiles.</summary>
    public int ColumnsBeyond => (Windows.X.Count - 1) * ColumnShift;

    /// <summary>The row of input tiles that the first window of a row of output tiles reads. Rises with the row.</summary>
    public long InputRow(int row)
    {
        (int n, int y) = Math.DivRem(row, _y.Tiles.Length);
        // Every sub-grid before this one has some more rows of input tiles.
        int subgrid = _y.Tiles[y] % _y.Dilation;
        return (n * (long)_inputRows) + y + (subgrid * (Windows.Y.Count - 1));
    }
}
