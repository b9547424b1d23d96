namespace DilatedKernels.Tests.Tensors;

/// <summary>What earlier tests left to the garbage collector on a device that all share.</summary>
internal static class LeftOver
{
    /// <summary>Gives it back now, so that it does not become less while a test counts the device's bytes.</summary>
    public static void GiveBack(Device device)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();

        // A GPU's memory that finalizers handed over is freed with the next use.
        Tensor.Zeros(device, new Shape(1, 1, 1, 1)).Dispose();
    }
}
