using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver.Host;

/// <summary>Tensor maps of the host driver: only its own kernels can read them.</summary>
internal sealed unsafe partial class HostContext
{
    public TensorMap EncodeTiled(in TensorMapDescription description, ReadOnlySpan<uint> box)
    {
        TensorMapArguments.CheckTiled(description, box);
        HostApi.Tensor tensor = Describe(description);
        TensorMap map;
        fixed (uint* extents = box)
        {
            Check(_api.EncodeTiled(&tensor, extents, &map), "dk_host_encode_tiled");
        }

        return map;
    }

    public TensorMap EncodeIm2col(
        in TensorMapDescription description, ReadOnlySpan<int> lowerCorner, ReadOnlySpan<int> upperCorner, int channelsPerPixel, int pixelsPerColumn)
    {
        TensorMapArguments.CheckIm2col(description, lowerCorner, upperCorner, channelsPerPixel, pixelsPerColumn);
        HostApi.Tensor tensor = Describe(description);
        TensorMap map;
        fixed (int* lower = lowerCorner, upper = upperCorner)
        {
            Check(_api.EncodeIm2col(&tensor, lower, upper, (uint)channelsPerPixel, (uint)pixelsPerColumn, &map), "dk_host_encode_im2col");
        }

        return map;
    }

    private HostApi.Tensor Describe(in TensorMapDescription description)
    {
        MakeCurrent();
        int elementBytes = description.Type switch
        {
            TensorMapType.Float32 or TensorMapType.TFloat32 => 4,
            TensorMapType.BFloat16 or TensorMapType.Float16 => 2,
            _ => throw new NotSupportedException($"The host driver has no tensor maps of {description.Type}."),
        };
        var tensor = new HostApi.Tensor
        {
            Address = description.Address.Value,
            Axes = (uint)description.Extents.Length,
            ElementBytes = (uint)elementBytes,
            Swizzle = (uint)description.Swizzle,
            IsTf32 = description.Type == TensorMapType.TFloat32 ? 1u : 0,
        };
        for (int i = 0; i < description.Extents.Length; i++)
        {
            tensor.Extents[i] = description.Extents[i];
            tensor.Steps[i] = description.ElementSteps.IsEmpty ? 1 : description.ElementSteps[i];
            if (i > 0)
            {
                tensor.Strides[i - 1] = description.Strides[i - 1];
            }
        }

        return tensor;
    }
}
