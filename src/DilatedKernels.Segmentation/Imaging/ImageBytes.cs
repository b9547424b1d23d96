using DilatedKernels.Distributed;

namespace DilatedKernels.Segmentation.Imaging;

/// <summary>Reads a whole file into memory, with errors a user can act on.</summary>
internal static class ImageBytes
{
    public static byte[] Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (string.IsNullOrWhiteSpace(path))
        {
            throw new ImageFormatException($"\"{path}\"", "the path of the image is empty; name a PNG or JPEG file.");
        }

        using IDisposable suspension = Watchdog.Suspend();
        try
        {
            if (FileSize.Of(path) == 0)
            {
                throw new ImageFormatException(path, "the file is empty, or it is no ordinary file but a pipe or a device; images are read from ordinary files.");
            }

            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
            long length = stream.Length;
            if (length > ImageLimits.MaxFileBytes)
            {
                throw new ImageFormatException(path, $"the file has {length} bytes; image files up to {ImageLimits.MaxFileBytes} bytes are read.");
            }

            byte[] bytes = new byte[length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            string reason = Directory.Exists(path) ? "this is a folder, not an image file."
                : e is FileNotFoundException or DirectoryNotFoundException ? "the file does not exist."
                : $"the file cannot be read: {e.Message}";
            throw new ImageFormatException(path, reason, e);
        }
    }
}
