using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver;

public abstract unsafe partial class CudaDriverContract
{
    protected const string AddKernel = "add_f32";
    private const uint Threads = 128;

    [Test]
    public void FindsKernelsByName()
    {
        Assert.That(_context.TryGetFunction(_module, AddKernel, out FunctionHandle function), Is.True);
        Assert.That(function.Value, Is.Not.Zero);
        Assert.That(_context.TryGetFunction(_module, "no_such_kernel", out _), Is.False);
        Assert.That(_context.GetProperty(function, FunctionProperty.MaxThreadsPerBlock), Is.InRange(Threads, 1024));
        Assert.That(_context.GetProperty(function, FunctionProperty.LocalBytes), Is.Zero);
        Assert.That(_context.GetResidentBlocks(function, (int)Threads, 0), Is.GreaterThan(0));
    }

    [Test]
    public void RefusesEmptyImages() => Assert.Throws<ArgumentException>(() => _context.LoadModule([]));

    [Test]
    public void RunsKernels([Values(1, 127, 128, 129, 1000)] int count)
    {
        DevicePointer x = Upload(Values(count));
        DevicePointer y = Upload(Values(count + 5));
        Add(x, x, y, count);
        float[] result = Download(y, count + 5);
        Assert.That(result[..count], Is.EqualTo(Values(count).Select(v => v + v)));
        Assert.That(result[count..], Is.EqualTo(Values(count + 5)[count..]));
        _context.Free(x, _stream);
        _context.Free(y, _stream);
    }

    [Test]
    public void SaysWhichLaunchWasRefused()
    {
        FunctionHandle function = GetAdd();
        DevicePointer x = Upload(Values(4));
        CudaException e = Assert.Throws<CudaException>(() => Launch(function, new LaunchConfiguration(new Dim3(1), new Dim3(2048), 0, _stream), x, x, x, 4))!;
        Assert.That(e.Kernel, Is.EqualTo(AddKernel));
        Assert.That(e.Call, Does.Contain("aunch"));
        Assert.That(e.Message, Does.Contain(AddKernel).And.Contain("2048×1×1"));
        Assert.Throws<CudaException>(() => Launch(function, new LaunchConfiguration(new Dim3(0), new Dim3(Threads), 0, _stream), x, x, x, 4));
        Assert.That(Download(x, 4), Is.EqualTo(Values(4)));
    }

    [Test]
    public void BlocksComeInWholeClusters()
    {
        Assume.That(Driver.GetProperty(0, DeviceProperty.ClusterLaunch), Is.EqualTo(1), "the device has no clusters");
        FunctionHandle function = GetAdd();
        DevicePointer x = Upload(Values(500));
        DevicePointer y = Upload(new float[500]);
        var pairs = new LaunchConfiguration(new Dim3(4), new Dim3(Threads), 0, _stream) { Cluster = new Dim3(2) };
        Launch(function, pairs, x, x, y, 500);
        Assert.That(Download(y, 500), Is.EqualTo(Values(500).Select(v => v + v)));
        Assert.Throws<CudaException>(() => Launch(function, pairs with { Grid = new Dim3(5) }, x, x, y, 500));
        Assert.That(Download(y, 500), Is.EqualTo(Values(500).Select(v => v + v)));
    }

    [Test]
    public void LargeSharedMemoryIsOptedInto()
    {
        const int Large = 64 << 10;
        FunctionHandle function = GetAdd();
        DevicePointer x = Upload([1, 2, 3, 4]);
        var configuration = new LaunchConfiguration(new Dim3(1), new Dim3(Threads), Large, _stream);
        Assert.Throws<CudaException>(() => Launch(function, configuration, x, x, x, 4));
        _context.SetProperty(function, FunctionProperty.MaxDynamicSharedBytes, Large);
        Assert.That(_context.GetProperty(function, FunctionProperty.MaxDynamicSharedBytes), Is.EqualTo(Large));
        Launch(function, configuration, x, x, x, 4);
        Assert.That(Download(x, 4), Is.EqualTo(new float[] { 2, 4, 6, 8 }));
        Assert.Throws<CudaException>(() => _context.SetProperty(function, FunctionProperty.MaxDynamicSharedBytes, 16 << 20));
    }

    [Test]
    public void LaunchesWithoutManagedMemory()
    {
        const int Launches = 100;
        FunctionHandle function = GetAdd();
        DevicePointer one = Upload([1]);
        DevicePointer sum = Upload([0]);
        var configuration = new LaunchConfiguration(new Dim3(1), new Dim3(32), 0, _stream);
        Launch(function, configuration, sum, one, sum, 1);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Launches; i++)
        {
            Launch(function, configuration, sum, one, sum, 1);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(Download(sum, 1), Is.EqualTo(new[] { Launches + 1f }));
    }

    [Test]
    public void RecordsAndReplaysGraphs()
    {
        DevicePointer one = Upload([.. Enumerable.Repeat(1f, Count)]);
        DevicePointer sum = Upload(new float[Count]);
        DevicePointer copy = Upload(Values(Count));
        _context.BeginCapture(_stream);
        Add(sum, one, sum, Count);
        _context.CopyOnDevice(sum, copy, Count * sizeof(float), _stream);
        _context.Fill(copy, BitConverter.SingleToUInt32Bits(6f), 10, _stream);
        GraphHandle graph = _context.EndCapture(_stream);
        GraphExecHandle exec = _context.Instantiate(graph);
        Assert.That(Download(sum, Count), Is.All.Zero, "recording runs nothing");

        for (int run = 1; run <= 3; run++)
        {
            _context.Launch(exec, _stream);
            float[] result = Download(copy, Count);
            Assert.That(result[..10], Is.All.EqualTo(6f));
            Assert.That(result[10..], Is.All.EqualTo((float)run));
        }

        _context.DestroyGraph(exec);
        _context.DestroyGraph(graph);
    }

    [Test]
    public void EncodesTensorMaps()
    {
        DevicePointer memory = _context.Allocate(4096, _stream);
        ulong[] extents = [16, 8, 4, 2];
        ulong[] strides = [64, 512, 2048];
        TensorMapDescription Describe() => new() { Address = memory, Type = TensorMapType.Float32, Extents = extents, Strides = strides, Swizzle = TensorMapSwizzle.Bytes64 };
        if (!HasTensorMaps)
        {
            NotSupportedException e = Assert.Throws<NotSupportedException>(() => _context.EncodeTiled(Describe(), [16, 4, 4, 1]))!;
            Assert.That(e.Message, Does.Contain("tensor maps"));
            Assert.Throws<NotSupportedException>(() => _context.EncodeIm2col(Describe(), [-1, -1], [0, 0], 16, 64));
            return;
        }

        TensorMap tiled = _context.EncodeTiled(Describe(), [16, 4, 4, 1]);
        TensorMap im2col = _context.EncodeIm2col(Describe(), [-1, -1], [0, 0], 16, 64);
        Assert.That(((ReadOnlySpan<ulong>)tiled).ToArray(), Is.Not.EqualTo(((ReadOnlySpan<ulong>)im2col).ToArray()));
    }

    [Test]
    public void RefusesTensorsThatDoNotFit()
    {
        DevicePointer memory = _context.Allocate(4096, _stream);
        Assert.That(
            Assert.Throws<ArgumentException>(() => _context.EncodeTiled(new() { Address = memory + 4, Extents = [16, 8], Strides = [64] }, [16, 4]))!.Message,
            Does.Contain("multiple of 16"));
        Assert.That(
            Assert.Throws<ArgumentException>(() => _context.EncodeTiled(new() { Address = memory, Extents = [16, 8], Strides = [64] }, [16]))!.Message,
            Does.Contain("as many extents"));
        Assert.That(
            Assert.Throws<ArgumentException>(() => _context.EncodeTiled(new() { Address = memory, Extents = [16, 8], Strides = [60] }, [16, 4]))!.Message,
            Does.Contain("60"));
        Assert.That(
            Assert.Throws<ArgumentException>(() => _context.EncodeIm2col(new() { Address = memory, Extents = [16, 8, 4, 2], Strides = [64, 512, 2048] }, [0], [0], 16, 64))!.Message,
            Does.Contain("2 spatial"));
        Assert.That(
            Assert.Throws<ArgumentException>(() => _context.EncodeIm2col(new() { Address = memory, Extents = [16, 8, 4, 2], Strides = [64, 512, 2048] }, [0, 0], [0, 128], 16, 64))!.Message,
            Does.Contain("-128 to 127; one was 128"));
    }

    [Test]
    public void MultipliesOrSaysWhyNot([Values] bool transposeA, [Values] bool transposeB)
    {
        const int M = 3, N = 5, K = 4;
        using ICudaGemm? gemm = _context.OpenGemm(out string reason);
        if (gemm is null)
        {
            Assert.That(reason, Is.Not.Empty);
            return;
        }

        float[] a = Values(M * K);
        float[] b = [.. Values(M * K + K * N).Skip(M * K)];
        DevicePointer c = Upload(new float[M * N]);
        var problem = new GemmProblem(M, N, K, Upload(a), Upload(b), c, GemmType.Float32) { TransposeA = transposeA, TransposeB = transposeB, Alpha = 2 };
        gemm.Multiply(problem, _stream);
        double[] expected = new double[M * N];
        for (int m = 0; m < M; m++)
        {
            for (int n = 0; n < N; n++)
            {
                for (int k = 0; k < K; k++)
                {
                    expected[(m * N) + n] += 2.0 * a[transposeA ? (k * M) + m : (m * K) + k] * b[transposeB ? (n * K) + k : (k * N) + n];
                }
            }
        }

        // Sums of four products below 2 in float32.
        Assert.That(Download(c, M * N), Is.EqualTo(expected).Within(1e-5));
        Assert.That(gemm.Description, Is.Not.Empty);
    }

    protected FunctionHandle GetAdd()
    {
        Assert.That(_context.TryGetFunction(_module, AddKernel, out FunctionHandle function), Is.True);
        return function;
    }

    protected void Add(DevicePointer x, DevicePointer z, DevicePointer y, long count) =>
        Launch(GetAdd(), new LaunchConfiguration(new Dim3((uint)((count + Threads - 1) / Threads)), new Dim3(Threads), 0, _stream), x, z, y, count);

    protected void Launch(FunctionHandle function, LaunchConfiguration configuration, DevicePointer x, DevicePointer z, DevicePointer y, long count)
    {
        Span<nint> arguments = stackalloc nint[] { (nint)(&x), (nint)(&z), (nint)(&y), (nint)(&count) };
        _context.Launch(function, configuration, arguments);
    }
}
