using System.CommandLine;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Commands;

/// <summary><c>--tile</c>, the same for every verb that segments images.</summary>
internal static class TileOption
{
    public static Option<int> Create() => new("--tile")
    {
        Description = "Cells along the side of a tile; smaller needs less memory. The result is the same. An FCN or DeepLab pads its maps and knows no tiles; see --window.",
        DefaultValueFactory = _ => 66,
        HelpName = "N",
    };

    public static int Get(ParseResult result, Option<int> option)
    {
        int tile = result.GetValue(option);
        return tile is >= 1 and <= 4096 ? tile : throw new UserInputException($"--tile is from 1 to 4096; it was {tile}.");
    }

    /// <summary>Refuses the option where the network sees every image whole.</summary>
    public static void Check(ParseResult result, Option<int> option, SegmentationModel model)
    {
        if (model.IsPadded)
        {
            Given.Refuse(result, $"{model.Config.Name} pads its maps and sees every image whole; --window shows it one part after the other.", option);
        }
    }
}
