using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver;

/// <summary>What every binding to the driver must do. Each runs it where it can; the kernel is the library's <c>add_f32(x, z, y, count)</c>, y = x + z.</summary>
[NonParallelizable]
public abstract unsafe partial class CudaDriverContract
{
    private const int Count = 1000;

    private ICudaDriver _driver = null!;
    private ICudaContext _context = null!;
    private StreamHandle _stream;
    private KernelModuleHandle _module;

    protected ICudaDriver Driver => _driver;

    protected ICudaContext Context => _context;

    protected StreamHandle Stream => _stream;

    /// <summary>Whether tensors can be described to the copy engine.</summary>
    protected virtual bool HasTensorMaps => true;

    /// <summary>Opens the binding, or skips the test with the reason.</summary>
    protected abstract ICudaDriver OpenDriver();

    /// <summary>An image that has the contract's kernel.</summary>
    protected abstract ReadOnlySpan<byte> KernelImage { get; }

    [SetUp]
    public void Open()
    {
        _driver = OpenDriver();
        _context = _driver.Open(0);
        _stream = _context.CreateStream();
        _module = _context.LoadModule(KernelImage);
    }

    [TearDown]
    public void Close()
    {
        // Null when OpenDriver skipped the test.
        _context?.Dispose();
    }

    [Test]
    public void DescribesItsDevices()
    {
        Assert.That(_driver.DeviceCount, Is.GreaterThan(0));
        CudaDeviceDescription device = _driver.Describe(0);
        Assert.That(device.Name, Is.Not.Empty);
        Assert.That(device.Architecture, Is.GreaterThanOrEqualTo(75));
        Assert.That(device.MemoryBytes, Is.GreaterThan(0));
        Assert.That(device.Multiprocessors, Is.EqualTo(_driver.GetProperty(0, DeviceProperty.Multiprocessors)));
        Assert.That(device.MaxSharedBytesPerBlock, Is.GreaterThanOrEqualTo(48 << 10));
        Assert.That(_context.Device, Is.EqualTo(device));
        Assert.That(_driver.GetProperty(0, DeviceProperty.WarpSize), Is.EqualTo(32));
        Assert.That(device.ToString(), Does.StartWith("cuda:0 ").And.Contain($"sm_{device.Architecture}"));
    }

    [Test]
    public void RefusesDevicesThatAreNotThere([Values(-1, 1000)] int ordinal)
    {
        ArgumentOutOfRangeException e = Assert.Throws<ArgumentOutOfRangeException>(() => _driver.Open(ordinal))!;
        Assert.That(e.Message, Does.Contain($"no device {ordinal}"));
        Assert.Throws<ArgumentOutOfRangeException>(() => _driver.Describe(ordinal));
        Assert.Throws<ArgumentOutOfRangeException>(() => _driver.GetProperty(ordinal, DeviceProperty.WarpSize));
    }

    [Test]
    public void CopiesThereAndBack()
    {
        float[] values = Values(Count);
        DevicePointer memory = Upload(values);
        DevicePointer copy = _context.Allocate(Count * sizeof(float), _stream);
        Assert.That(memory.Value % 256, Is.Zero);
        Assert.That(copy, Is.Not.EqualTo(memory));

        _context.CopyOnDevice(memory, copy, Count * sizeof(float), _stream);
        Assert.That(Download(copy, Count), Is.EqualTo(values));
        Assert.That(Download(copy + (10 * sizeof(float)), Count - 10), Is.EqualTo(values[10..]));
        _context.Free(memory, _stream);
        _context.Free(copy, _stream);
    }

    [Test]
    public void CopiesThroughPinnedMemory()
    {
        float* pinned = (float*)_context.AllocatePinned(Count * sizeof(float));
        float[] values = Values(Count);
        values.CopyTo(new Span<float>(pinned, Count));
        DevicePointer memory = _context.Allocate(Count * sizeof(float), _stream);
        _context.CopyToDevice(pinned, memory, Count * sizeof(float), _stream);
        _context.Synchronize(_stream);
        new Span<float>(pinned, Count).Clear();
        _context.CopyToHost(memory, pinned, Count * sizeof(float), _stream);
        _context.Synchronize(_stream);
        Assert.That(new Span<float>(pinned, Count).ToArray(), Is.EqualTo(values));
        _context.FreePinned(pinned);
        _context.Free(memory, _stream);
    }

    [Test]
    public void FillsWords()
    {
        DevicePointer memory = Upload(Values(Count));
        _context.Fill(memory, BitConverter.SingleToUInt32Bits(2.5f), Count - 1, _stream);
        float[] result = Download(memory, Count);
        Assert.That(result[..^1], Is.All.EqualTo(2.5f));
        Assert.That(result[^1], Is.EqualTo(Values(Count)[^1]));
        _context.Free(memory, _stream);
    }

    [Test]
    public void RefusesEmptyAllocations([Values(0, -1)] long bytes)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _context.Allocate(bytes, _stream));
        Assert.Throws<ArgumentOutOfRangeException>(() => _context.AllocatePinned(bytes));
    }

    [Test]
    public void SaysWhatDidNotFit()
    {
        const long TooMuch = 1L << 50;
        CudaException e = Assert.Throws<CudaException>(() => _context.Allocate(TooMuch, _stream))!;
        Assert.That(e.Code, Is.EqualTo(CudaException.OutOfMemory));
        Assert.That(e.Message, Does.Contain($"{TooMuch} bytes"));
        Assert.That(e.IsFatal, Is.False);

        // The context goes on.
        _context.Free(_context.Allocate(256, _stream), _stream);
        _context.Synchronize(_stream);
    }

    [Test]
    public void CountsMemory()
    {
        (long free, long total) = _context.GetMemory();
        Assert.That(free, Is.InRange(1, total));
        PoolStatistics before = _context.GetPool();
        DevicePointer memory = _context.Allocate(1 << 20, _stream);
        _context.Synchronize(_stream);
        PoolStatistics with = _context.GetPool();
        Assert.That(with.UsedBytes - before.UsedBytes, Is.GreaterThanOrEqualTo(1 << 20));
        Assert.That(with.ReservedBytes, Is.GreaterThanOrEqualTo(with.UsedBytes));
        _context.Free(memory, _stream);
        _context.Synchronize(_stream);
        Assert.That(_context.GetPool().UsedBytes, Is.EqualTo(before.UsedBytes));
        _context.SetPoolThreshold(long.MaxValue);
        _context.TrimPool(0);
        Assert.That(_context.GetPool().ReservedBytes, Is.LessThanOrEqualTo(with.ReservedBytes));
    }

    [Test]
    public void WorksFromEveryThread()
    {
        float[] values = Values(Count);
        float[]? result = null;
        var thread = new Thread(() => result = Download(Upload(values), Count));
        thread.Start();
        thread.Join();
        Assert.That(result, Is.EqualTo(values));
    }

    [Test]
    public void TwoOpeningsOfADeviceDoNotDisturbEachOther()
    {
        ICudaContext second = _driver.Open(0);
        DevicePointer memory = Upload(Values(Count));
        second.Synchronize();
        second.Dispose();
        Assert.That(Download(memory, Count), Is.EqualTo(Values(Count)));
    }

    [Test]
    public void DisposesTwiceAndThenRefuses()
    {
        ICudaContext context = _driver.Open(0);
        context.Dispose();
        context.Dispose();
        Assert.Throws<ObjectDisposedException>(() => context.Synchronize());
        Assert.Throws<ObjectDisposedException>(() => context.Allocate(4, default));
        Assert.Throws<ObjectDisposedException>(() => context.MakeCurrent());
    }

    [Test]
    public void TimesAndOrdersStreams()
    {
        EventHandle start = _context.CreateEvent(timing: true);
        EventHandle end = _context.CreateEvent(timing: true);
        StreamHandle other = _context.CreateStream();
        DevicePointer memory = _context.Allocate(Count * sizeof(float), _stream);
        _context.Record(start, _stream);
        _context.Fill(memory, BitConverter.SingleToUInt32Bits(7f), Count, _stream);
        _context.Record(end, _stream);
        _context.Wait(other, end);
        float[] result = new float[Count];
        fixed (float* p = result)
        {
            _context.CopyToHost(memory, p, Count * sizeof(float), other);
            _context.Synchronize(other);
        }

        Assert.That(result, Is.All.EqualTo(7f));
        _context.Synchronize(end);
        Assert.That(_context.HasHappened(end), Is.True);
        Assert.That(_context.GetMilliseconds(start, end), Is.GreaterThanOrEqualTo(0f));
        _context.DestroyEvent(start);
        _context.DestroyEvent(end);
        _context.DestroyStream(other);
    }

    protected static float[] Values(int count) => [.. Enumerable.Range(0, count).Select(i => (float)Math.Sin(i))];

    protected DevicePointer Upload(float[] values)
    {
        DevicePointer memory = _context.Allocate(values.Length * sizeof(float), _stream);
        fixed (float* p = values)
        {
            _context.CopyToDevice(p, memory, values.Length * sizeof(float), _stream);
            _context.Synchronize(_stream);
        }

        return memory;
    }

    protected float[] Download(DevicePointer memory, int count)
    {
        float[] values = new float[count];
        fixed (float* p = values)
        {
            _context.CopyToHost(memory, p, count * sizeof(float), _stream);
            _context.Synchronize(_stream);
        }

        return values;
    }
}
