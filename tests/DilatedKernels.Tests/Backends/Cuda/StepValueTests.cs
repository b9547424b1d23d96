using System.Text;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>Arguments that change from step to step have one layout on both sides.</summary>
public sealed unsafe class StepValueTests
{
    [Test]
    public void TheValueComesFirstAndThePlaceAtEightBytes()
    {
        var rate = new StepValue<float>(2.5f);
        Assert.That(sizeof(StepValue<float>), Is.EqualTo(16));
        Assert.That(*(float*)&rate, Is.EqualTo(2.5f));
        Assert.That(((ulong*)&rate)[1], Is.Zero);

        var divisor = new StepValue<double>(2.5);
        Assert.That(sizeof(StepValue<double>), Is.EqualTo(16));
        Assert.That(*(double*)&divisor, Is.EqualTo(2.5));

        var step = new StepValue<ulong>(new DevicePointer(0x1234));
        Assert.That(sizeof(StepValue<ulong>), Is.EqualTo(16));
        Assert.That(((ulong*)&step)[1], Is.EqualTo(0x1234));
    }

    [TestCase("sgd_f32", 2)]
    [TestCase("adam_f32", 2)]
    [TestCase("adam_f32", 6)]
    [TestCase("dropout_f32", 6)]
    [TestCase("sum_partials_f32", 2)]
    [TestCase("softmax_cross_entropy_f32_c24", 3)]
    [TestCase("softmax_cross_entropy_f32_wide", 3)]
    [TestCase("focal_loss_f32_c24", 5)]
    [TestCase("focal_loss_f32_wide", 5)]
    public void TheKernelsHaveTheSameSize(string kernel, int parameter)
    {
        HostApi? api = HostApi.TryLoad("plain", out string reason);
        BuildPart.SkipUnless(api is not null, BuildPart.Host, reason);
        fixed (byte* name = Encoding.ASCII.GetBytes(kernel + '\0'))
        {
            Assert.That(api!.ParameterBytes(api.FindKernel(name), parameter), Is.EqualTo(sizeof(StepValue<float>)));
        }
    }
}
