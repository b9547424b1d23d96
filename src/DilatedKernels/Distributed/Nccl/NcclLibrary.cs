using System.Globalization;
using System.Runtime.InteropServices;
using DilatedKernels.Cuda;

namespace DilatedKernels.Distributed.Nccl;

/// <summary>The name of a communicator that rank 0 makes and all processes are given (<c>ncclUniqueId</c>), passed by value.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NcclUniqueId
{
    public const int Length = 128;

    private fixed byte _bytes[Length];

    public static NcclUniqueId From(ReadOnlySpan<byte> bytes) => MemoryMarshal.Read<NcclUniqueId>(bytes);

    public readonly byte[] ToArray() => MemoryMarshal.AsBytes(new ReadOnlySpan<NcclUniqueId>(in this)).ToArray();
}

/// <summary>
/// NCCL's entry points, those that this library needs, of 2.7 (the first that sends and receives) and later. Function pointers and not <c>LibraryImport</c>, because the library is only known at run time. Every
/// function but the texts returns an <c>ncclResult_t</c>, 0 for success.
/// </summary>
internal sealed unsafe partial class NcclLibrary
{
    /// <summary><c>ncclFloat32</c>.</summary>
    public const int Float32 = 7;

    /// <summary><c>ncclInProgress</c>, which says of a communicator that nothing has failed.</summary>
    public const int InProgress = 7;

    /// <summary><c>ncclSystemError</c> and <c>ncclRemoteError</c>: what another process has done may be the cause.</summary>
    public const int SystemError = 2;
    public const int RemoteError = 6;

    private const int OldestVersion = 2700;

    private readonly delegate* unmanaged<int, byte*> _getErrorString;
    private readonly delegate* unmanaged<nint, byte*> _getLastError;

    private NcclLibrary(nint library, string file)
    {
        File = file;
        GetVersion = (delegate* unmanaged<int*, int>)Find(library, "ncclGetVersion");
        GetUniqueId = (delegate* unmanaged<NcclUniqueId*, int>)Find(library, "ncclGetUniqueId");
        CommInitRank = (delegate* unmanaged<nint*, int, NcclUniqueId, int, int>)Find(library, "ncclCommInitRank");
        CommDestroy = (delegate* unmanaged<nint, int>)Find(library, "ncclCommDestroy");
        CommAbort = (delegate* unmanaged<nint, int>)Find(library, "ncclCommAbort");
        CommGetAsyncError = (delegate* unmanaged<nint, int*, int>)Find(library, "ncclCommGetAsyncError");
        GroupStart = (delegate* unmanaged<int>)Find(library, "ncclGroupStart");
        GroupEnd = (delegate* unmanaged<int>)Find(library, "ncclGroupEnd");
        Send = (delegate* unmanaged<ulong, nuint, int, int, nint, nint, int>)Find(library, "ncclSend");
        Receive = (delegate* unmanaged<ulong, nuint, int, int, nint, nint, int>)Find(library, "ncclRecv");
        _getErrorString = (delegate* unmanaged<int, byte*>)Find(library, "ncclGetErrorString");

        // Since 2.13.
        _getLastError = (delegate* unmanaged<nint, byte*>)(NativeLibrary.TryGetExport(library, "ncclGetLastError", out nint address) ? address : 0);
    }

    public string File { get; }

    /// <summary>As NCCL counts: 2708 for 2.7.8, 21903 for 2.19.3.</summary>
    public int Version { get; private set; }

    /// <summary>The version as people write it.</summary>
    public string VersionText => VersionOf(Version);

    private string? Missing { get; set; }

    private delegate* unmanaged<int*, int> GetVersion { get; }

    public delegate* unmanaged<NcclUniqueId*, int> GetUniqueId { get; }

    /// <summary>communicator, size, id, rank.</summary>
    public delegate* unmanaged<nint*, int, NcclUniqueId, int, int> CommInitRank { get; }

    public delegate* unmanaged<nint, int> CommDestroy { get; }

    public delegate* unmanaged<nint, int> CommAbort { get; }

    public delegate* unmanaged<nint, int*, int> CommGetAsyncError { get; }

    public delegate* unmanaged<int> GroupStart { get; }

    public delegate* unmanaged<int> GroupEnd { get; }

    /// <summary>address, count, type, peer, communicator, stream.</summary>
    public delegate* unmanaged<ulong, nuint, int, int, nint, nint, int> Send { get; }

    /// <summary>address, count, type, peer, communicator, stream.</summary>
    public delegate* unmanaged<ulong, nuint, int, int, nint, nint, int> Receive { get; }

    /// <summary>Loads NCCL; null and the reason, in one line, where it cannot be had. Never throws.</summary>
    public static NcclLibrary? TryLoad(out string reason)
    {
        if (!OperatingSystem.IsLinux())
        {
            reason = "NCCL is for Linux";
            return null;
        }

        // GPUs of one process would reach into each other's memory, which a stream-ordered pool does not allow. NCCL reads its settings as it is first used.
        _ = SetEnvironment("NCCL_P2P_DIRECT_DISABLE", "1", 0);
        IReadOnlyList<string> files = CudaLibraries.NcclFiles;
        if (!CudaLibraries.TryLoad(files, out nint library, out string file))
        {
            reason = $"NCCL was not found (tried {string.Join(", ", files)}; {CudaLibraries.NcclVariable} can name the file)";
            return null;
        }

        var nccl = new NcclLibrary(library, file);
        reason = nccl.WhyNot() ?? "";
        return reason.Length == 0 ? nccl : null;
    }

    /// <summary>What a code means, in NCCL's words, and what it has told last.</summary>
    public string Describe(int code)
    {
        string text = Text(_getErrorString(code));
        string last = _getLastError == null ? "" : Text(_getLastError(0)).Trim();
        return last.Length == 0 ? $"{text} ({code})" : $"{text} ({code}): {last}";
    }

    /// <summary>A version as people write it.</summary>
    /// <param name="version">As <see cref="Version"/>: X·1000 + Y·100 + Z up to 2.8, and X·10000 + Y·100 + Z since 2.9.</param>
    public static string VersionOf(int version)
    {
        int major = version < 10_000 ? version / 1000 : version / 10_000;
        int minor = version < 10_000 ? version % 1000 / 100 : version % 10_000 / 100;
        return string.Create(CultureInfo.InvariantCulture, $"{major}.{minor}.{version % 100}");
    }

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    // .NET's own Environment is a copy that native code does not see.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    private string? WhyNot()
    {
        if (GetVersion != null)
        {
            int version = 0;
            int code = GetVersion(&version);
            if (code != 0)
            {
                return $"ncclGetVersion of {File} failed with code {code}";
            }

            Version = version;
            if (version < OldestVersion)
            {
                return $"{File} is NCCL {VersionText}, and 2.7 or later is needed";
            }
        }

        return Missing is null ? null : $"{File} lacks {Missing}: it is no NCCL that can be used here";
    }

    private nint Find(nint library, string name)
    {
        if (!NativeLibrary.TryGetExport(library, name, out nint address))
        {
            Missing ??= name;
        }

        return address;
    }
}
