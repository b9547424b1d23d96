namespace DilatedKernels.Cli;

/// <summary>What the command's exit codes mean; the same for every verb.</summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Failed = 1;
    public const int BadInput = 2;
    public const int NoDevice = 3;
    private const int Interrupt = 130;
    private const int Terminate = 143;

    private static volatile bool s_terminated;

    /// <summary>Ended by Ctrl-C, or by the signal that asks a process to end: 128 and the signal's number, as shells have it.</summary>
    public static int Interrupted => s_terminated ? Terminate : Interrupt;

    public static void NoteTermination() => s_terminated = true;
}
