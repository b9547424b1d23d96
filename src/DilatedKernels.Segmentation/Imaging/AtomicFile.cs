using DilatedKernels.Distributed;

namespace DilatedKernels.Segmentation.Imaging;

/// <summary>Writes files so that a reader sees the old content or the new, never a part: a temporary file beside the target, then a rename.</summary>
internal static class AtomicFile
{
    /// <summary>Replaces or creates <paramref name="path"/>.</summary>
    /// <param name="path">The file to write. Its folder must exist.</param>
    /// <param name="content">Every byte of it.</param>
    /// <exception cref="UserInputException">The folder does not exist, or the file cannot be written there.</exception>
    public static void Write(string path, byte[] content) => Write(path, stream => stream.Write(content));

    /// <summary>Replaces or creates <paramref name="path"/>.</summary>
    /// <param name="path">The file to write. Its folder must exist.</param>
    /// <param name="content">Writes every byte of it.</param>
    /// <exception cref="UserInputException">The folder does not exist, or the file cannot be written there.</exception>
    public static void Write(string path, Action<Stream> content)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = Path.GetFullPath(path);
        string temporary = $"{full}.{Path.GetRandomFileName()}.tmp";
        using IDisposable suspension = Watchdog.Suspend();
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                content(stream);
                // Without this a power cut after the rename can leave an empty file under the final name.
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
        }
        catch (Exception e)
        {
            Remove(temporary);
            if (e is not (IOException or UnauthorizedAccessException or NotSupportedException or ArgumentOutOfRangeException))
            {
                throw;
            }

            string reason = e is DirectoryNotFoundException ? "its folder does not exist; create it first." : e.Message;
            throw new UserInputException($"{path}: the file cannot be written: {reason}", e);
        }
    }

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report.
        }
    }
}
