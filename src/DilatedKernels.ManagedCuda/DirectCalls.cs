using System.Runtime.InteropServices;
using ManagedCuda.BasicTypes;

namespace DilatedKernels.Cuda;

/// <summary>
/// Three calls that ManagedCuda 12.8 cannot make. Its tensor map is marshalled through a copy at an address of the run time's choice, while
/// the driver takes multiples of 64 only; and the fields of its launch attributes are private.
/// </summary>
internal sealed unsafe class DirectCalls
{
    private const int MapAlignment = 64;

    private static readonly uint[] s_unitSteps = [1, 1, 1, 1, 1];

    private readonly delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, CUResult> _encodeTiled;
    private readonly delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, int*, int*, uint, uint, uint*, int, int, int, int, CUResult> _encodeIm2col;
    private readonly delegate* unmanaged<Configuration*, nint, void**, void**, CUResult> _launch;

    public DirectCalls(nint library)
    {
        _encodeTiled = (delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, uint*, uint*, int, int, int, int, CUResult>)Find("cuTensorMapEncodeTiled");
        _encodeIm2col = (delegate* unmanaged<void*, int, uint, ulong, ulong*, ulong*, int*, int*, uint, uint, uint*, int, int, int, int, CUResult>)Find("cuTensorMapEncodeIm2col");
        _launch = (delegate* unmanaged<Configuration*, nint, void**, void**, CUResult>)Find("cuLaunchKernelEx");

        nint Find(string name) => NativeLibrary.TryGetExport(library, name, out nint address) ? address : 0;
    }

    public bool HasTensorMaps => _encodeTiled != null && _encodeIm2col != null;

    public bool HasLaunchAttributes => _launch != null;

    public CUResult EncodeTiled(in TensorMapDescription description, ReadOnlySpan<uint> box, out TensorMap map)
    {
        byte* room = stackalloc byte[sizeof(TensorMap) + MapAlignment];
        TensorMap* aligned = Align(room);
        CUResult result;
        fixed (ulong* extents = description.Extents, strides = description.Strides)
        fixed (uint* boxes = box, steps = Steps(description))
        {
            result = _encodeTiled(
                aligned, (int)description.Type, (uint)description.Extents.Length, description.Address.Value, extents, strides, boxes, steps,
                0, (int)description.Swizzle, (int)description.Promotion, 0);
        }

        map = *aligned;
        return result;
    }

    public CUResult EncodeIm2col(
        in TensorMapDescription description, ReadOnlySpan<int> lowerCorner, ReadOnlySpan<int> upperCorner, int channelsPerPixel, int pixelsPerColumn, out TensorMap map)
    {
        byte* room = stackalloc byte[sizeof(TensorMap) + MapAlignment];
        TensorMap* aligned = Align(room);
        CUResult result;
        fixed (ulong* extents = description.Extents, strides = description.Strides)
        fixed (int* lower = lowerCorner, upper = upperCorner)
        fixed (uint* steps = Steps(description))
        {
            result = _encodeIm2col(
                aligned, (int)description.Type, (uint)description.Extents.Length, description.Address.Value, extents, strides, lower, upper,
                (uint)channelsPerPixel, (uint)pixelsPerColumn, steps, 0, (int)description.Swizzle, (int)description.Promotion, 0);
        }

        map = *aligned;
        return result;
    }

    public CUResult Launch(FunctionHandle function, in LaunchConfiguration configuration, void** arguments)
    {
        Attribute* attributes = stackalloc Attribute[2];
        uint count = 0;
        if (configuration.Cluster != default)
        {
            attributes[count++] = new Attribute { Id = (int)CUlaunchAttributeID.ClusterDimension, Extents = configuration.Cluster };
        }

        if (configuration.OverlapsPredecessor)
        {
            attributes[count++] = new Attribute { Id = (int)CUlaunchAttributeID.ProgrammaticStreamSerialization, Flag = 1 };
        }

        var native = new Configuration
        {
            Grid = configuration.Grid,
            Block = configuration.Block,
            SharedBytes = configuration.SharedBytes,
            Stream = configuration.Stream.Value,
            Attributes = attributes,
            AttributeCount = count,
        };
        return _launch(&native, function.Value, arguments, null);
    }

    private static ReadOnlySpan<uint> Steps(in TensorMapDescription description) =>
        description.ElementSteps.IsEmpty ? s_unitSteps : description.ElementSteps;

    private static TensorMap* Align(byte* room) => (TensorMap*)(((nint)room + MapAlignment - 1) & ~(MapAlignment - 1));

    /// <summary>The driver's <c>CUlaunchConfig</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Configuration
    {
        public Dim3 Grid;
        public Dim3 Block;
        public uint SharedBytes;
        public nint Stream;
        public Attribute* Attributes;
        public uint AttributeCount;
    }

    /// <summary>The driver's <c>CUlaunchAttribute</c>.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 72)]
    private struct Attribute
    {
        [FieldOffset(0)]
        public int Id;

        [FieldOffset(8)]
        public Dim3 Extents;

        [FieldOffset(8)]
        public int Flag;
    }
}
