namespace DilatedKernels.Segmentation;

/// <summary>Commands that messages suggest: written so that they can be copied into a shell as they are.</summary>
internal static class Suggestion
{
    private const string Plain = "_-./:=@%+,";

    /// <summary>How the user calls the program.</summary>
    public static string Program { get; set; } = "dilated";

    /// <summary>A command with its arguments.</summary>
    public static string Of(params string[] arguments) => string.Join(' ', arguments.Select(Quoted).Prepend(Program));

    /// <summary>An argument as a shell needs it.</summary>
    public static string Quoted(string argument)
    {
        if (argument.Length > 0 && argument.All(c => char.IsAsciiLetterOrDigit(c) || Plain.Contains(c, StringComparison.Ordinal) || (c == '\\' && OperatingSystem.IsWindows())))
        {
            return argument;
        }

        return OperatingSystem.IsWindows() ? $"\"{argument}\"" : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }
}
