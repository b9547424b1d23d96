namespace DilatedKernels.Tests;

public class Smoke
{
    [Test]
    public void TensorRoundTrip()
    {
        using Tensor t = Tensor.FromArray(Device.Cpu, new Shape(1, 2, 1, 3), [1, 2, 3, 4, 5, 6]);
        Assert.That(t.ToArray(), Is.EqualTo(new float[] { 1, 2, 3, 4, 5, 6 }));
        Assert.That(t.ToChannelsLast(), Is.EqualTo(new float[] { 1, 4, 2, 5, 3, 6 }));
    }
}
