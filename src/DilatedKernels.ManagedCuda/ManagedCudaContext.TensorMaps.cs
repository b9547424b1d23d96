namespace DilatedKernels.Cuda;

internal sealed unsafe partial class ManagedCudaContext
{
    public TensorMap EncodeTiled(in TensorMapDescription description, ReadOnlySpan<uint> box)
    {
        TensorMapArguments.CheckTiled(description, box);
        RequireTensorMaps();
        Enter();
        Check(_direct.EncodeTiled(description, box, out TensorMap map), "cuTensorMapEncodeTiled");
        return map;
    }

    public TensorMap EncodeIm2col(
        in TensorMapDescription description, ReadOnlySpan<int> lowerCorner, ReadOnlySpan<int> upperCorner, int channelsPerPixel, int pixelsPerColumn)
    {
        TensorMapArguments.CheckIm2col(description, lowerCorner, upperCorner, channelsPerPixel, pixelsPerColumn);
        RequireTensorMaps();
        Enter();
        Check(_direct.EncodeIm2col(description, lowerCorner, upperCorner, channelsPerPixel, pixelsPerColumn, out TensorMap map), "cuTensorMapEncodeIm2col");
        return map;
    }

    private void RequireTensorMaps()
    {
        if (!_direct.HasTensorMaps)
        {
            throw new NotSupportedException($"The driver ({Driver.Description}) has no tensor maps; CUDA 12 has.");
        }
    }
}
