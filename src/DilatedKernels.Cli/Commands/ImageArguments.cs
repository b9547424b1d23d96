using System.Text;
using DilatedKernels.Distributed;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Cli.Commands;

/// <summary>The images that a verb is given: files, and folders of them.</summary>
internal static class ImageArguments
{
    public const string Description = "PNG or JPEG images, or folders of them.";

    /// <summary>The images, those of a folder in the order of their names.</summary>
    /// <exception cref="UserInputException">A folder has none.</exception>
    public static string[] Expand(IEnumerable<string> arguments) => [.. arguments.SelectMany(argument => Directory.Exists(argument) ? InFolder(argument) : [argument])];

    /// <summary>The images, on all processes those that rank 0 finds: a folder may change while they look.</summary>
    public static string[] Expand(IEnumerable<string> arguments, ProcessGroup? group) => OfFirst(Together.Run(group, () => Expand(arguments), _ => { }), group);

    /// <summary>Rank 0's images, on all processes.</summary>
    public static string[] OfFirst(string[] images, ProcessGroup? group)
    {
        if (group is null)
        {
            return images;
        }

        byte[] first = group.AllGather(group.Rank == 0 ? Encoding.UTF8.GetBytes(string.Concat(images.Select(image => image + '\0'))) : [])[0];
        return Encoding.UTF8.GetString(first).Split('\0')[..^1];
    }

    private static string[] InFolder(string folder)
    {
        string[] images =
        [
            .. Directory.EnumerateFiles(folder)
                .Where(file => SplitFiles.Has(file, SplitFiles.ImageExtensions) && !Path.GetFileName(file).StartsWith('.'))
                .Order(StringComparer.Ordinal),
        ];
        return images.Length > 0 ? images : throw new UserInputException($"The folder {folder} has no images: no .png, .jpg or .jpeg files.");
    }
}
