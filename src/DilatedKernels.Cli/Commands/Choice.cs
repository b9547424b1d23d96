using System.CommandLine;

namespace DilatedKernels.Cli.Commands;

/// <summary>An option that takes one of an enumeration's names, in any case of letters; numbers and unknown names are refused.</summary>
internal static class Choice
{
    public static Option<T> Of<T>(string name, string description, T fallback)
        where T : struct, Enum
    {
        var option = new Option<T>(name)
        {
            Description = description,
            DefaultValueFactory = _ => fallback,
        };
        option.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, Enum.GetNames<T>());
        return option;
    }
}
