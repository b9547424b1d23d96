using System.Diagnostics;
using System.Globalization;
using System.Text;
using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;

namespace DilatedKernels.Distributed.Nccl;

/// <summary>
/// How the processes of a group come to one answer whether NCCL joins their GPUs. NCCL itself may wait for ever for a process that has no GPU, has another version, or shares its GPU; so all of that is told
/// before it is asked, and whoever waits in its start learns when another has failed there.
/// </summary>
internal sealed class NcclAgreement(ProcessGroup group, Backend backend)
{
    // Others may need a little longer to fail too.
    private static readonly TimeSpan Courtesy = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestLook = TimeSpan.FromMilliseconds(100);

    private enum Start : byte
    {
        Waits,
        Done,
        Failed,
    }

    /// <summary>How long NCCL may take to start.</summary>
    public TimeSpan LongestStart { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Why there is no link, one reason for all; null where there is one, or where no process has a GPU.</summary>
    public string? WhyNot { get; private set; }

    /// <summary>Whether all had what NCCL needs, and it failed.</summary>
    public bool HasFailedToStart { get; private set; }

    /// <summary>Comes to the answer.</summary>
    /// <param name="current">What joins this process's GPU already, or null.</param>
    /// <param name="number">The number of a new link.</param>
    /// <returns>The current link, a new one, or null: the same on all.</returns>
    public NcclLink? Link(NcclLink? current, int number)
    {
        NcclLibrary? nccl = null;
        Offer own = MakeOffer(current, ref nccl);
        Offer[] all = [.. group.AllGather(own.ToBytes()).Select(Offer.Read)];
        if (all.All(offer => !offer.HasGpu))
        {
            return null;
        }

        if (all[0].Link > 0 && all.All(offer => offer.Link == all[0].Link))
        {
            return current;
        }

        WhyNot = FindHindrance(all);
        if (WhyNot is not null)
        {
            return null;
        }

        var cuda = (CudaBackend)backend;
        NcclCommunicator? communicator = TryGetId(nccl!, out NcclUniqueId id) ? Join(nccl!, cuda.Context, id) : null;
        HasFailedToStart = communicator is null;
        return communicator is null ? null : new NcclLink(group, cuda, communicator, number);
    }

    private static string? FindReason(ICudaDriver driver, int bus, ref NcclLibrary? nccl)
    {
        if (bus < 0)
        {
            return $"the device of the driver {driver.Name} is on no PCI bus, by which NCCL knows GPUs";
        }

        nccl = NcclLibrary.TryLoad(out string reason);
        return nccl is null ? reason : null;
    }

    private Offer MakeOffer(NcclLink? current, ref NcclLibrary? nccl)
    {
        if (backend is not CudaBackend cuda)
        {
            return new Offer(HasGpu: false, 0, 0, "", $"{group.NameOf(group.Rank)} computes on the processor");
        }

        ICudaDriver driver = cuda.Context.Driver;
        int ordinal = cuda.Context.Device.Ordinal;
        int bus = driver.GetProperty(ordinal, DeviceProperty.PciBus);
        string? reason = FindReason(driver, bus, ref nccl);
        if (reason is not null)
        {
            return new Offer(HasGpu: true, 0, 0, "", group.Size == 1 ? reason : $"{group.NameOf(group.Rank)}: {reason}");
        }

        string address = string.Create(
            CultureInfo.InvariantCulture,
            $"{driver.GetProperty(ordinal, DeviceProperty.PciDomain):x4}:{bus:x2}:{driver.GetProperty(ordinal, DeviceProperty.PciDevice):x2}");
        return new Offer(HasGpu: true, nccl!.Version, current?.Number ?? 0, address, "");
    }

    private string? FindHindrance(Offer[] all)
    {
        if (all.FirstOrDefault(offer => offer.Reason.Length > 0) is { } without)
        {
            return without.Reason;
        }

        for (int rank = 1; rank < all.Length; rank++)
        {
            if (all[rank].Version != all[0].Version)
            {
                return $"{group.NameOf(rank)} has NCCL {NcclLibrary.VersionOf(all[rank].Version)}, and rank 0 {NcclLibrary.VersionOf(all[0].Version)}";
            }

            for (int other = 0; other < rank; other++)
            {
                if (all[rank].Address == all[other].Address && group.HostOf(rank) == group.HostOf(other))
                {
                    return $"{group.NameOf(rank)} and rank {other} share the GPU {all[rank].Address}, and it takes one process a GPU";
                }
            }
        }

        return null;
    }

    private bool TryGetId(NcclLibrary nccl, out NcclUniqueId id)
    {
        byte[] message = [];
        if (group.Rank == 0)
        {
            try
            {
                message = [1, .. NcclCommunicator.NewId(nccl).ToArray()];
            }
            catch (NcclException e)
            {
                message = [0, .. Encoding.UTF8.GetBytes($"{group.NameOf(0)}: {e.Message}")];
            }
        }

        byte[] first = group.AllGather(message)[0];
        bool isThere = first[0] == 1;
        id = isThere ? NcclUniqueId.From(first.AsSpan(1)) : default;
        WhyNot = isThere ? null : Encoding.UTF8.GetString(first.AsSpan(1));
        return isThere;
    }

    private NcclCommunicator? Join(NcclLibrary nccl, ICudaContext context, NcclUniqueId id)
    {
        var joined = new TaskCompletionSource<NcclCommunicator>();
        new Thread(() =>
        {
            try
            {
                joined.SetResult(NcclCommunicator.Join(nccl, context, id, group.Size, group.Rank));
            }
            catch (Exception e)
            {
                joined.SetException(e);
            }
        })
        { IsBackground = true, Name = "DilatedKernels NCCL" }.Start();
        long began = Stopwatch.GetTimestamp();
        TimeSpan look = FirstLook;
        TimeSpan? failed = null;
        while (true)
        {
            _ = Task.WaitAny([joined.Task], look);
            look = look * 2 < LongestLook ? look * 2 : LongestLook;

            // Rank 0's clock is everybody's, so that all give up in the same round.
            (Start State, TimeSpan Time, string Reason)[] all = [.. group.AllGather(StateOf(joined.Task, Stopwatch.GetElapsedTime(began))).Select(Read)];
            if (all.All(one => one.State == Start.Done))
            {
                return joined.Task.Result;
            }

            TimeSpan now = all[0].Time;
            failed ??= all.Any(one => one.State == Start.Failed) ? now : null;
            if (failed is null ? now > LongestStart : now - failed > Courtesy || all.All(one => one.State != Start.Waits))
            {
                _ = joined.Task.ContinueWith(late => late.Result.Abort(), TaskContinuationOptions.OnlyOnRanToCompletion);
                int rank = Array.FindIndex(all, one => one.State == (failed is null ? Start.Waits : Start.Failed));
                WhyNot = $"{group.NameOf(rank)}: {(failed is null ? string.Create(CultureInfo.InvariantCulture, $"ncclCommInitRank has not returned after {now.TotalSeconds:0} s") : all[rank].Reason)}";
                return null;
            }
        }
    }

    private static byte[] StateOf(Task joined, TimeSpan time)
    {
        Start state = !joined.IsCompleted ? Start.Waits : joined.IsCompletedSuccessfully ? Start.Done : Start.Failed;
        string reason = joined.Exception?.InnerException?.Message ?? "";
        return [(byte)state, .. BitConverter.GetBytes(time.Ticks), .. Encoding.UTF8.GetBytes(reason)];
    }

    private static (Start State, TimeSpan Time, string Reason) Read(byte[] message) =>
        ((Start)message[0], new TimeSpan(BitConverter.ToInt64(message, 1)), Encoding.UTF8.GetString(message.AsSpan(1 + sizeof(long))));

    /// <summary>What a process brings.</summary>
    /// <param name="HasGpu">Whether its device is a GPU.</param>
    /// <param name="Version">The version of its NCCL.</param>
    /// <param name="Link">The number of what joins its GPU already; 0 for none.</param>
    /// <param name="Address">The GPU's place in its machine.</param>
    /// <param name="Reason">Why it cannot be joined; empty where it can.</param>
    private sealed record Offer(bool HasGpu, int Version, int Link, string Address, string Reason)
    {
        public static Offer Read(byte[] message)
        {
            string[] lines = Encoding.UTF8.GetString(message).Split('\n', 5);
            return new Offer(lines[0] == "gpu", int.Parse(lines[1], CultureInfo.InvariantCulture), int.Parse(lines[2], CultureInfo.InvariantCulture), lines[3], lines[4]);
        }

        public byte[] ToBytes() => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{(HasGpu ? "gpu" : "cpu")}\n{Version}\n{Link}\n{Address}\n{Reason}"));
    }
}
