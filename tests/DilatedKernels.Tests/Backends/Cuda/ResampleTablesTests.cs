using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>The interpolation tables that the backend keeps on the device.</summary>
[NonParallelizable]
public sealed class ResampleTablesTests
{
    // A square first, whose two axes share a table: the room for tables then runs out between the two axes of a later map.
    [Test]
    public void MakingRoomLeavesTheTablesOfTheMapAtHand()
    {
        Device? device = HostDevice.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(device is not null, BuildPart.Host, reason);
        using (device)
        {
            Resize(device!, 2, 2);
            for (int i = 0; i < 140; i++)
            {
                Resize(device!, 3 + (2 * i), 4 + (2 * i));
            }
        }
    }

    private static void Resize(Device device, int height, int width)
    {
        float[] values = Array4.Random(new Shape(1, 1, height, width), $"{height} {width}").ToSingle();
        Assert.That(Upsample(device), Is.EqualTo(Upsample(Device.Cpu)).Within(1e-6f), $"{height} x {width}");

        float[] Upsample(Device where)
        {
            using Tensor x = Tensor.FromArray(where, new Shape(1, 1, height, width), values);
            using Tensor y = Ops.UpsampleBilinear(x, height + 1, width + 1);
            return y.ToArray();
        }
    }
}
