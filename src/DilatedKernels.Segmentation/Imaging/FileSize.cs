namespace DilatedKernels.Segmentation.Imaging;

/// <summary>Tells files from pipes, sockets and devices before they are opened: opening a pipe waits for someone to write to it.</summary>
internal static class FileSize
{
    /// <summary>The number of bytes of a file, found without opening it; links are followed.</summary>
    /// <returns>The size; 0 for pipes, sockets and devices, which have none.</returns>
    /// <exception cref="IOException">There is no such file, or its size cannot be found.</exception>
    public static long Of(string path)
    {
        FileInfo file = new(path);
        if (file.ResolveLinkTarget(returnFinalTarget: true) is not FileSystemInfo target)
        {
            return file.Length;
        }

        // The system's own links to open pipes look like this, too.
        FileInfo end = new(target.FullName);
        return end.Exists ? end.Length : throw new IOException($"it is a link to {target.FullName}, which is no file.");
    }

    /// <summary>Refuses, without opening it, what is no file, is empty or is longer than any of its kind.</summary>
    /// <param name="path">A file that exists.</param>
    /// <param name="what">What it is to be, such as <c>a run's configuration</c>.</param>
    /// <param name="most">Bytes that it has at most.</param>
    /// <param name="remedy">What to do about it, as the end of the sentence.</param>
    /// <exception cref="UserInputException">It is refused.</exception>
    public static void Check(string path, string what, long most = long.MaxValue, string remedy = "")
    {
        long size;
        try
        {
            size = Of(path);
        }
        catch (IOException e)
        {
            throw new UserInputException($"{path} cannot be read: {e.Message}", e);
        }

        if (size == 0)
        {
            throw new UserInputException($"{path} is not {what}: it is empty, or a pipe or a device{remedy}.");
        }

        if (size > most)
        {
            throw new UserInputException($"{path} has {size} bytes; {what} has at most {most}{remedy}.");
        }
    }
}
