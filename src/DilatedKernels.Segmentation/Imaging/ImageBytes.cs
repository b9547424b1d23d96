namespace DilatedKernels.Segmentation.Imaging;

/// <summary>Reads a whole file into memory, with errors a user can act on.</summary>
internal static class ImageBytes
{
    public static byte[] Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
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
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageFormatException(path, "the file does not exist.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            string reason = Directory.Exists(path) ? "this is a folder, not an image file." : $"the file cannot be read: {e.Message}";
            throw new ImageFormatException(path, reason, e);
        }
    }
}
