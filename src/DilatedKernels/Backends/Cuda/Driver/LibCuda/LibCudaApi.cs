using System.Runtime.InteropServices;

namespace DilatedKernels.Cuda;

/// <summary>
/// The driver's entry points. Function pointers and not <c>LibraryImport</c>, because the library's name is only known at run time and
/// a driver that lacks a newer entry point is still of use. Parameters are as in <c>cuda.h</c>; every function returns a <c>CUresult</c>.
/// </summary>
internal sealed unsafe partial class LibCudaApi
{
    private readonly nint _library;
    private readonly List<string> _missing = [];

    private LibCudaApi(nint library)
    {
        _library = library;
        BindDevices();
        BindMemory();
        BindModules();
        BindStreams();
    }

    /// <summary>Looks up every entry point.</summary>
    /// <param name="library">The loaded library.</param>
    /// <param name="missing">Required entry points that it lacks.</param>
    public static LibCudaApi Bind(nint library, out IReadOnlyList<string> missing)
    {
        var api = new LibCudaApi(library);
        missing = api._missing;
        return api;
    }

    /// <summary>The name and the sentence that the driver has for a code.</summary>
    public (string Name, string Text) Describe(int code)
    {
        byte* name = null;
        byte* text = null;
        bool known = GetErrorName(code, &name) == 0 && GetErrorString(code, &text) == 0 && name != null && text != null;
        return known
            ? (Marshal.PtrToStringUTF8((nint)name)!, Marshal.PtrToStringUTF8((nint)text)!)
            : ($"CUDA error {code}", "the driver has no description of this code");
    }

    private nint Required(string name)
    {
        if (!NativeLibrary.TryGetExport(_library, name, out nint address))
        {
            _missing.Add(name);
        }

        return address;
    }

    private nint Optional(string name) => NativeLibrary.TryGetExport(_library, name, out nint address) ? address : 0;
}
