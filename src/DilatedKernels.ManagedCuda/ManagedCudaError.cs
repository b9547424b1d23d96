using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using ManagedCuda;
using ManagedCuda.BasicTypes;

namespace DilatedKernels.Cuda;

/// <summary>Turns ManagedCuda's results and exceptions into the library's.</summary>
internal static class ManagedCudaError
{
    public static void Check(CUResult result, string call)
    {
        if (result != CUResult.Success)
        {
            Throw(result, call, null, null);
        }
    }

    public static T Guard<T>(string call, Func<T> function)
    {
        try
        {
            return function();
        }
        catch (global::ManagedCuda.CudaException e)
        {
            (string name, string text) = Describe(e.CudaError);
            throw new CudaException((int)e.CudaError, name, text, call, inner: e);
        }
    }

    [DoesNotReturn]
    public static void Throw(CUResult result, string call, string? kernel, string? detail)
    {
        (string name, string text) = Describe(result);
        throw new CudaException((int)result, name, text, call, kernel, detail);
    }

    private static (string Name, string Text) Describe(CUResult result)
    {
        nint name = 0;
        nint text = 0;
        bool known = DriverAPINativeMethods.ErrorHandling.cuGetErrorName(result, ref name) == CUResult.Success
            && DriverAPINativeMethods.ErrorHandling.cuGetErrorString(result, ref text) == CUResult.Success
            && name != 0 && text != 0;
        return known
            ? (Marshal.PtrToStringUTF8(name)!, Marshal.PtrToStringUTF8(text)!)
            : ($"CUDA error {(int)result}", "the driver has no description of this code");
    }
}
