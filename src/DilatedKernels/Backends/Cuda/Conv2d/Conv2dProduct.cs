namespace DilatedKernels.Backends.Cuda.Conv2d;

/// <summary>What multiplies in the tensor-core kernels (kernels/conv2d/products.cuh); sums are float32 in all.</summary>
internal enum Conv2dProduct
{
    /// <summary>bfloat16 activations, and weights rounded to bfloat16.</summary>
    Bf16,

    /// <summary>float32 activations and weights, rounded to TF32 on the way.</summary>
    Tf32,

    /// <summary>float32 as sums of two bfloat16 each, three products for one: closer than TF32, for Hopper's weight gradients (kernels/conv2d/split_products.cuh).</summary>
    Bf16x3,

    /// <summary>float32 activations and weights as sums of two TF32 each, three products for one: the accuracy of float32.</summary>
    Tf32x3,

    /// <summary>The same of three bfloat16 each, six products for one, for Hopper's kernels.</summary>
    Bf16x6,
}

internal static class Conv2dProducts
{
    private const int GranuleBytes = 16;

    // Of an operand's row in a step of Hopper's kernels, and of a product within it.
    private const int StepBytes = 128;

    /// <summary>The product's name in kernels' names.</summary>
    public static string Name(this Conv2dProduct product) => product switch
    {
        Conv2dProduct.Bf16 => "bf16",
        Conv2dProduct.Tf32 => "tf32",
        Conv2dProduct.Bf16x3 => "bf16x3",
        Conv2dProduct.Tf32x3 => "tf32x3",
        _ => "bf16x6",
    };

    /// <summary>Bytes of an operand's element.</summary>
    public static int ElementBytes(this Conv2dProduct product) => product is Conv2dProduct.Tf32 or Conv2dProduct.Tf32x3 ? 4 : 2;

    /// <summary>The parts of an operand in memory, one behind the other in each of its rows.</summary>
    public static int Parts(this Conv2dProduct product) => product == Conv2dProduct.Bf16x6 ? 3 : product == Conv2dProduct.Bf16x3 ? 2 : 1;

    /// <summary>Products of parts for a product.</summary>
    public static int Products(this Conv2dProduct product) => product == Conv2dProduct.Bf16x6 ? 6 : product == Conv2dProduct.Bf16x3 ? 3 : 1;

    /// <summary>Source channels of a step of Hopper's kernels, and the channels of a load.</summary>
    public static int StepChannels(this Conv2dProduct product) => StepBytes / product.ElementBytes();

    /// <summary>What the channels of a part are a multiple of: elements in 16 bytes, the unit that the kernels copy in; of several parts, the channels of a product.</summary>
    public static int Granule(this Conv2dProduct product) => product.Parts() > 1 ? 16 : GranuleBytes / product.ElementBytes();

    /// <summary>Channels of a part: rounded up to whole granules.</summary>
    public static int PadPart(this Conv2dProduct product, int channels) => checked((channels + product.Granule() - 1) / product.Granule() * product.Granule());

    /// <summary>Elements of a row of channels, with all parts.</summary>
    public static long Pad(this Conv2dProduct product, int channels) => (long)product.Parts() * product.PadPart(channels);

    /// <summary>The product of a weight gradient that is as good or better, and faster on the device.</summary>
    /// <param name="product">What is to multiply.</param>
    /// <param name="g">The convolution; it has weights and positions.</param>
    /// <param name="architecture">The device's compute capability as 10·major + minor.</param>
    public static Conv2dProduct OfWeightsOnDevice(this Conv2dProduct product, in Conv2dGeometry g, int architecture)
    {
        Conv2dProduct split = product switch { Conv2dProduct.Tf32 => Conv2dProduct.Bf16x3, Conv2dProduct.Tf32x3 => Conv2dProduct.Bf16x6, _ => product };
        return split != product && Conv2dWgmmaWeightPlan.WhyNot(split, g, architecture) is null ? split : product;
    }

    /// <summary>The product that gives the same and is faster on the device, where all these passes can have it, but for those that read nothing.</summary>
    /// <param name="product">What is to multiply.</param>
    /// <param name="gathers">The forward pass, or the phases of a data gradient.</param>
    /// <param name="architecture">The device's compute capability as 10·major + minor.</param>
    public static Conv2dProduct OnDevice(this Conv2dProduct product, ReadOnlySpan<Conv2dGather> gathers, int architecture)
    {
        if (product != Conv2dProduct.Tf32x3)
        {
            return product;
        }

        foreach (ref readonly Conv2dGather gather in gathers)
        {
            if (gather.Reduction > 0 && Conv2dWgmmaGatherPlan.WhyNot(Conv2dProduct.Bf16x6, gather, architecture) is not null)
            {
                return product;
            }
        }

        return Conv2dProduct.Bf16x6;
    }

    /// <summary>What multiplies a convolution on tensor cores, or null where the SIMT kernels, or the vendor's library, serve.</summary>
    /// <param name="type">The type of the activations.</param>
    /// <param name="precision">How float32 is to be multiplied.</param>
    /// <param name="g">The convolution.</param>
    /// <param name="architecture">The device's compute capability as 10·major + minor.</param>
    /// <param name="whyNot">Why tensor cores do not serve; null when they do.</param>
    public static Conv2dProduct? Choose(ElementType type, Float32Precision precision, in Conv2dGeometry g, int architecture, out string? whyNot)
    {
        if (type == ElementType.Float32 && precision == Float32Precision.Strict)
        {
            whyNot = "float32 was asked for, which tensor cores do not multiply";
            return null;
        }

        Conv2dProduct product = type == ElementType.BFloat16 ? Conv2dProduct.Bf16 : precision == Float32Precision.Tf32 ? Conv2dProduct.Tf32 : Conv2dProduct.Tf32x3;
        whyNot = product.WhyNot(g, architecture);
        return whyNot is null ? product : null;
    }

    /// <summary>Why the tensor-core kernels cannot run a convolution that the SIMT kernels can; null when they can.</summary>
    /// <param name="product">What is to multiply.</param>
    /// <param name="g">The convolution.</param>
    /// <param name="architecture">The device's compute capability as 10·major + minor.</param>
    public static string? WhyNot(this Conv2dProduct product, in Conv2dGeometry g, int architecture)
    {
        if (architecture < 80)
        {
            return $"sm_{architecture} cannot multiply {product.Name()} on tensor cores; sm_80 is the first that can";
        }

        if (g.Taps > Conv2dPackPlan.MostTaps)
        {
            return $"the kernel has {g.Taps} taps; {Conv2dPackPlan.MostTaps} fit a grid of the kernel that packs weights";
        }

        int channels = Math.Max(g.InChannels, g.OutChannels);
        return channels > int.MaxValue - GranuleBytes || Conv2dLimits.WhyNot(g with { InChannels = product.PadPart(channels) }) is not null
            ? $"{g.Taps} taps of {channels} channels, rounded up to a multiple of {product.Granule()}, are too many"
            : null;
    }
}
