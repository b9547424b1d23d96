using DilatedKernels.Distributed;

namespace DilatedKernels.Tests.Distributed;

/// <summary>Runs something as all members of a group, each a thread.</summary>
internal static class LocalThreads
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Throws what the first member that failed threw.</summary>
    public static void Run(int size, Action<ProcessGroup> body)
    {
        Exception?[] errors = Errors(size, body);
        if (errors.FirstOrDefault(error => error is not null) is { } first)
        {
            throw new AssertionException($"A member failed: {first}", first);
        }
    }

    /// <summary>What each member threw, or null. A member that throws has failed.</summary>
    public static Exception?[] Errors(int size, Action<ProcessGroup> body)
    {
        LocalGroup[] members = LocalGroup.Create(size);
        var errors = new Exception?[size];
        Thread[] threads = [.. members.Select(member => new Thread(() => errors[member.Rank] = Try(member, body)) { IsBackground = true })];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            Assert.That(thread.Join(Patience), Is.True, "A member did not end.");
        }

        return errors;
    }

    private static Exception? Try(LocalGroup member, Action<ProcessGroup> body)
    {
        try
        {
            body(member);
            return null;
        }
        catch (Exception e)
        {
            try
            {
                member.Fail(e.Message);
            }
            catch (ProcessGroupException)
            {
            }

            return e;
        }
    }
}
