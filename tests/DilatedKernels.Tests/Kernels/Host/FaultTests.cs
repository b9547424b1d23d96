namespace DilatedKernels.Tests.Kernels.Host;

/// <summary>
/// The runtime finds what it is for: each kernel in Faults/ with a deliberate bug is reported, by what it did and where, and its twin
/// without the bug passes in every order of threads.
/// </summary>
[TestFixture(HostVariant.Plain)]
[TestFixture(HostVariant.Checked)]
[TestFixture(HostVariant.PortableFibers)]
[NonParallelizable]
public class FaultTests(HostVariant variant)
{
    private const int BlockThreads = 64;
    private const int WarpThreads = 32;
    private static readonly int[] Seeds = [0, 1, 2, 3, 11, 12345];

    /// <summary>The kernels of warps.cu run in one warp.</summary>
    private static readonly string[] OneWarp = ["mask_lacks_caller", "absent_lane", "mixed_operations", "source_outside_mask", "missing_syncwarp"];

    /// <summary>What the unwatched builds make of a bug.</summary>
    public enum Symptom
    {
        /// <summary>The launch fails with the same status.</summary>
        Fault,

        /// <summary>NaNs in the result, in every order.</summary>
        NaN,

        /// <summary>Not the same result in every order.</summary>
        OrderDependent,

        /// <summary>None: only the checked build can see it.</summary>
        None,
    }

    private HostLibrary _library = null!;

    public static IEnumerable<TestCaseData> Faults()
    {
        return Cases().Select(c => new TestCaseData(c.Kernel, c.Status, c.Words, c.Symptom).SetArgDisplayNames(c.Kernel));

        static (string Kernel, HostStatus Status, string Words, Symptom Symptom)[] Cases() =>
        [
            ("missing_barrier", HostStatus.Uninitialised, "tile", Symptom.NaN),
            ("reused_tile", HostStatus.Race, "with no barrier between", Symptom.OrderDependent),
            ("divergent_barrier", HostStatus.BarrierDivergence, "while 32 threads wait at __syncthreads at barriers.cu:", Symptom.Fault),
            ("early_return", HostStatus.BarrierDivergence, "with 63 of 64 threads; thread (63,0,0) has returned", Symptom.Fault),
            ("named_barrier", HostStatus.BarrierDivergence, "barrier 1 for 32 threads", Symptom.Fault),
            ("read_beyond", HostStatus.OutOfBounds, "reads 4 bytes at bounds.cu:4, 0 bytes past the end of an allocation of 256 bytes", Symptom.NaN),
            ("write_beyond", HostStatus.OutOfBounds, "past the end", Symptom.Fault),
            ("write_beyond_shared", HostStatus.OutOfBounds, "'tile'", Symptom.Fault),
            ("index_past_row", HostStatus.OutOfBounds, "array index 16 is out of bounds", Symptom.None),
            ("misaligned_vector", HostStatus.Misaligned, "must be a multiple of 16 and is 4 past one", Symptom.Fault),
            ("index_overflow", HostStatus.UndefinedBehaviour, "signed multiplication overflows", Symptom.None),
            ("mask_lacks_caller", HostStatus.WarpDivergence, "with mask 0x0000ffff, which lacks it", Symptom.Fault),
            ("absent_lane", HostStatus.WarpDivergence, "lane 24 of the mask, thread (24,0,0), never comes: it has returned", Symptom.Fault),
            ("mixed_operations", HostStatus.WarpDivergence, "with the same mask 0xffffffff", Symptom.Fault),
            ("missing_syncwarp", HostStatus.Uninitialised, "tile", Symptom.NaN),
            ("uninitialised_shared", HostStatus.Uninitialised, "byte 0 of shared array 'tile', which no thread of the block has written", Symptom.NaN),
            ("uninitialised_dynamic", HostStatus.Uninitialised, "byte 0 of dynamic shared memory", Symptom.NaN),
            ("uninitialised_global", HostStatus.Uninitialised, "byte 0 of an allocation of 256 bytes", Symptom.NaN),
            ("async_copy_no_wait", HostStatus.AsyncCopy, "has not waited for", Symptom.NaN),
            ("async_copy_wait_for_too_few", HostStatus.AsyncCopy, "shared array 'second', the target of an asynchronous copy", Symptom.NaN),
            ("async_copy_no_barrier", HostStatus.Uninitialised, "shared array 'first'", Symptom.NaN),
            ("async_copy_overwritten", HostStatus.AsyncCopy, "writes 4 bytes", Symptom.None),
        ];
    }

    public static IEnumerable<string> CorrectKernels() => Faults().Select(c => (string)c.Arguments[0]!).Where(name => !name.StartsWith("async_copy", StringComparison.Ordinal))
        .Append("async_copy").Append("source_outside_mask");

    [OneTimeSetUp]
    public void Build()
    {
        const string Folder = "tests/DilatedKernels.Tests/Kernels/Host/Faults";
        string[] files = ["barriers", "bounds", "warps", "uninitialised", "async_copies"];
        _library = new HostLibrary(HostBuild.Build(variant, [.. files.Select(f => $"{Folder}/{f}.cu")]));
    }

    [SetUp]
    public void ResetOptions()
    {
        _library.Seed = 0;
        _library.Threads = 1;
    }

    [TestCaseSource(nameof(Faults))]
    public void BugIsFound(string kernel, HostStatus status, string words, Symptom symptom)
    {
        if (variant == HostVariant.Checked || symptom == Symptom.Fault)
        {
            (HostResult result, _) = Reverse(kernel + "_faulty", seed: 0);
            Assert.That(result.Status, Is.EqualTo(status), result.Message);
            Assert.That(result.Message, Does.Contain($"kernel '{kernel}_faulty'"));
            if (variant == HostVariant.Checked || status is HostStatus.BarrierDivergence or HostStatus.WarpDivergence)
            {
                Assert.That(result.Message, Does.Contain("block (0,0,0), thread (").And.Contain(".cu:"));
                Assert.That(result.Message, Does.Contain(words));
            }

            return;
        }

        float[][] results = [.. Seeds.Select(seed => Reverse(kernel + "_faulty", seed).Values)];
        switch (symptom)
        {
            case Symptom.NaN:
                Assert.That(results, Has.All.Some.NaN);
                break;
            case Symptom.OrderDependent:
                Assert.That(results.Skip(1), Has.Some.Not.EqualTo(results[0]));
                break;
            default:
                Assert.That(Reverse(kernel + "_faulty", seed: 0).Result.Status, Is.EqualTo(HostStatus.Ok));
                break;
        }
    }

    [TestCaseSource(nameof(CorrectKernels))]
    public void TwinPassesInEveryOrder(string kernel)
    {
        float[] expected = [.. Input(kernel).Reverse()];
        foreach (int seed in Seeds)
        {
            (HostResult result, float[] values) = Reverse(kernel + "_correct", seed);
            Assert.That(result.Status, Is.EqualTo(HostStatus.Ok), $"seed {seed}: {result.Message}");
            Assert.That(values, Is.EqualTo(expected), $"seed {seed}");
        }
    }

    [Test]
    public void LaneOutsideTheMaskGivesNaN()
    {
        (HostResult result, float[] values) = Reverse("source_outside_mask_faulty", seed: 0);
        Assert.That(result.Status, Is.EqualTo(HostStatus.Ok), result.Message);
        Assert.That(values[..16], Is.All.NaN);
        Assert.That(values[16..], Is.EqualTo(Input("source_outside_mask").Take(16).Reverse()));
    }

    [Test]
    public void AsyncCopyOutsideTheMapBringsZeros()
    {
        (HostResult result, float[] values) = Reverse("async_copy_zero_fill", seed: 2);
        Assert.That(result.Status, Is.EqualTo(HostStatus.Ok), result.Message);
        Assert.That(values, Is.EqualTo(Input("async_copy").Select((v, i) => i % 2 == 0 ? v : 0).Reverse()));
    }

    [Test]
    public void LibraryWorksOnAfterAFault()
    {
        float[] expected = [.. Input("early_return").Reverse()];
        for (int i = 0; i < 20; i++)
        {
            Assert.That(Reverse("early_return_faulty", seed: i).Result.Status, Is.EqualTo(HostStatus.BarrierDivergence));
            Assert.That(Reverse("early_return_correct", seed: i).Values, Is.EqualTo(expected));
        }
    }

    private static float[] Input(string kernel)
    {
        int count = OneWarp.Any(name => kernel.StartsWith(name, StringComparison.Ordinal)) ? WarpThreads : BlockThreads;
        return [.. Enumerable.Range(1, count).Select(i => (float)i)];
    }

    private (HostResult Result, float[] Values) Reverse(string kernel, int seed)
    {
        float[] input = Input(kernel);
        _library.Seed = seed;
        nint x = _library.Upload<float>(input), y = _library.Allocate(input.Length * sizeof(float));
        HostResult result = _library.Launch(kernel, (1, 1, 1), (input.Length, 1, 1), BlockThreads * sizeof(float), x, y, input.Length);
        float[] values = _library.Download<float>(y, input.Length);
        _library.Free(x);
        _library.Free(y);
        return (result, values);
    }
}
