namespace DilatedKernels.Segmentation;

/// <summary>The message of an error as people read it.</summary>
internal static class ErrorText
{
    /// <summary>Without the name of a method's parameter that .NET puts behind the message of an <see cref="ArgumentException"/>.</summary>
    public static string Of(Exception exception) => exception is ArgumentException { ParamName: { Length: > 0 } name }
        ? exception.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal)
        : exception.Message;
}
