using DilatedKernels.Segmentation;

namespace DilatedKernels.Cli;

/// <summary>What the command's exit codes mean; the same for every verb.</summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Failed = 1;
    public const int BadInput = 2;
    public const int NoDevice = 3;

    /// <summary>Ended by Ctrl-C, or by the signal that asks a process to end.</summary>
    public static int Interrupted => EndSignals.ExitCode;
}
