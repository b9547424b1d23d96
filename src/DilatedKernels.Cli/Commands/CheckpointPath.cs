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

        FileSize.Check(path, "a checkpoint");
        return path;
    }
}
