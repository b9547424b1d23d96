using System.Globalization;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Cli.Commands;

/// <summary>Dilations as an argument, such as <c>1,1,2,4,8,1</c>.</summary>
internal static class DilationList
{
    /// <summary>Reads a list; <paramref name="others"/> says in the message what else the option takes.</summary>
    public static int[] Parse(string option, string text, string others = "")
    {
        string[] parts = text.Split(',');
        int[] dilations = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out dilations[i]) || dilations[i] < 1)
            {
                throw new UserInputException($"{option} is {others}a list of dilations such as 1,1,2,4,8,1; it was {text}.");
            }
        }

        return dilations;
    }
}
