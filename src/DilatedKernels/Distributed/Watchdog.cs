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

    /// <summary>Whether there was a sign since the last time.</summary>
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
        Begin();
        return new Scope(isEntered: true);
    }

    private static void Begin()
    {
        Mark();
        _ = Interlocked.Increment(ref s_suspended);
    }

    private static void End()
    {
        _ = Interlocked.Decrement(ref s_suspended);
        Mark();
    }

    internal readonly ref struct Scope(bool isEntered)
    {
        public void Dispose()
        {
            if (isEntered)
            {
                End();
            }
        }
    }

    private sealed class Suspension : IDisposable
    {
        private bool _isOver;

        public Suspension() => Begin();

        public void Dispose()
        {
            if (!Interlocked.Exchange(ref _isOver, true))
            {
                End();
            }
        }
    }
}
