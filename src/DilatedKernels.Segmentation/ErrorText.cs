namespace DilatedKernels.Segmentation;

/// <summary>The message of an error as people read it.</summary>
internal static class ErrorText
{
    /// <summary>Without the name of a method's parameter that .NET puts behind the message of an <see cref="ArgumentException"/>.</summary>
    public static string Of(Exception exception) => exception switch
    {
        ArgumentException { ParamName: { Length: > 0 } name } => exception.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal),
        // .NET's own says no more than the name of its class.
        OutOfMemoryException when exception.Message.Contains(nameof(OutOfMemoryException), StringComparison.Ordinal) => "There is no memory left, or not as much as this process may have.",
        _ => exception.Message,
    };
}
