namespace DilatedKernels.Cuda;

internal sealed unsafe partial class LibCudaContext
{
    // The driver wants the map at a multiple of 64 bytes.
    private const int MapAlignment = 64;

    private static readonly uint[] s_unitSteps = [1, 1, 1, 1, 1];

    public TensorMap EncodeTiled(in TensorMapDescription description, ReadOnlySpan<uint> box)
    {
        TensorMapArguments.CheckTiled(description, box);
        RequireTensorMaps(_api.TensorMapEncodeTiled != null);
        Enter();
        byte* room = stackalloc byte[sizeof(TensorMap) + MapAlignment];
        TensorMap* map = Align(room);
        int code;
        fixed (ulong* extents = description.Extents, strides = description.Strides)
        fixed (uint* boxes = box, steps = Steps(description))
        {
            code = _api.TensorMapEncodeTiled(
                map, (int)description.Type, (uint)description.Extents.Length, description.Address.Value, extents, strides, boxes, steps,
                0, (int)description.Swizzle, (int)description.Promotion, 0);
        }

        Check(code, "cuTensorMapEncodeTiled");
        return *map;
    }

    public TensorMap EncodeIm2col(
        in TensorMapDescription description, ReadOnlySpan<int> lowerCorner, ReadOnlySpan<int> upperCorner, int channelsPerPixel, int pixelsPerColumn)
    {
        TensorMapArguments.CheckIm2col(description, lowerCorner, upperCorner, channelsPerPixel, pixelsPerColumn);
        RequireTensorMaps(_api.TensorMapEncodeIm2col != null);
        Enter();
        byte* room = stackalloc byte[sizeof(TensorMap) + MapAlignment];
        TensorMap* map = Align(room);
        int code;
        fixed (ulong* extents = description.Extents, strides = description.Strides)
        fixed (int* lower = lowerCorner, upper = upperCorner)
        fixed (uint* steps = Steps(description))
        {
            code = _api.TensorMapEncodeIm2col(
                map, (int)description.Type, (uint)description.Extents.Length, description.Address.Value, extents, strides, lower, upper,
                (uint)channelsPerPixel, (uint)pixelsPerColumn, steps, 0, (int)description.Swizzle, (int)description.Promotion, 0);
        }

        Check(code, "cuTensorMapEncodeIm2col");
        return *map;
    }

    private static ReadOnlySpan<uint> Steps(in TensorMapDescription description) =>
        description.ElementSteps.IsEmpty ? s_unitSteps : description.ElementSteps;

    private static TensorMap* Align(byte* room) => (TensorMap*)(((nint)room + MapAlignment - 1) & ~(MapAlignment - 1));

    private void RequireTensorMaps(bool known)
    {
        if (!known)
        {
            throw new NotSupportedException($"The driver ({Driver.Description}) has no tensor maps; CUDA 12 has.");
        }
    }
}
