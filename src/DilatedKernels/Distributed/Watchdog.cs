namespace DilatedKernels.Distributed;

/// <summary>
/// Signs that this process goes on, from which an <see cref="MpiGroup"/> with <see cref="MpiOptions.Stall"/> tells one that computes for long from one that hangs. Operators,
/// kernels, files and calls of the group give them by themselves; long work of a program's own has to.
/// </summary>
public static class Watchdog
{
    // Written only where it has another value: the cores that compute share its cache line.
    private static volatile bool s_marked;
    private static int s_suspended;
    private static int s_waiting;
    private static volatile bool s_isWatched;

    /// <summary>Tells that this process goes on. Any thread; takes about a nanosecond, and does nothing where nobody watches.</summary>
    public static void Mark()
    {
        if (!s_marked)
        {
            s_marked = true;
        }
    }

    /// <summary>
    /// For what may take long and cannot tell that it goes on, such as a file on a slow disk: until it is disposed, <see cref="MpiOptions.Patience"/> holds in place of
    /// <see cref="MpiOptions.Stall"/>. May be nested, on any thread.
    /// </summary>
    public static IDisposable Suspend() => new Suspension();

    internal static bool IsSuspended => Volatile.Read(ref s_suspended) > 0;

    /// <summary>Whether a thread waits for a GPU.</summary>
    internal static bool IsWaiting => Volatile.Read(ref s_waiting) > 0;

    /// <summary>Whether anybody looks for signs that are not free to give.</summary>
    internal static bool IsWatched
    {
        get => s_isWatched;
        set => s_isWatched = value;
    }

    /// <summary>Whether there was a sign since the last time. To be asked after <see cref="IsSuspended"/>.</summary>
    internal static bool TakeMark()
    {
        bool marked = s_marked;
        if (marked)
        {
            s_marked = false;
        }

        return marked;
    }

    /// <summary><see cref="Suspend"/> without an object.</summary>
    internal static Scope EnterSuspension()
    {
        Begin(ref s_suspended);
        return new Scope(ref s_suspended);
    }

    /// <summary>For what waits for a GPU, which gives signs by <see cref="Backends.Cuda.Milestones"/>: says what this process is at, and takes no time from <see cref="MpiOptions.Stall"/>.</summary>
    internal static Scope EnterDeviceWait()
    {
        Begin(ref s_waiting);
        return new Scope(ref s_waiting);
    }

    private static void Begin(ref int count)
    {
        Mark();
        _ = Interlocked.Increment(ref count);
    }

    // In this order, and looked at in the other: whoever sees that it has ended sees the sign, too.
    private static void End(ref int count)
    {
        Mark();
        _ = Interlocked.Decrement(ref count);
    }

    internal readonly ref struct Scope(ref int count)
    {
        private readonly ref int _count = ref count;

        public void Dispose() => End(ref _count);
    }

    private sealed class Suspension : IDisposable
    {
        private bool _isOver;

        public Suspension() => Begin(ref s_suspended);

        public void Dispose()
        {
            if (!Interlocked.Exchange(ref _isOver, true))
            {
                End(ref s_suspended);
            }
        }
    }
}
