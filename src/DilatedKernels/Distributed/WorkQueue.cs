using System.Buffers.Binary;
using System.Threading.Channels;

namespace DilatedKernels.Distributed;

/// <summary>What a process says when it asks for a piece of work.</summary>
/// <param name="Piece">The one that it has done; <see cref="WorkQueue.None"/> where there is none.</param>
/// <param name="IsLast">Whether nobody is to begin another.</param>
/// <param name="Told">What it tells of the one that it has done.</param>
internal readonly record struct WorkReport(int Piece, bool IsLast, byte[] Told)
{
    private const int HeaderBytes = sizeof(int) + 1;

    public static WorkReport Of(byte[] bytes) => new(BinaryPrimitives.ReadInt32LittleEndian(bytes), bytes[sizeof(int)] != 0, bytes[HeaderBytes..]);

    public byte[] ToBytes()
    {
        byte[] bytes = new byte[HeaderBytes + Told.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, Piece);
        bytes[sizeof(int)] = IsLast ? (byte)1 : (byte)0;
        Told.CopyTo(bytes, HeaderBytes);
        return bytes;
    }
}

/// <summary>Which piece of work is next. Passes on what is told of those that are done, on a thread of its own, so that who listens may take time. For any thread.</summary>
internal sealed class WorkQueue : IDisposable
{
    public const int None = -1;

    private readonly Lock _lock = new();
    private readonly Channel<WorkReport> _reports = Channel.CreateUnbounded<WorkReport>();
    private readonly Task _listening;
    private readonly int _count;
    private int _next;

    public WorkQueue(int count, Action<int, byte[]> done)
    {
        _count = count;
        _listening = Task.Run(async () =>
        {
            await foreach (WorkReport report in _reports.Reader.ReadAllAsync().ConfigureAwait(false))
            {
                done(report.Piece, report.Told);
            }
        });
    }

    /// <summary>Takes a report; gives the next piece, or <see cref="None"/>.</summary>
    public int Next(WorkReport report)
    {
        if (report.Piece != None)
        {
            _ = _reports.Writer.TryWrite(report);
        }

        lock (_lock)
        {
            // Where the listener has failed, there is no use in going on.
            _next = report.IsLast || _listening.IsFaulted ? _count : _next;
            return _next < _count ? _next++ : None;
        }
    }

    /// <summary>Waits until all has been passed on. Throws what the listener threw.</summary>
    public void Finish()
    {
        _ = _reports.Writer.TryComplete();
        _listening.GetAwaiter().GetResult();
    }

    /// <summary>Takes no further reports.</summary>
    public void Dispose() => _reports.Writer.TryComplete();
}
