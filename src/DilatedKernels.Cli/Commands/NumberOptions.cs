using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace DilatedKernels.Cli.Commands;

/// <summary>
/// Reads the numbers of all options as every other place of the program does, whatever the user's language: 0.5 or 5e-1. A comma is refused; in the languages that
/// separate thousands by it, 0,001 would otherwise be 1.
/// </summary>
internal static class NumberOptions
{
    /// <summary>Changes how all options of a command and its verbs are read.</summary>
    public static void Set(Command command)
    {
        foreach (Option option in command.Options)
        {
            Set(option);
        }

        foreach (Command verb in command.Subcommands)
        {
            Set(verb);
        }
    }

    private static void Set(Option option)
    {
        switch (option)
        {
            case Option<double> real:
                real.CustomParser = Real<double>;
                break;
            case Option<double?> real:
                real.CustomParser = result => Real<double>(result);
                break;
            case Option<float> real:
                real.CustomParser = Real<float>;
                break;
            case Option<int> whole:
                whole.CustomParser = Whole<int>;
                break;
            case Option<int?> whole:
                whole.CustomParser = result => Whole<int>(result);
                break;
            case Option<long> whole:
                whole.CustomParser = Whole<long>;
                break;
            case Option<ulong> whole:
                whole.CustomParser = Whole<ulong>;
                break;
        }
    }

    private static T Real<T>(ArgumentResult result)
        where T : struct, INumber<T> => Read<T>(result, NumberStyles.Float, "a number such as 0.5 or 1e-3");

    private static T Whole<T>(ArgumentResult result)
        where T : struct, INumber<T>, IMinMaxValue<T> =>
        Read<T>(result, NumberStyles.AllowLeadingSign, string.Create(CultureInfo.InvariantCulture, $"a whole number{(T.IsNegative(T.MinValue) ? "" : " from 0")} up to {T.MaxValue}"));

    private static T Read<T>(ArgumentResult result, NumberStyles styles, string what)
        where T : struct, INumber<T>
    {
        string text = result.Tokens[^1].Value;
        if (T.TryParse(text, styles, CultureInfo.InvariantCulture, out T value))
        {
            return value;
        }

        result.AddError($"{((OptionResult)result.Parent!).Option.Name} is {what}; it was {text}.");
        return default;
    }
}
