using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace DilatedKernels.Measuring;

/// <summary>
/// Carries packets between network devices as links of one kind to a switch would: a packet leaves when the one before it has, arrives at the switch as it leaves, waits there for others to
/// the same host, and is handed over after the delay. The switch loses nothing; a device that sends faster than its link waits.
/// </summary>
internal sealed partial class Relay : IDisposable
{
    public const int LargestPacket = 9000;

    // Of a packet of IPv4: its version, and the last byte of the address that it goes to.
    private const int VersionByte = 0;
    private const int AddressByte = 19;
    private const int HeaderBytes = 20;

    // SCHED_FIFO: before all threads without such a priority.
    private const int FirstInFirstOut = 1;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    // The system's clock wakes later than asked for, so a device may run ahead of its link by so much. When packets arrive does not depend on it.
    private static readonly long Ahead = Stopwatch.Frequency / 2000;

    private readonly Port[] _ports;
    private readonly Thread[] _takers;
    private readonly Thread[] _deliverers;
    private readonly double _ticksPerByte;
    private readonly long _delay;
    private volatile bool _ends;

    /// <summary>Begins to carry. The last byte of a host's address is its device's place, counted from one.</summary>
    /// <param name="devices">Not owned.</param>
    /// <param name="link">Of every device.</param>
    public Relay(IReadOnlyList<TunDevice> devices, Link link)
    {
        _ports = [.. devices.Select(device => new Port(device))];
        _ticksPerByte = link.SecondsOf(1) * Stopwatch.Frequency;
        _delay = (long)(link.Delay.TotalSeconds * Stopwatch.Frequency);
        _takers = [.. _ports.Select(port => new Thread(() => Take(port)))];
        _deliverers = [.. _ports.Select(port => new Thread(() => Deliver(port)))];
        foreach (Thread thread in (Thread[])[.. _takers, .. _deliverers])
        {
            thread.IsBackground = true;
            thread.Name = "link";
            thread.Start();
        }
    }

    /// <summary>From now on nothing comes from a device or to it.</summary>
    public void Cut(int device) => _ports[device].IsCut = true;

    public void Dispose()
    {
        // Nobody may add once it is said that nothing more comes.
        _ends = true;
        Array.ForEach(_takers, thread => thread.Join());
        Array.ForEach(_ports, port => port.Arriving.CompleteAdding());
        Array.ForEach(_deliverers, thread => thread.Join());
        Array.ForEach(_ports, port => port.Arriving.Dispose());
    }

    private void Take(Port from)
    {
        GoFirst();
        byte[] packet = new byte[LargestPacket];
        long free = 0;
        while (!_ends)
        {
            int length = from.Device.Read(packet, Look);
            if (length < HeaderBytes || packet[VersionByte] >> 4 != 4 || from.IsCut)
            {
                continue;
            }

            long begins = Math.Max(Stopwatch.GetTimestamp(), free);
            free = begins + (long)(length * _ticksPerByte);
            int place = packet[AddressByte] - 1;
            if (place < _ports.Length && place >= 0)
            {
                _ports[place].Expect(packet.AsSpan(0, length), begins, (long)(length * _ticksPerByte), _delay);
            }

            SleepUntil(free - Ahead);
        }
    }

    private void Deliver(Port to)
    {
        GoFirst();
        foreach ((byte[] packet, long at) in to.Arriving.GetConsumingEnumerable())
        {
            SleepUntil(at);
            if (!_ends && !to.IsCut)
            {
                to.Device.Write(packet);
            }
        }
    }

    // A link does not wait for a processor, and these threads must not where programs keep all of them busy. The system may refuse: then links are slower than their numbers.
    private static void GoFirst()
    {
        int priority = 1;
        _ = SetScheduler(0, FirstInFirstOut, ref priority);
    }

    private static void SleepUntil(long at)
    {
        long ticks = at - Stopwatch.GetTimestamp();
        if (ticks > 0)
        {
            _ = Sleep((int)(ticks * 1_000_000 / Stopwatch.Frequency));
        }
    }

    private sealed class Port(TunDevice device)
    {
        private readonly Lock _lock = new();
        private long _free;

        public TunDevice Device => device;

        public volatile bool IsCut;

        public BlockingCollection<(byte[] Packet, long At)> Arriving { get; } = [];

        public void Expect(ReadOnlySpan<byte> packet, long begins, long takes, long delay)
        {
            lock (_lock)
            {
                _free = Math.Max(_free, begins) + takes;
                Arriving.Add((packet.ToArray(), _free + delay));
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "sched_setscheduler")]
    private static partial int SetScheduler(int thread, int policy, ref int priority);

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(int microseconds);
}
