namespace DilatedKernels.Build;

/// <summary>What to do with what was built.</summary>
internal static class FirstSteps
{
    public const string Text = """
        Built. On your own images: dotnet artifacts/bin/DilatedKernels.Cli/release/dilated.dll check-data FOLDER
        Or on leaves that a sample draws, to try it.
        Next: dotnet artifacts/bin/Leaves/release/leaves.dll leaves
        """;
}
