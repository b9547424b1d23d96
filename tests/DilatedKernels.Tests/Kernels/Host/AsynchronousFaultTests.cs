namespace DilatedKernels.Tests.Kernels.Host;

/// <summary>What is wrong with tensor copies, mbarriers and wgmma is found, by what was done and where; the kernel without the bug passes in every order.</summary>
[TestFixture(HostVariant.Plain)]
[TestFixture(HostVariant.Checked)]
[NonParallelizable]
public class AsynchronousFaultTests(HostVariant variant)
{
    private static readonly int[] Seeds = [0, 1, 2, 3, 11, 12345];

    private readonly float[] _x = [.. Enumerable.Range(1, 256).Select(i => (float)i)];
    private HostLibrary _library = null!;
    private nint _device;
    private byte[] _map = null!;

    [OneTimeSetUp]
    public void Build()
    {
        const string Folder = "tests/DilatedKernels.Tests/Kernels/Host/Faults";
        _library = new HostLibrary(HostBuild.Build(variant, $"{Folder}/tensor_copies.cu", $"{Folder}/warpgroup_products.cu"));
        _device = _library.Upload<float>(_x);
        Assert.That(_library.EncodeTiled(new HostTensor(_device, 4, 0, [32, 8, 1]), [32, 8, 1], out _map).Message, Is.Empty);
    }

    [TestCase("no_init", HostStatus.Mbarrier, "arrives at tensor_copies.cu:")]
    [TestCase("no_fence", HostStatus.Mbarrier, "whose init was not followed by mbarrier_fence_init")]
    [TestCase("no_syncthreads", HostStatus.Mbarrier, "with no barrier since thread (0,0,0) initialised it")]
    [TestCase("initialised_twice", HostStatus.Mbarrier, "again at tensor_copies.cu:")]
    [TestCase("too_few_bytes", HostStatus.Mbarrier, "which lacks 0 of 1 arrivals and -16 bytes, and nothing is on its way")]
    [TestCase("too_many_bytes", HostStatus.Mbarrier, "which lacks 0 of 1 arrivals and 16 bytes, and nothing is on its way")]
    [TestCase("arrives_twice", HostStatus.Mbarrier, "for whose phase all 1 arrivals have come")]
    [TestCase("wrong_phase", HostStatus.Mbarrier, "for phase 1 of the mbarrier at byte 0 of shared array 'full', which lacks 1 of 1 arrivals")]
    [TestCase("nobody_waits", HostStatus.Mbarrier, "all threads have returned while 1 tensor copies were on their way")]
    [TestCase("misaligned", HostStatus.Misaligned, "no multiple of 128")]
    [TestCase("beyond_array", HostStatus.OutOfBounds, "outside every shared array")]
    [TestCase("not_a_tile", HostStatus.InvalidArgument, "of 4 axes, im2col, with something else than such a tensor map")]
    public void CopyBugIsFound(string kernel, HostStatus status, string words) => Expect(Copy($"tensor_copy_{kernel}", 0).Result, status, words);

    [TestCase("no_wait")]
    [TestCase("wrong_parity")]
    public void CopyThatIsUsedTooEarlyIsFound(string kernel)
    {
        (HostResult result, float[] values) = Copy($"tensor_copy_{kernel}", 0);
        ExpectCheckedOrNaN(result, values, HostStatus.AsyncCopy, "the target of an asynchronous copy that thread (0,0,0) began at tensor_copies.cu:");
    }

    [Test]
    public void CopyThatIsWrittenOverIsFound()
    {
        Assume.That(variant, Is.EqualTo(HostVariant.Checked), "only the checked build sees writes");
        Expect(Copy("tensor_copy_overwritten", 0).Result, HostStatus.AsyncCopy, "writes 4 bytes");
    }

    [Test]
    public void TensorMustBeWhereMemoryIs()
    {
        nint freed = _library.Upload<float>(_x);
        _library.EncodeTiled(new HostTensor(freed, 4, 0, [32, 8, 1]), [32, 8, 1], out byte[] late);
        _library.EncodeTiled(new HostTensor(_device, 4, 0, [32, 9, 1]), [32, 8, 1], out byte[] large);
        _library.Free(freed);
        Expect(Launch("tensor_copy_correct", late, 64, 256, 0).Result, HostStatus.UseAfterFree, "from a tensor of 1024 bytes");
        Expect(Launch("tensor_copy_correct", large, 64, 256, 0).Result, HostStatus.OutOfBounds, "from a tensor of 1152 bytes");
        Expect(Launch("tensor_copy_correct", new byte[128], 64, 256, 0).Result, HostStatus.InvalidArgument, "something else than such a tensor map");
    }

    [TestCase("no_fence", HostStatus.Warpgroup, "with no wgmma_fence since they were free")]
    [TestCase("no_wait_at_all", HostStatus.Warpgroup, "has returned without a wait for its last wgmma")]
    [TestCase("changed", HostStatus.Warpgroup, "accumulators that were changed on their way")]
    [TestCase("absent_warp", HostStatus.Warpgroup, "never comes: it has returned")]
    [TestCase("other_operand", HostStatus.Warpgroup, "with other descriptors, at warpgroup_products.cu:")]
    [TestCase("unaligned_operand", HostStatus.Warpgroup, "a that starts 128 bytes past a multiple of 1024")]
    [TestCase("beyond_array", HostStatus.OutOfBounds, "with row 0 of a at 7864 bytes past the end of shared array 'full' (8 bytes): out of bounds")]
    [TestCase("operand_overwritten", HostStatus.Warpgroup, "which a wgmma reads that 128 threads have not waited for")]
    public void ProductBugIsFound(string kernel, HostStatus status, string words) => Expect(Multiply($"warpgroup_{kernel}", 0).Result, status, words);

    [TestCase("no_wait")]
    [TestCase("waits_for_too_few")]
    public void AccumulatorsAreNaNUntilTheWait(string kernel)
    {
        (HostResult result, float[] values) = Multiply($"warpgroup_{kernel}", 0);
        Assert.That(result.Message, Is.Empty);
        Assert.That(values, Is.All.NaN);
    }

    [Test]
    public void OperandsThatNobodyWroteAreFound()
    {
        (HostResult result, float[] values) = Multiply("warpgroup_not_written", 0);
        ExpectCheckedOrNaN(result, values, HostStatus.Uninitialised, "which no thread of the block has written so far");
    }

    [Test]
    public void CorrectKernelsPassInEveryOrder()
    {
        foreach (int seed in Seeds)
        {
            (HostResult copied, float[] values) = Copy("tensor_copy_correct", seed);
            Assert.That(copied.Message, Is.Empty, $"seed {seed}");
            Assert.That(values, Is.EqualTo(_x), $"seed {seed}");
            (HostResult multiplied, float[] products) = Multiply("warpgroup_correct", seed);
            Assert.That(multiplied.Message, Is.Empty, $"seed {seed}");
            Assert.That(products, Is.All.EqualTo(16f), $"seed {seed}");
        }
    }

    private static void Expect(HostResult result, HostStatus status, string words)
    {
        Assert.That(result.Status, Is.EqualTo(status), result.Message);
        Assert.That(result.Message, Does.StartWith("kernel '").And.Contain("block (0,0,0)").And.Contain(words));
    }

    private void ExpectCheckedOrNaN(HostResult result, float[] values, HostStatus status, string words)
    {
        if (variant == HostVariant.Checked)
        {
            Expect(result, status, words);
        }
        else
        {
            Assert.That(result.Message, Is.Empty);
            Assert.That(values, Is.All.NaN);
        }
    }

    private (HostResult Result, float[] Values) Copy(string kernel, int seed) => Launch(kernel, _map, 64, 256, seed);

    private (HostResult Result, float[] Values) Multiply(string kernel, int seed) => Launch(kernel, _map, 128, 64 * 16, seed);

    private (HostResult Result, float[] Values) Launch(string kernel, byte[] map, int threads, int count, int seed)
    {
        _library.Seed = seed;
        nint y = _library.Allocate(count * sizeof(float));
        // One tile of the products; one box, however it is aligned, is less.
        int shared = threads == 64 ? 1024 + 64 : 8192 + 1024;
        HostResult result = _library.Launch(kernel, (1, 1, 1), (threads, 1, 1), shared, map, y);
        float[] values = _library.Download<float>(y, count);
        _library.Free(y);
        return (result, values);
    }
}
