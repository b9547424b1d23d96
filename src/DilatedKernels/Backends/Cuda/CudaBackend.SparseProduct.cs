using DilatedKernels.Backends.Cuda.Plans;

namespace DilatedKernels.Backends.Cuda;

internal sealed unsafe partial class CudaBackend
{
    public override void SparseProduct(
        in SparseGeometry geometry, DeviceBuffer firstOf, DeviceBuffer entries, DeviceBuffer x, DeviceBuffer? addend, float scale, DeviceBuffer y)
    {
        if (geometry.OutShape.Count == 0)
        {
            return;
        }

        int width = RowPlan.Width(geometry.Channels, ElementType.Float32);
        SparseGeometry units = geometry with { Channels = geometry.Channels / width };
        var arguments = new KernelArguments();
        arguments.Add(units);
        arguments.Add(Pointer(firstOf));
        arguments.Add(Pointer(entries));
        arguments.Add(Pointer(x));
        arguments.Add(addend is null ? default : Pointer(addend));
        arguments.Add(scale);
        arguments.Add(Pointer(y));
        Launch(RowPlan.Choose("sparse_product", ElementType.Float32, width, (long)units.Batch * units.Rows, units.Channels), arguments);
    }
}
