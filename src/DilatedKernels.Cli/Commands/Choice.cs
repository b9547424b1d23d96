using System.CommandLine;

namespace DilatedKernels.Cli.Commands;

/// <summary>An option that takes one of an enumeration's names, or one of some of them, in any case of letters; numbers and other names are refused.</summary>
internal static class Choice
{
    public static Option<T> Of<T>(string name, string description, T fallback, params T[] allowed)
        where T : struct, Enum
    {
        var option = new Option<T>(name)
        {
            Description = description,
            DefaultValueFactory = _ => fallback,
        };
        option.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, allowed.Length == 0 ? Enum.GetNames<T>() : [.. allowed.Select(value => value.ToString())]);
        return option;
    }
}
