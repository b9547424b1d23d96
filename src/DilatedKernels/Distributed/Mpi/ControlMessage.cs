using System.Buffers.Binary;
using System.Text;

namespace DilatedKernels.Distributed.Mpi;

internal enum ControlKind
{
    /// <summary>A sign of life, with how far the process is.</summary>
    Beat = 1,

    /// <summary>The process that it names, the sender or another, is at fault.</summary>
    Failure,

    /// <summary>The last message: the sender has left, or, from rank 0, all have.</summary>
    End,
}

/// <summary>What processes tell each other besides their calls. All messages have one length.</summary>
/// <param name="Kind">What about.</param>
/// <param name="Rank">The sender; of a failure, who is at fault.</param>
/// <param name="State">How far the sender is.</param>
/// <param name="Text">The reason of a failure; cut where it is too long.</param>
internal readonly record struct ControlMessage(ControlKind Kind, int Rank, MemberState State, string Text)
{
    public const int Bytes = 1024;

    // Integers, one after the other; then the text.
    private const int Fields = 15;
    private const int TextBytes = Bytes - (Fields * sizeof(long));

    public void Write(Span<byte> message)
    {
        message.Clear();
        byte[] text = Encoding.UTF8.GetBytes(Text);
        int length = Math.Min(text.Length, TextBytes);
        long[] fields =
        [
            (long)Kind, Rank, State.Begun, (long)State.Call.Kind, State.Call.Length, State.Call.Detail, State.Open, State.Waiting.Ticks, State.LongestAway.Ticks, State.HasLeft ? 1 : 0,
            State.Stalled.Ticks, State.LongestStall.Ticks, State.IsSuspended ? 1 : 0, State.IsWaitingForDevice ? 1 : 0, length,
        ];
        for (int i = 0; i < fields.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(message[(i * sizeof(long))..], fields[i]);
        }

        text.AsSpan(0, length).CopyTo(message[(Fields * sizeof(long))..]);
    }

    public static ControlMessage Read(ReadOnlySpan<byte> message)
    {
        Span<long> f = stackalloc long[Fields];
        for (int i = 0; i < Fields; i++)
        {
            f[i] = BinaryPrimitives.ReadInt64LittleEndian(message[(i * sizeof(long))..]);
        }

        var state = new MemberState(f[2], new Call((CallKind)f[3], f[4], f[5]), f[6], new TimeSpan(f[7]), new TimeSpan(f[8]), f[9] != 0)
        {
            Stalled = new TimeSpan(f[10]),
            LongestStall = new TimeSpan(f[11]),
            IsSuspended = f[12] != 0,
            IsWaitingForDevice = f[13] != 0,
        };
        return new ControlMessage((ControlKind)f[0], (int)f[1], state, Encoding.UTF8.GetString(message.Slice(Fields * sizeof(long), (int)f[14])));
    }
}
