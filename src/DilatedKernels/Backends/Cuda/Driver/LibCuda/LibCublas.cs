using System.Globalization;
using System.Runtime.InteropServices;

namespace DilatedKernels.Cuda;

/// <summary>cuBLAS 13, 12 or 11, loaded when first asked for.</summary>
internal sealed unsafe class LibCublas : ICudaGemm
{
    // What cuBLAS would take for itself on Hopper. Given by us, it takes no memory while a graph is recorded, and a product always finds the same.
    private const long WorkspaceBytes = 32L << 20;

    private readonly ICudaContext _context;
    private readonly Api _api;
    private readonly nint _handle;
    private readonly DevicePointer _workspace;
    private bool _disposed;

    private LibCublas(ICudaContext context, Api api, nint handle, string description)
    {
        _context = context;
        _api = api;
        _handle = handle;
        Description = description;
        _workspace = context.Allocate(WorkspaceBytes, default);
        context.Synchronize(default(StreamHandle));
    }

    public string Description { get; }

    /// <summary>Loads the newest cuBLAS that the driver accepts; null and the reason when there is none.</summary>
    public static LibCublas? TryOpen(ICudaContext context, IReadOnlyList<string> files, out string reason)
    {
        var refusals = new List<string>();
        foreach (string file in files)
        {
            if (!NativeLibrary.TryLoad(file, out nint library))
            {
                continue;
            }

            var api = new Api(library);
            if (api.Missing is { } missing)
            {
                refusals.Add($"{file} lacks {missing}");
                continue;
            }

            context.MakeCurrent();
            nint handle = 0;
            int status = api.Create(&handle);
            if (status != 0)
            {
                // A cuBLAS newer than the driver ends here; an older one beside it may still do.
                refusals.Add($"{file} does not start: {api.Describe(status)}");
                continue;
            }

            int version = 0;
            _ = api.GetVersion(handle, &version);
            reason = "";
            return new LibCublas(context, api, handle, string.Create(CultureInfo.InvariantCulture, $"{file}, version {version}"));
        }

        reason = refusals.Count > 0
            ? string.Join("; ", refusals)
            : $"cuBLAS was not found (tried {string.Join(", ", files)}; {CudaLibraries.CublasVariable} can name the file)";
        return null;
    }

    public void Multiply(in GemmProblem problem, StreamHandle stream)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        CublasArguments a = CublasArguments.From(problem);
        float alpha = problem.Alpha;
        float beta = problem.Beta;
        _context.MakeCurrent();

        // Setting the stream drops the workspace, so both are set.
        Check(_api.SetStream(_handle, stream.Value), "cublasSetStream");
        Check(_api.SetWorkspace(_handle, _workspace.Value, (nuint)WorkspaceBytes), "cublasSetWorkspace");
        Check(
            _api.GemmEx(
                _handle, a.TransposeLeft, a.TransposeRight, a.Rows, a.Columns, a.Depth, &alpha,
                a.Left.Value, a.DataType, a.LeftStride, a.Right.Value, a.DataType, a.RightStride, &beta,
                a.Result.Value, a.DataType, a.ResultStride, a.ComputeType, CublasArguments.DefaultAlgorithm),
            "cublasGemmEx");
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _context.MakeCurrent();
        Check(_api.Destroy(_handle), "cublasDestroy");
        _context.Free(_workspace, default);
    }

    private void Check(int status, string call)
    {
        if (status != 0)
        {
            throw new CudaException(status, $"cuBLAS status {status}", _api.Describe(status), call);
        }
    }

    /// <summary>cuBLAS's entry points; every one but the last returns a <c>cublasStatus_t</c>.</summary>
    private sealed class Api
    {
        private readonly delegate* unmanaged<int, byte*> _getStatusString;

        public Api(nint library)
        {
            Create = (delegate* unmanaged<nint*, int>)Find(library, "cublasCreate_v2");
            Destroy = (delegate* unmanaged<nint, int>)Find(library, "cublasDestroy_v2");
            GetVersion = (delegate* unmanaged<nint, int*, int>)Find(library, "cublasGetVersion_v2");
            SetStream = (delegate* unmanaged<nint, nint, int>)Find(library, "cublasSetStream_v2");
            SetWorkspace = (delegate* unmanaged<nint, ulong, nuint, int>)Find(library, "cublasSetWorkspace_v2");
            GemmEx = (delegate* unmanaged<nint, int, int, int, int, int, void*, ulong, int, int, ulong, int, int, void*, ulong, int, int, int, int, int>)Find(library, "cublasGemmEx");
            _getStatusString = (delegate* unmanaged<int, byte*>)(NativeLibrary.TryGetExport(library, "cublasGetStatusString", out nint text) ? text : 0);
        }

        public string? Missing { get; private set; }

        public delegate* unmanaged<nint*, int> Create { get; }

        public delegate* unmanaged<nint, int> Destroy { get; }

        public delegate* unmanaged<nint, int*, int> GetVersion { get; }

        public delegate* unmanaged<nint, nint, int> SetStream { get; }

        public delegate* unmanaged<nint, ulong, nuint, int> SetWorkspace { get; }

        public delegate* unmanaged<nint, int, int, int, int, int, void*, ulong, int, int, ulong, int, int, void*, ulong, int, int, int, int, int> GemmEx { get; }

        public string Describe(int status) =>
            _getStatusString == null ? $"status {status}" : Marshal.PtrToStringUTF8((nint)_getStatusString(status)) ?? $"status {status}";

        private nint Find(nint library, string name)
        {
            if (!NativeLibrary.TryGetExport(library, name, out nint address))
            {
                Missing ??= name;
            }

            return address;
        }
    }
}
