using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using DilatedKernels.Distributed;
using DilatedKernels.Tests.Distributed.Nccl;

namespace DilatedKernels.Tests.Distributed;

/// <summary>One process of a job that a test has mpirun start: keeps the contract, or breaks it in some way.</summary>
internal static class MpiProcess
{
    public const string Verb = "--mpi-process";
    public const string SilenceVariable = "TEST_SILENCE";
    public const string PatienceVariable = "TEST_PATIENCE";
    public const string StartVariable = "TEST_START";
    public const string StallVariable = "TEST_STALL";
    public const int Unavailable = 3;

    /// <summary>What rank 0 says when all have joined; a time of <see cref="Stopwatch"/> follows.</summary>
    public const string Joined = "joined at";

    private const int SignalKill = 9;
    private const int SignalStop = 19;

    public static int Run(string[] arguments)
    {
        string rank = Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_RANK") ?? Environment.GetEnvironmentVariable("PMI_RANK") ?? "";
        string action = arguments[0];
        bool isTheOne = arguments.Length > 1 && arguments[1] == rank;
        if (action == "never-joins" && isTheOne)
        {
            return 0;
        }

        if (action == "stops-before-joining" && isTheOne)
        {
            _ = Signal(Environment.ProcessId, SignalStop);
        }

        MpiGroup group;
        try
        {
            group = MpiGroup.Join(new MpiOptions
            {
                Start = Seconds(StartVariable, 60),
                Silence = Seconds(SilenceVariable, 15),
                Patience = Seconds(PatienceVariable, 60),
                Stall = Environment.GetEnvironmentVariable(StallVariable) is null ? null : Seconds(StallVariable, 0),
            });
        }
        catch (MpiUnavailableException e)
        {
            Console.Error.WriteLine(e.Message);
            return Unavailable;
        }

        if (group.Rank == 0)
        {
            Console.WriteLine($"{Joined} {Stopwatch.GetTimestamp()}");
        }

        try
        {
            Act(group, action, arguments[1..], isTheOne);
            group.Dispose();
            return 0;
        }
        catch (Exception e)
        {
            group.Fail(e.Message);
            throw;
        }
    }

    private static void Act(MpiGroup group, string action, string[] arguments, bool isTheOne)
    {
        if (action == "contract")
        {
            foreach (string name in GroupContract.Cases)
            {
                GroupContract.Run(name, group);
                if (group.Rank == 0)
                {
                    Console.WriteLine($"{name}: kept");
                }
            }

            return;
        }

        if (action == NcclTraining.Action)
        {
            NcclTraining.Run(arguments[0], arguments[1], group);
            return;
        }

        group.Barrier();
        if (action == "all-pause")
        {
            // As by Ctrl-Z and, nine seconds later, fg.
            using Process alarm = Process.Start("/bin/sh", ["-c", $"sleep 9; kill -s CONT {Environment.ProcessId}"]);
            group.Barrier();
            _ = Signal(Environment.ProcessId, SignalStop);
            group.Barrier();
            Thread.Sleep(TimeSpan.FromSeconds(2));
        }

        if (action == "sums")
        {
            Sum(group, int.Parse(arguments[0], CultureInfo.InvariantCulture));
            return;
        }

        if (action == "barriers")
        {
            Console.Error.WriteLine("it goes on");
            for (long begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun) < TimeSpan.FromMinutes(1);)
            {
                group.Barrier();
            }

            return;
        }

        if (action == "leaves-sums-open")
        {
            LeaveSumsOpen(group);
            return;
        }

        if (StallingProcess.TryAct(group, action, isTheOne))
        {
            return;
        }

        if (action == "sums-otherwise")
        {
            float[] values = new float[isTheOne ? 20_000 : 10_000];
            group.BeginSum([values], group.Size, values).Wait();
        }

        if (isTheOne)
        {
            Break(group, action);
        }

        if (action == "stops-at-the-end")
        {
            return;
        }

        group.Barrier();
    }

    // Of two parts a process. The time is that from before any has begun.
    private static void Sum(MpiGroup group, int length)
    {
        const int Seed = 7;
        int parts = 2 * group.Size;
        float[] expected = TreeSums.Of(0, parts, length, Seed);
        for (int i = 0; i < 3; i++)
        {
            float[] node = TreeSums.OfNode(2 * group.Rank, 2, length, Seed);
            float[] sum = new float[length];
            long begun = Stopwatch.GetTimestamp();
            group.Barrier();
            group.BeginSum([node], parts, sum).Wait();
            TimeSpan took = Stopwatch.GetElapsedTime(begun);
            Assert.That(sum.AsSpan().SequenceEqual(expected), Is.True);
            if (group.Rank == 0)
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"summed in {took.TotalMilliseconds} ms"));
            }
        }
    }

    // Long enough that the second half of the sum is still under way when all have told that they leave.
    private static void LeaveSumsOpen(MpiGroup group)
    {
        float[] values = new float[5_000_000];
        values.AsSpan().Fill(1 + group.Rank);
        PendingSum sum = group.BeginSum([values], group.Size, values);
        group.Dispose();
        Assert.That(sum.IsCompleted, Is.True);
        sum.Wait();
        Assert.That(values.AsSpan().ContainsAnyExcept(group.Size * (group.Size + 1) / 2f), Is.False);
    }

    private static void Break(MpiGroup group, string action)
    {
        switch (action)
        {
            case "throws":
                throw new InvalidOperationException("the disk is full");
            case "throws-elsewhere":
                new Thread(() => throw new InvalidOperationException("the disk is full")).Start();
                Thread.Sleep(Timeout.Infinite);
                break;
            case "exits":
                Environment.Exit(0);
                break;
            case "leaves":
                group.Dispose();
                Environment.Exit(0);
                break;
            case "calls-otherwise":
                group.Sum([1]);
                break;
            case "stops":
                _ = Signal(Environment.ProcessId, SignalStop);
                break;
            case "stops-at-the-end":
                new Thread(() =>
                {
                    // Rank 0 comes to MPI_Finalize a little later than that.
                    Thread.Sleep(TimeSpan.FromMilliseconds(150));
                    _ = Signal(Environment.ProcessId, SignalStop);
                }).Start();
                group.Dispose();
                break;
            case "is-killed":
                _ = Signal(Environment.ProcessId, SignalKill);
                break;
            case "hangs-before-leaving":
                group.Barrier();
                Thread.Sleep(Timeout.Infinite);
                break;
            case "hangs":
                Thread.Sleep(Timeout.Infinite);
                break;
            case "null":
                // .NET's own way to notice these must survive the start of MPI.
                string? text = Environment.GetEnvironmentVariable("NO_SUCH_VARIABLE");
                Assert.That(() => text!.Length, Throws.InstanceOf<NullReferenceException>());
                break;
            default:
                throw new ArgumentException($"There is no action '{action}'.");
        }
    }

    private static TimeSpan Seconds(string variable, int usual) =>
        TimeSpan.FromSeconds(Environment.GetEnvironmentVariable(variable) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : usual);

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
}
