namespace DilatedKernels.Segmentation.Import;

/// <summary>An array in a file of weights: its name there, its extents as the file states them.</summary>
internal record SourceTensor(string Name, IReadOnlyList<int> Shape);

/// <summary>A file of weights in somebody else's format. Opening it reads names and extents; values are read one array at a time.</summary>
internal abstract class WeightSource(string path) : IDisposable
{
    private const int LongestMark = 9;

    public string FilePath { get; } = path;

    /// <summary>The arrays in the order of the file.</summary>
    public abstract IReadOnlyList<SourceTensor> Tensors { get; }

    /// <summary>How the file names the layers that our networks have.</summary>
    public abstract SourceNames Names { get; }

    /// <summary>An array's values, the last axis fastest.</summary>
    public abstract float[] Read(SourceTensor tensor);

    public abstract void Dispose();

    /// <summary>Opens a file as what its first bytes say it is.</summary>
    /// <exception cref="UserInputException">It is neither safetensors nor a Caffe network, or a damaged one.</exception>
    /// <exception cref="IOException">The file cannot be read, or is a damaged safetensors file.</exception>
    public static WeightSource Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] start = new byte[LongestMark];
        int length;
        using (FileStream stream = File.OpenRead(path))
        {
            length = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        }

        return start switch
        {
            // The length of the header, then the header, which is a JSON object.
            [_, _, _, _, _, _, _, _, (byte)'{'] => new SafetensorsSource(path),
            _ when length == 0 => throw new UserInputException($"{path} is empty."),
            [(byte)'P', (byte)'K', ..] or [0x80, ..] => throw new UserInputException(
                $"{path} looks like a PyTorch file (.pt, .pth): such files hold programs, which are not run here. Save the weights as safetensors and import that."),
            [0x89, (byte)'H', (byte)'D', (byte)'F', ..] => throw new UserInputException(
                $"{path} is an HDF5 file, such as a .caffemodel.h5: import the .caffemodel in protocol-buffer form."),
            _ when CaffeSource.MayStartWith(start[0]) => new CaffeSource(path),
            _ => throw new UserInputException($"{path} is neither a safetensors file nor a Caffe network (.caffemodel); those two can be imported."),
        };
    }
}
