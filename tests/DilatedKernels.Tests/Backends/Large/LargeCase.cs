using System.Runtime.InteropServices;
using DilatedKernels.Backends;

namespace DilatedKernels.Tests.Backends.Large;

/// <summary>An array of an operation.</summary>
/// <param name="Bytes">Its bytes, for each image of the batch or once.</param>
/// <param name="IsPerImage">Whether every image has one.</param>
/// <param name="Type">How its numbers are stored.</param>
/// <param name="Fill">Writes those of an image.</param>
internal sealed record Operand(int Bytes, bool IsPerImage, ElementType Type, Action<RandomSequence, Span<byte>> Fill)
{
    public static Operand Images(int elements, ElementType type) => new(elements * type.Size(), true, type, type == ElementType.Float32 ? Float32 : BFloat16);

    public static Operand Once(int elements) => new(elements * sizeof(float), false, ElementType.Float32, Float32);

    /// <summary>Bytes from 0 to before a number.</summary>
    public static Operand Choices(int bytes, int below) => new(bytes, true, ElementType.Float32, (random, target) =>
    {
        foreach (ref byte choice in target)
        {
            choice = (byte)random.NextInt32(below);
        }
    });

    private static void Float32(RandomSequence random, Span<byte> target)
    {
        foreach (ref float value in MemoryMarshal.Cast<byte, float>(target))
        {
            value = (float)((2 * random.NextDouble()) - 1);
        }
    }

    private static void BFloat16(RandomSequence random, Span<byte> target)
    {
        foreach (ref ushort value in MemoryMarshal.Cast<byte, ushort>(target))
        {
            value = DilatedKernels.BFloat16.Round((float)((2 * random.NextDouble()) - 1));
        }
    }
}

/// <summary>An operation over a batch whose result for the last image does not depend on the others, but for a sum over all of them.</summary>
/// <param name="Name">The operation.</param>
/// <param name="Inputs">What it reads.</param>
/// <param name="Output">What it writes.</param>
/// <param name="Batch">How many images make it large: more than 2³¹ elements in its largest operand.</param>
/// <param name="Run">Calls it for so many images.</param>
internal sealed record LargeCase(string Name, Operand[] Inputs, Operand Output, int Batch, Action<Backend, int, DeviceBuffer[], DeviceBuffer> Run)
{
    /// <summary>The first block and the number of blocks of a grid of so many that compute the end of the last image.</summary>
    public Func<long, (long First, long Count)> LastBlocks { get; init; } = total => (Math.Max(0, total - 256), 256);

    /// <summary>What the other blocks would have written of a sum over the batch, so many bytes each, in an argument of the kernel; here it is zero.</summary>
    public (string Kernel, int Argument, int Bytes)? Slices { get; init; }

    /// <summary>Whether it gives the same when it has run before: it changes nothing that it reads.</summary>
    public bool IsRepeatable { get; init; } = true;

    public override string ToString() => Name;
}
