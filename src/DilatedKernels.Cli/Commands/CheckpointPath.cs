using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Cli.Commands;

/// <summary>Refuses, before anything is computed, a checkpoint that is not there.</summary>
internal static class CheckpointPath
{
    public static string Existing(string path)
    {
        if (Directory.Exists(path))
        {
            throw new UserInputException($"{path} is a folder; name the checkpoint file in it, such as {Path.Combine(path, "best.safetensors")}.");
        }

        if (!File.Exists(path))
        {
            throw new UserInputException(path.Length == 0 ? "The checkpoint's name is empty." : $"There is no file {path}.");
        }

        try
        {
            return FileSize.Of(path) > 0 ? path : throw new UserInputException($"{path} is empty, or a pipe or a device; a checkpoint is a file.");
        }
        catch (IOException e)
        {
            throw new UserInputException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
