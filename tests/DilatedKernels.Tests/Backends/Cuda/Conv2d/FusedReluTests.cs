using DilatedKernels.Backends.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Backends.Cuda.Conv2d;

/// <summary>Which kernels the gradients of a rectified network take.</summary>
[NonParallelizable]
public sealed class FusedReluTests
{
    private readonly NamingImages _images = new();
    private Device _device = null!;

    [OneTimeSetUp]
    public void Open()
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        _device = new Device(new CudaBackend(driver!.Open(0), _images));
    }

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    [Test]
    public void AChainOfConvolutionsNeedsNoPassForItsReLUs()
    {
        using var first = new Parameter("first", Array4.Random(new Shape(8, 3, 3, 3), "first").ToTensor(_device));
        using var second = new Parameter("second", Array4.Random(new Shape(8, 8, 3, 3), "second").ToTensor(_device));
        using var last = new Parameter("last", Array4.Random(new Shape(4, 8, 1, 1), "last").ToTensor(_device));
        using Tensor image = Array4.Random(new Shape(1, 3, 12, 12), "image").ToTensor(_device);

        Train(softmax: false);
        Assert.That(_images.Names, Has.Some.StartsWith("max_pool_backward").And.None.StartsWith("relu_backward"));

        Train(softmax: true);
        Assert.That(_images.Names, Has.Some.StartsWith("relu_backward"), "a softmax does not mask");

        void Train(bool softmax)
        {
            using Tape tape = Tape.Record();
            Tensor a = Ops.Dropout(Ops.MaxPool2d(Ops.Conv2d(image, first.Value, relu: true), 2, 2), 0.5f, 1, 2, 3);
            Tensor b = Ops.Conv2d(a, second.Value, relu: true);
            Tensor scores = Ops.Conv2d(softmax ? Ops.Softmax(b) : b, last.Value);
            tape.Backward(Projection.Loss(scores, Array4.Random(scores.Shape, "weights")));
        }
    }

    private sealed class NamingImages : IKernelImages
    {
        public HashSet<string> Names { get; } = [];

        public string? FindModule(string kernel)
        {
            Names.Add(kernel);
            return "host";
        }

        public ReadOnlySpan<byte> ReadModule(string module) => "host"u8;
    }
}
