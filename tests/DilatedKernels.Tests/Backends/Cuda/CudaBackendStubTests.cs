using DilatedKernels.Backends;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Stub;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>The backend's memory, faults and order of calls, over a driver that fails on request.</summary>
[NonParallelizable]
public sealed class CudaBackendStubTests
{
    private StubControl _stub = null!;
    private Device _device = null!;

    private CudaBackend Backend => (CudaBackend)_device.Backend;

    [SetUp]
    public void Open()
    {
        string path = StubLibrary.Build("cuda_stub.c");
        _stub = new StubControl(path);
        _stub.Reset();
        Assert.That(LibCudaDriver.TryOpen([path], out LibCudaDriver? driver, out string reason), Is.True, reason);
        _device = new Device(new CudaBackend(driver!.Open(0), new StubImages()));
    }

    [TearDown]
    public void Close()
    {
        _stub?.Reset();
        _device?.Dispose();
    }

    [Test]
    public void TensorsGoThereAndBack()
    {
        using Tensor tensor = Tensor.FromArray(_device, new Shape(1, 2, 1, 3), [1, 2, 3, 4, 5, 6]);
        Assert.That(tensor.ToArray(), Is.EqualTo(new float[] { 1, 2, 3, 4, 5, 6 }));
        Assert.That(Tensor.Zeros(_device, new Shape(2, 3, 4, 5)).ToArray(), Is.All.Zero);
        Assert.That(_device.Name, Is.EqualTo("cuda:0"));
    }

    /// <summary>Launches that fill the 48 KiB to the last bytes, beside which the kernel has arrays of its own.</summary>
    [TestCase(16, 246, 123)]
    [TestCase(32, 248, 124)]
    [TestCase(37, 200, 100)]
    public void AKernelsOwnArraysCountAsSharedMemory(int classes, int scoreWidth, int labelWidth)
    {
        _stub.AcceptKernels();
        using Tensor scores = Tensor.Zeros(_device, new Shape(1, classes, 2, scoreWidth));
        using LabelMap labels = LabelMap.FromArray(_device, 1, 4, labelWidth, new byte[4 * labelWidth]);
        Ops.UpsampleSoftmaxCrossEntropy(scores, labels).Dispose();
        Assert.That(_stub.Count("cuFuncSetAttribute"), Is.EqualTo(1));
    }

    [Test]
    public void EmptyTensorsAreTensorsToo()
    {
        using Tensor tensor = Tensor.FromArray(_device, new Shape(0, 2, 1, 3), []);
        Assert.That(tensor.ToArray(), Is.Empty);
        Backend.Copy(tensor.Buffer, tensor.Buffer, 0);
        Backend.Fill(tensor.Buffer, 0, 1);
        Backend.Add(tensor.Buffer, tensor.Buffer, tensor.Buffer, 0);
    }

    [Test]
    public void UploadsLargerThanTheRingArriveWhole()
    {
        byte[] bytes = new byte[(20 << 20) + 5];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(i * 2654435761L >> 13);
        }

        using DeviceBuffer buffer = Backend.Allocate(bytes.Length);
        Backend.Upload(bytes, buffer);
        byte[] back = new byte[bytes.Length];
        Backend.Download(buffer, back);
        Assert.That(back.AsSpan().SequenceEqual(bytes), Is.True);
    }

    [Test]
    public void UploadsAndOperationsDoNotWaitForTheDevice()
    {
        using Tensor a = Tensor.FromArray(_device, new Shape(1, 1, 1, 4), [1, 2, 3, 4]);
        using Tensor b = Tensor.FromArray(_device, new Shape(1, 1, 1, 4), [1, 2, 3, 4]);
        _stub.Reset();
        for (int i = 0; i < 10; i++)
        {
            using Tensor sum = Tensor.Zeros(_device, a.Shape);
            Backend.Add(a.Buffer, b.Buffer, sum.Buffer, 4);
        }

        Assert.That(_stub.Count("cuLaunchKernel"), Is.EqualTo(10));
        Assert.That(_stub.Count("cuStreamSynchronize") + _stub.Count("cuCtxSynchronize") + _stub.Count("cuEventSynchronize"), Is.Zero);
    }

    [Test]
    public void OperationsTakeNoManagedMemory()
    {
        using Tensor a = Tensor.Zeros(_device, new Shape(1, 1, 1, 4));
        Backend.Add(a.Buffer, a.Buffer, a.Buffer, 4);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            Backend.Add(a.Buffer, a.Buffer, a.Buffer, 4);
        }

        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void CountsMemory()
    {
        Assert.That(_device.Memory, Is.EqualTo(new MemoryStatistics(0, 0, 0, _device.Memory.CachedBytes)));
        Tensor a = Tensor.Zeros(_device, new Shape(1, 1, 10, 10));
        Tensor b = Tensor.Zeros(_device, new Shape(1, 1, 10, 20));
        Assert.That(_device.Memory.LiveBytes, Is.EqualTo(1200));
        Assert.That(_device.Memory.LiveBuffers, Is.EqualTo(2));
        a.Dispose();
        a.Dispose();
        Assert.That(_device.Memory.LiveBytes, Is.EqualTo(800));
        Assert.That(_device.Memory.PeakBytes, Is.EqualTo(1200));
        b.Dispose();
        Assert.That(_device.Memory.LiveBuffers, Is.Zero);
    }

    [Test]
    public void FreedMemoryIsRefused()
    {
        DeviceBuffer buffer = Backend.Allocate(4);
        buffer.Dispose();
        Assert.That(buffer.IsDisposed, Is.True);
        Assert.Throws<ObjectDisposedException>(() => Backend.Fill(buffer, 1, 0));
    }

    [Test]
    public void MemoryThatRunsOutIsAskedForTwiceAndThenNamesWhatTensorsHold()
    {
        using Tensor held = Tensor.Zeros(_device, new Shape(1, 1, 10, 10));
        _stub.Fail("cuMemAllocAsync", CudaException.OutOfMemory);
        using (Tensor second = Tensor.Zeros(_device, new Shape(1, 1, 10, 10)))
        {
            Assert.That(second.IsDisposed, Is.False, "the second try, after what was queued has ended, succeeds");
        }

        _stub.SetMemoryLimit(_stub.MemoryUsed);
        CudaException e = Assert.Throws<CudaException>(() => Tensor.Zeros(_device, new Shape(1, 1, 1, 25)))!;
        Assert.That(e.Message, Does.Contain("100 bytes were asked for").And.Contain("400 bytes are in 1 tensors"));
        Assert.That(_device.Memory.LiveBuffers, Is.EqualTo(1));
    }

    [Test]
    public void ForgottenMemoryComesBackWithTheNextAllocation()
    {
        ulong before = _stub.MemoryUsed;
        Forget();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.That(_stub.MemoryUsed, Is.EqualTo(before + 4096), "finalizers do not call the driver");
        Backend.Allocate(16).Dispose();
        Assert.That(_stub.MemoryUsed, Is.EqualTo(before));
        Assert.That(Backend.ForgottenBuffers, Is.EqualTo(1));
        Assert.That(_device.Memory.LiveBuffers, Is.Zero);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        void Forget() => Backend.Allocate(4096);
    }

    [Test]
    public void AFaultNamesTheKernelsInFlight()
    {
        using Tensor a = Tensor.Zeros(_device, new Shape(1, 1, 1, 4));
        Backend.Add(a.Buffer, a.Buffer, a.Buffer, 4);
        _device.Synchronize();
        for (int i = 0; i < 20; i++)
        {
            Backend.Add(a.Buffer, a.Buffer, a.Buffer, 4);
        }

        _stub.LoseDevice(700);
        CudaException e = Assert.Throws<CudaException>(() => _device.Synchronize())!;
        Assert.That(e.Name, Is.EqualTo("CUDA_ERROR_ILLEGAL_ADDRESS"));
        Assert.That(e.Message, Does.Contain("In flight after 4 others, oldest first: add_f32, add_f32"));
        Assert.DoesNotThrow(a.Dispose, "a Dispose on the way out hides no fault");
        Assert.DoesNotThrow(_device.Dispose);
    }

    [Test]
    public void DisposedInAnyOrder()
    {
        Tensor tensor = Tensor.Zeros(_device, new Shape(1, 1, 1, 4));
        _device.Dispose();
        _device.Dispose();
        Assert.DoesNotThrow(tensor.Dispose);
        Assert.That(() => Tensor.Zeros(_device, new Shape(1, 1, 1, 4)), Throws.TypeOf<ObjectDisposedException>().With.Message.Contains($"The device {_device} has been disposed."));
    }

    [Test]
    public void AMissingKernelIsNamed()
    {
        using Tensor a = Tensor.Zeros(_device, new Shape(1, 1, 1, 4));
        CudaUnavailableException e = Assert.Throws<CudaUnavailableException>(() => Backend.ReluForward(a.Buffer, a.Buffer, 4))!;
        Assert.That(e.Message, Does.Contain("relu_forward_f32").And.Contain("Stub GPU 0"));
    }

    [Test]
    public void WrapsForeignMemory()
    {
        using Tensor own = Tensor.FromArray(_device, new Shape(1, 1, 1, 4), [1, 2, 3, 4]);
        int released = 0;
        Tensor view = CudaInterop.Wrap(_device, new Shape(2, 1, 1, 2), CudaInterop.GetPointer(own), () => released++);
        Assert.That(view.ToArray(), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
        Backend.Add(view.Buffer, view.Buffer, view.Buffer, 4);
        Assert.That(own.ToArray(), Is.EqualTo(new float[] { 2, 4, 6, 8 }));
        view.Dispose();
        view.Dispose();
        Assert.That(released, Is.EqualTo(1));
        Assert.That(own.ToArray(), Is.EqualTo(new float[] { 2, 4, 6, 8 }));

        using (Tensor halves = CudaInterop.Wrap(_device, new Shape(1, 1, 1, 8), CudaInterop.GetPointer(own), type: ElementType.BFloat16))
        {
            Assert.That(halves.ToArray(), Is.EqualTo(new float[] { 0, 2, 0, 4, 0, 6, 0, 8 }), "a float32 of few bits is a zero and then itself");
        }

        Assert.Throws<ArgumentException>(() => CudaInterop.Wrap(_device, Shape.Scalar, default));
        Assert.Throws<ArgumentException>(() => CudaInterop.Wrap(Device.Cpu, Shape.Scalar, CudaInterop.GetPointer(own)));
        using Tensor onCpu = Tensor.Zeros(Device.Cpu, Shape.Scalar);
        Assert.That(Assert.Throws<ArgumentException>(() => CudaInterop.GetPointer(onCpu))!.Message, Does.Contain("is on cpu"));
    }
}
