using DilatedKernels.Backends;
using DilatedKernels.Backends.Cpu;

namespace DilatedKernels.Tests;

public class PhiloxTests
{
    // Known answers published with the generator (Random123, kat_vectors, philox4x32 10).
    [TestCase(0ul, 0ul, 0ul, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [TestCase(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [TestCase(0x299f31d0a4093822ul, 0x85a308d3243f6a88ul, 0x0370734413198a2eul, 0xd16cfe09u, 0x94fdcceb, 0x5001e420u, 0x24126ea1u)]
    public void MatchesThePublishedVectors(ulong key, ulong low, ulong high, uint x, uint y, uint z, uint w) =>
        Assert.That(Philox.Generate(key, low, high), Is.EqualTo((x, y, z, w)));

    [Test]
    public unsafe void FourBlocksAtOnceAreTheSameWords([Values(0L, 1L, 12345L, (1L << 32) - 4)] long block)
    {
        var key = new RandomKey(0x0123456789abcdef, 0xfedcba9876543210, 0x89abcdef);
        uint* words = stackalloc uint[PhiloxLanes.Words];
        PhiloxLanes.Generate(key, block, words);
        for (int i = 0; i < 4; i++)
        {
            Assert.That((words[4 * i], words[(4 * i) + 1], words[(4 * i) + 2], words[(4 * i) + 3]), Is.EqualTo(key.Words(block + i)));
        }
    }
}
