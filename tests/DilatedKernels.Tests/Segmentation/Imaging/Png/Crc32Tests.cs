using DilatedKernels.Segmentation.Imaging.Png;

namespace DilatedKernels.Tests.Segmentation.Imaging.Png;

public class Crc32Tests
{
    [Test]
    public void GivesThePublishedCheckValue() => Assert.That(Crc32.Compute("123456789"u8), Is.EqualTo(0xCBF43926));

    [Test]
    public void AgreesWithTheBitByBitDefinitionAtEveryLength()
    {
        byte[] data = new byte[67];
        new Random(5).NextBytes(data);
        for (int length = 0; length <= data.Length; length++)
        {
            Assert.That(Crc32.Compute(data.AsSpan(0, length)), Is.EqualTo(TestPng.Checksum(data.AsSpan(0, length))), $"length {length}");
        }
    }
}
