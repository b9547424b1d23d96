using System.Globalization;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Bench;

/// <summary>Options such as <c>--threads</c>: one count or several.</summary>
internal static class ThreadCounts
{
    /// <exception cref="UserInputException">The text is no list of counts.</exception>
    public static int[] Parse(string text, string option = "--threads")
    {
        string[] parts = text.Split(',');
        int[] counts = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out counts[i]) || counts[i] is < 1 or > 1024)
            {
                throw new UserInputException($"{option} takes numbers from 1 to 1024, separated by commas; it was '{text}'.");
            }
        }

        return counts;
    }
}
