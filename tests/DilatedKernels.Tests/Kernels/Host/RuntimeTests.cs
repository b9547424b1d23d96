namespace DilatedKernels.Tests.Kernels.Host;

/// <summary>Device memory, launches and their errors, through the C interface.</summary>
[TestFixture(HostVariant.Plain)]
[TestFixture(HostVariant.Checked)]
[NonParallelizable]
public class RuntimeTests(HostVariant variant)
{
    private HostLibrary _library = null!;

    [OneTimeSetUp]
    public void Build() => _library = new HostLibrary(HostBuild.Build(variant, "tests/DilatedKernels.Tests/Kernels/Host/Samples/language.cu"));

    [SetUp]
    public void ResetOptions()
    {
        _library.Seed = 0;
        _library.Threads = 0;
    }

    [Test]
    public void FreshMemoryIsNaN()
    {
        nint address = _library.Allocate(103);
        Assert.That((long)address % 256, Is.Zero);
        Assert.That(_library.Download<float>(address, 25), Is.All.NaN);
        Assert.That(_library.Free(address).Status, Is.EqualTo(HostStatus.Ok));
    }

    [Test]
    public void StatisticsFollowAllocations()
    {
        (ulong liveBytes, ulong liveCount, _, ulong totalCount) = _library.Memory;
        nint first = _library.Allocate(1000), second = _library.Allocate(0);
        Assert.That(_library.Memory.LiveBytes, Is.EqualTo(liveBytes + 1000));
        Assert.That(_library.Memory.LiveCount, Is.EqualTo(liveCount + 2));
        Assert.That(_library.Memory.PeakBytes, Is.GreaterThanOrEqualTo(liveBytes + 1000));
        _library.Free(first);
        _library.Free(second);
        Assert.That(_library.Memory.LiveBytes, Is.EqualTo(liveBytes));
        Assert.That(_library.Memory.LiveCount, Is.EqualTo(liveCount));
        Assert.That(_library.Memory.TotalCount, Is.EqualTo(totalCount + 2));
    }

    [Test]
    public void FreeingTwiceIsAnError()
    {
        nint address = _library.Allocate(64);
        _library.Free(address);
        HostResult again = _library.Free(address);
        Assert.That(again.Status, Is.EqualTo(HostStatus.UseAfterFree));
        Assert.That(again.Message, Does.Contain("64 bytes").And.Contain("freed before"));
        Assert.That(_library.Free(address + 8).Status, Is.EqualTo(HostStatus.InvalidArgument));
        Assert.That(_library.Free(0).Status, Is.EqualTo(HostStatus.Ok));
    }

    [Test]
    public void AllocatingTooMuchIsAnError()
    {
        Assert.That(() => _library.Allocate(long.MaxValue), Throws.InstanceOf<AssertionException>().With.Message.Contains("OutOfMemory"));
    }

    [Test]
    public unsafe void OverwrittenGuardIsFoundWhereverItIsChecked()
    {
        nint address = _library.Allocate(100);
        byte* past = (byte*)address + 103;
        byte before = *past;
        *past ^= 1;
        HostResult check = _library.CheckMemory();
        Assert.That(check.Status, Is.EqualTo(HostStatus.OutOfBounds));
        Assert.That(check.Message, Does.Contain("past the end, at byte +3, of an allocation of 100 bytes"));
        *past = before;
        Assert.That(_library.CheckMemory().Status, Is.EqualTo(HostStatus.Ok));

        *((byte*)address - 1) ^= 1;
        HostResult free = _library.Free(address);
        Assert.That(free.Status, Is.EqualTo(HostStatus.OutOfBounds));
        Assert.That(free.Message, Does.Contain("before the start, at byte -1, of an allocation of 100 bytes"));
        *((byte*)address - 1) ^= 1;
    }

    [Test]
    public unsafe void WritingAfterFreeIsFound()
    {
        nint address = _library.Allocate(4096);
        _library.Free(address);
        *(float*)(address + 400) = 1;
        HostResult check = _library.CheckMemory();
        Assert.That(check.Status, Is.EqualTo(HostStatus.UseAfterFree));
        Assert.That(check.Message, Does.Contain("byte 400 of an allocation of 4096 bytes").Or.Contain("byte 401").Or.Contain("byte 402"));
        *(uint*)(address + 400) = 0xFFDEFFDE;
        Assert.That(_library.CheckMemory().Status, Is.EqualTo(HostStatus.Ok));
    }

    [Test]
    public void KernelThatReadsFreedMemoryIsFound()
    {
        nint x = _library.Upload<float>(new float[64]), y = _library.Allocate(256);
        _library.Free(x);
        HostResult result = _library.Launch("copy", (1, 1, 1), (64, 1, 1), 0, x, y, 64L);
        if (variant == HostVariant.Checked)
        {
            Assert.That(result.Status, Is.EqualTo(HostStatus.UseAfterFree));
            Assert.That(result.Message, Does.Contain("byte 0 of a freed allocation of 256 bytes"));
        }
        else
        {
            Assert.That(_library.Download<float>(y, 64), Is.All.NaN);
        }
    }

    [Test]
    public void CopiesStayInsideTheirAllocations()
    {
        nint x = _library.Upload<float>([1, 2, 3, 4, 5, 6, 7, 8]), y = _library.Allocate(32);
        Assert.That(_library.CopyOnDevice(y + 8, x, 16).Status, Is.EqualTo(HostStatus.Ok));
        Assert.That(_library.Download<float>(y + 8, 4), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
        HostResult tooLong = _library.CopyOnDevice(y + 8, x, 28);
        Assert.That(tooLong.Status, Is.EqualTo(HostStatus.OutOfBounds));
        Assert.That(tooLong.Message, Is.EqualTo("the target of a copy of 28 bytes begins at byte 8 of an allocation of 32 bytes"));
        Assert.That(_library.CopyOnDevice(y, 4096, 4).Status, Is.EqualTo(HostStatus.InvalidArgument));
    }

    [TestCase(0xABu, 1, 9, new byte[] { 0xAB, 0xAB, 0xAB, 0xAB })]
    [TestCase(0x1234u, 2, 5, new byte[] { 0x34, 0x12, 0x34, 0x12 })]
    [TestCase(0x12345678u, 4, 3, new byte[] { 0x78, 0x56, 0x34, 0x12 })]
    public void FillWritesElements(uint value, int elementBytes, int count, byte[] pattern)
    {
        nint y = _library.Allocate(64);
        Assert.That(_library.Fill(y, value, elementBytes, count).Status, Is.EqualTo(HostStatus.Ok));
        byte[] bytes = _library.Download<byte>(y, 64);
        Assert.That(bytes[..(elementBytes * count)], Is.EqualTo(Enumerable.Range(0, elementBytes * count).Select(i => pattern[i % 4])));
        Assert.That(bytes[(elementBytes * count)..], Is.All.EqualTo(0xFF));
        Assert.That(_library.Fill(y, 0, 4, 17).Status, Is.EqualTo(HostStatus.OutOfBounds));
        Assert.That(_library.Fill(y, 0, 3, 1).Status, Is.EqualTo(HostStatus.InvalidArgument));
    }

    [Test]
    public void UnknownKernelListsTheKnownOnes()
    {
        HostResult result = _library.Find("conv3d", out _);
        Assert.That(result.Status, Is.EqualTo(HostStatus.NotFound));
        Assert.That(result.Message, Does.StartWith("there is no kernel 'conv3d'; there are: ").And.Contain("shuffles"));
        Assert.That(_library.KernelNames(), Does.Contain("shuffles").And.Contain("copy"));
    }

    [TestCase(0, 1, 1, 32, 1, 1, "grid (0,1,1)")]
    [TestCase(1, 65536, 1, 32, 1, 1, "grid (1,65536,1)")]
    [TestCase(1, 1, 1, 1025, 1, 1, "block (1025,1,1)")]
    [TestCase(1, 1, 1, 32, 33, 1, "block (32,33,1)")]
    [TestCase(1, 1, 1, 1, 1, 65, "block (1,1,65)")]
    public void LaunchesThatADeviceRefusesAreRefused(int gx, int gy, int gz, int bx, int by, int bz, string words)
    {
        HostResult result = _library.Launch("trap_at", (gx, gy, gz), (bx, by, bz), 0, -1);
        Assert.That(result.Status, Is.EqualTo(HostStatus.InvalidArgument));
        Assert.That(result.Message, Does.Contain("kernel 'trap_at'").And.Contain(words));
    }

    [Test]
    public void TooMuchDynamicSharedMemoryIsRefused()
    {
        HostResult result = _library.Launch("trap_at", (1, 1, 1), (32, 1, 1), (227 * 1024) + 1, -1);
        Assert.That(result.Status, Is.EqualTo(HostStatus.InvalidArgument));
        Assert.That(result.Message, Does.Contain("232448"));
    }

    [Test]
    public void LaunchesFromManyThreadsDoNotMix()
    {
        float[] input = [.. Enumerable.Range(0, 10_000).Select(i => (float)i)];
        nint x = _library.Upload<float>(input);
        Parallel.For(0, 16, i =>
        {
            nint y = _library.Allocate(input.Length * 4L);
            _library.MustLaunch("copy", (40, 1, 1), (256, 1, 1), x, y, (long)input.Length);
            Assert.That(_library.Download<float>(y, input.Length), Is.EqualTo(input));
            _library.Free(y);
        });
    }
}
