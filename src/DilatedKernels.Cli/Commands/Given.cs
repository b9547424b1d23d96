using System.CommandLine;
using System.CommandLine.Parsing;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Cli.Commands;

/// <summary>Refuses options that would have no effect, so that nobody believes they had one.</summary>
internal static class Given
{
    /// <summary>Whether the user wrote the option.</summary>
    public static bool Is(ParseResult result, Option option) => result.GetResult(option) is OptionResult { Implicit: false };

    /// <summary>Refuses each of the options that the user wrote.</summary>
    public static void Refuse(ParseResult result, string because, params IEnumerable<Option> options)
    {
        string[] given = [.. options.Where(option => Is(result, option)).Select(option => option.Name)];
        if (given.Length > 0)
        {
            throw new UserInputException($"{string.Join(", ", given)} would have no effect: {because}");
        }
    }
}
