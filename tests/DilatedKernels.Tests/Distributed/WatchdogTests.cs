using DilatedKernels.Backends.Cpu;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Distributed;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Tests.Backends.Cuda.Driver.Faulty;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Distributed;

/// <summary>Signs that a process goes on. They are the whole process's, so that nothing else may run.</summary>
[NonParallelizable]
public class WatchdogTests
{
    [SetUp]
    public void Forget() => Watchdog.TakeMark();

    [Test]
    public void AMarkIsTakenOnce()
    {
        Watchdog.Mark();
        Watchdog.Mark();
        Assert.That(Watchdog.TakeMark(), Is.True);
        Assert.That(Watchdog.TakeMark(), Is.False);
    }

    [Test]
    public void ASuspensionBeginsAndEndsWithASign()
    {
        IDisposable outer = Watchdog.Suspend();
        Assert.That((Watchdog.TakeMark(), Watchdog.IsSuspended), Is.EqualTo((true, true)));
        using (Watchdog.Suspend())
        {
            Assert.That(Watchdog.IsSuspended, Is.True);
        }

        Assert.That((Watchdog.TakeMark(), Watchdog.IsSuspended), Is.EqualTo((true, true)));
        outer.Dispose();
        outer.Dispose();
        Assert.That((Watchdog.TakeMark(), Watchdog.IsSuspended), Is.EqualTo((true, false)));
        Assert.That(Watchdog.TakeMark(), Is.False);
    }

    [TestCase(1)]
    [TestCase(2)]
    public void EveryPieceOfAnOperatorIsASign(int threads)
    {
        using var pool = new WorkerPool(threads);
        int marked = 0;
        pool.For(8, _ =>
        {
            // The other thread's pieces mark too.
            marked += threads == 1 && Watchdog.TakeMark() ? 1 : 0;
        });
        Assert.That(threads == 1 ? marked == 8 : Watchdog.TakeMark(), Is.True);
    }

    [Test]
    public void AKernelIsASign()
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        using Device device = HostDevice.Open(driver!);
        using Tensor x = Tensor.Zeros(device, new Shape(1, 1, 2, 2));
        Watchdog.TakeMark();
        using Tensor y = Ops.Relu(x);
        Assert.That(Watchdog.TakeMark(), Is.True);
        Assert.That(Watchdog.IsSuspended, Is.False);
    }

    [Test]
    public void WhereItIsWatchedAQueueOfKernelsGivesSignsOnItsWay([Values] bool isWatched)
    {
        HostDriver? host = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(host is not null, BuildPart.Host, reason);
        var driver = new FaultyDriver(host!);
        using Device device = HostDevice.Open(driver);
        using Tensor x = Tensor.Zeros(device, new Shape(1, 1, 2, 2));
        Watchdog.IsWatched = isWatched;
        try
        {
            for (int round = 0; round < 2; round++)
            {
                driver.Opened.Calls.Clear();
                for (int i = 0; i < 2 * Milestones.Interval; i++)
                {
                    Ops.Relu(x).Dispose();
                }

                device.Synchronize();
                Assert.That(driver.Opened.Calls.Count(call => call == "Record"), Is.EqualTo(isWatched ? 2 : 0));
                Assert.That(driver.Opened.Calls.Count(call => call == "SynchronizeEvent"), Is.EqualTo(isWatched ? 1 : 0), "of the other was noted that it had happened");
                Assert.That(driver.Opened.Calls, round == 0 ? Is.Not.Empty : Does.Not.Contain("CreateEvent"), "they are used again");
            }
        }
        finally
        {
            Watchdog.IsWatched = false;
        }
    }

    [Test]
    public void AWaitForAGpuIsOneAndNoSuspension()
    {
        HostDriver? host = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(host is not null, BuildPart.Host, reason);
        var driver = new FaultyDriver(host!);
        using Device device = HostDevice.Open(driver);
        (bool IsWaiting, bool IsSuspended) seen = default;
        driver.Opened.OnWait = () => seen = (Watchdog.IsWaiting, Watchdog.IsSuspended);
        device.Synchronize();
        Assert.That(seen, Is.EqualTo((true, false)));
        Assert.That(Watchdog.IsWaiting, Is.False);
    }

    [Test]
    public void FilesAreWrittenWithoutOne()
    {
        using var folder = new TemporaryFolder();
        bool wasSuspended = false;
        AtomicFile.Write(folder["file"], _ => wasSuspended = Watchdog.IsSuspended);
        Assert.That((wasSuspended, Watchdog.IsSuspended), Is.EqualTo((true, false)));
    }
}
