namespace DilatedKernels.Distributed;

/// <summary>Moves bytes between the members of a <see cref="LocalGroup"/>: a message is copied when sender and receiver have both come.</summary>
internal sealed class LocalPost
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Route, Queue<Waiting>> _waiting = [];

    /// <summary>From whom to whom, and under which tag.</summary>
    public readonly record struct Route(int From, int To, int Tag);

    public Task Send(Route route, Block data) => Meet(route, data, isSend: true);

    public Task Receive(Route route, Block data) => Meet(route, data, isSend: false);

    // One route's queue holds senders or receivers, never both.
    private Task Meet(Route route, Block data, bool isSend)
    {
        Waiting other;
        lock (_lock)
        {
            if (!_waiting.TryGetValue(route, out Queue<Waiting>? queue))
            {
                _waiting.Add(route, queue = new Queue<Waiting>());
            }

            if (!queue.TryPeek(out other) || other.IsSend == isSend)
            {
                var waiting = new Waiting(data, isSend, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
                queue.Enqueue(waiting);
                return waiting.Done.Task;
            }

            _ = queue.Dequeue();
            if (queue.Count == 0)
            {
                _ = _waiting.Remove(route);
            }
        }

        (Block source, Block target) = isSend ? (data, other.Data) : (other.Data, data);
        // Where the lengths differ, the header before has said so, and the call fails.
        Copy(source, target);
        other.Done.SetResult();
        return Task.CompletedTask;
    }

    private static unsafe void Copy(Block source, Block target) =>
        Buffer.MemoryCopy((void*)source.Address, (void*)target.Address, target.Length, Math.Min(source.Length, target.Length));

    private readonly record struct Waiting(Block Data, bool IsSend, TaskCompletionSource Done);
}
