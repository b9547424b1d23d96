namespace DilatedKernels.Distributed.Mpi;

/// <summary>In what pieces bytes travel.</summary>
/// <param name="Bytes">Of a piece; far below what MPI counts in 32 bits.</param>
/// <param name="AtATime">How many are asked for before the first has arrived, so that the next begins at once.</param>
internal readonly record struct Pieces(int Bytes, int AtATime)
{
    /// <summary>Between processes of one machine, which copy in one go.</summary>
    public static Pieces OnOneMachine { get; } = new(1 << 20, 4);

    /// <summary>
    /// Between machines. Both libraries send so few bytes without asking the receiver first. Question and answer take two delays; worse, over TCP they wait behind all bytes that go the same way,
    /// so that of two processes that send to each other one would begin only when the other has ended.
    /// </summary>
    public static Pieces BetweenMachines { get; } = new(1 << 14, 32);
}
