using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda;

public sealed unsafe class KernelArgumentsTests
{
    [Test]
    public void EveryArgumentKeepsItsValueAndWidth()
    {
        var map = default(TensorMap);
        map[15] = 7;
        var arguments = new KernelArguments();
        arguments.Add(new DevicePointer(0x1234));
        arguments.Add(-5);
        arguments.Add(map);
        arguments.Add(2.5f);
        arguments.Add(1L << 40);
        Span<nint> addresses = stackalloc nint[arguments.Count];
        arguments.GetAddresses(addresses);
        Assert.That(arguments.Count, Is.EqualTo(5));
        Assert.That(*(ulong*)addresses[0], Is.EqualTo(0x1234));
        Assert.That(*(int*)addresses[1], Is.EqualTo(-5));
        Assert.That(((ulong*)addresses[2])[15], Is.EqualTo(7));
        Assert.That(*(float*)addresses[3], Is.EqualTo(2.5f));
        Assert.That(*(long*)addresses[4], Is.EqualTo(1L << 40));
    }
}
