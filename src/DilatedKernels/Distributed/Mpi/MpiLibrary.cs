using System.Runtime.InteropServices;

namespace DilatedKernels.Distributed.Mpi;

/// <summary>
/// The MPI library's entry points, of Open MPI or MPICH and what keeps to its binary interface. Function pointers and not <c>LibraryImport</c>, because the library is only known at run
/// time. Every function returns an error code, 0 for success.
/// </summary>
/// <remarks>
/// The two differ in what a handle is: Open MPI's are pointers, the predefined ones addresses of exported objects; MPICH's are 32-bit numbers. All are
/// held as 64 bits here: passed as an argument, MPICH looks at the lower half only, and what it writes through a pointer is the lower half of a zeroed whole
/// (.NET runs on little-endian machines).
/// </remarks>
internal sealed unsafe partial class MpiLibrary
{
    public const int ThreadFunneled = 1;

    private readonly nint _library;

    private MpiLibrary(nint library, string file)
    {
        (_library, File) = (library, file);
        GetLibraryVersion = (delegate* unmanaged<byte*, int*, int>)Find("MPI_Get_library_version");
        InitThread = (delegate* unmanaged<int*, byte***, int, int*, int>)Find("MPI_Init_thread");
        End = (delegate* unmanaged<int>)Find("MPI_Finalize");
        Abort = (delegate* unmanaged<nint, int, int>)Find("MPI_Abort");
        CommRank = (delegate* unmanaged<nint, int*, int>)Find("MPI_Comm_rank");
        CommSize = (delegate* unmanaged<nint, int*, int>)Find("MPI_Comm_size");
        CommDup = (delegate* unmanaged<nint, nint*, int>)Find("MPI_Comm_dup");
        CommSetErrorHandler = (delegate* unmanaged<nint, nint, int>)Find("MPI_Comm_set_errhandler");
        Send = (delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int>)Find("MPI_Isend");
        Receive = (delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int>)Find("MPI_Irecv");
        Test = (delegate* unmanaged<nint*, int*, void*, int>)Find("MPI_Test");
        ErrorString = (delegate* unmanaged<int, byte*, int*, int>)Find("MPI_Error_string");

        if (NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out nint world))
        {
            World = world;
            Byte = Find("ompi_mpi_byte");
            ErrorsReturn = Find("ompi_mpi_errors_return");
            AnySource = -1;
        }
        else
        {
            // mpi.h of MPICH, whose binary interface is fixed since version 3.1.
            World = 0x44000000;
            Byte = 0x4c00010d;
            ErrorsReturn = 0x54000001;
            AnySource = -2;
        }

        Version = ReadVersion();
    }

    public string File { get; }

    /// <summary>The library's name and version, such as <c>Open MPI 4.1.4</c>.</summary>
    public string Version { get; }

    public nint World { get; }

    public nint Byte { get; }

    public nint ErrorsReturn { get; }

    public int AnySource { get; }

    public delegate* unmanaged<byte*, int*, int> GetLibraryVersion { get; }

    public delegate* unmanaged<int*, byte***, int, int*, int> InitThread { get; }

    public delegate* unmanaged<int> End { get; }

    public delegate* unmanaged<nint, int, int> Abort { get; }

    public delegate* unmanaged<nint, int*, int> CommRank { get; }

    public delegate* unmanaged<nint, int*, int> CommSize { get; }

    public delegate* unmanaged<nint, nint*, int> CommDup { get; }

    public delegate* unmanaged<nint, nint, int> CommSetErrorHandler { get; }

    /// <summary>buffer, count, datatype, destination, tag, communicator, request.</summary>
    public delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int> Send { get; }

    /// <summary>buffer, count, datatype, source, tag, communicator, request.</summary>
    public delegate* unmanaged<void*, int, nint, int, int, nint, nint*, int> Receive { get; }

    /// <summary>request, flag, status.</summary>
    public delegate* unmanaged<nint*, int*, void*, int> Test { get; }

    public delegate* unmanaged<int, byte*, int*, int> ErrorString { get; }

    /// <summary>Loads the library that a launcher works with.</summary>
    /// <exception cref="MpiUnavailableException">There is none.</exception>
    public static MpiLibrary Load(MpiLauncher launcher)
    {
        if (OperatingSystem.IsWindows())
        {
            throw new MpiUnavailableException("MPI is used on Linux and macOS, and this is Windows.");
        }

        // UCX, which either may use, would take over the signal by which .NET notices null references. It reads its settings as it is loaded.
        _ = SetEnvironment("UCX_ERROR_SIGNALS", "", 0);
        foreach (string file in launcher.Libraries)
        {
            if (NativeLibrary.TryLoad(file, out nint library))
            {
                return new MpiLibrary(library, file);
            }
        }

        throw new MpiUnavailableException(
            $"No MPI library was found for {launcher.Name}, whose mpirun started this process (tried {string.Join(", ", launcher.Libraries)}; {MpiLauncher.LibraryVariable} can name the file).");
    }

    /// <summary>The library's sentence for an error code.</summary>
    public string Describe(int code)
    {
        // Open MPI writes 256 bytes at most, MPICH 512.
        byte* text = stackalloc byte[1024];
        int length = 0;
        return ErrorString(code, text, &length) == 0 ? Marshal.PtrToStringUTF8((nint)text, length).TrimEnd() : $"MPI error {code}";
    }

    public void Check(int code, string call)
    {
        if (code != 0)
        {
            throw new ProcessGroupException($"{call} failed: {Describe(code)}");
        }
    }

    /// <summary>Whether a request is complete, and then forgotten. The call is also what makes the library move bytes.</summary>
    public bool IsComplete(ref nint request)
    {
        // MPI_Status is 24 bytes in Open MPI and 20 in MPICH.
        byte* status = stackalloc byte[64];
        int flag = 0;
        fixed (nint* address = &request)
        {
            Check(Test(address, &flag, status), "MPI_Test");
        }

        return flag != 0;
    }

    // The first line of MPICH is "MPICH Version: 4.0.2" with tabs, of Open MPI "Open MPI v4.1.4, package: ...".
    private string ReadVersion()
    {
        byte[] text = new byte[8192];
        int length = 0;
        fixed (byte* address = text)
        {
            Check(GetLibraryVersion(address, &length), "MPI_Get_library_version");
        }

        string line = System.Text.Encoding.UTF8.GetString(text, 0, length).Split('\n', ',')[0];
        return string.Join(' ', line.Replace("Version:", "", StringComparison.Ordinal).Replace(" v", " ", StringComparison.Ordinal).Split([' ', '\t', '\0'], StringSplitOptions.RemoveEmptyEntries));
    }

    private nint Find(string name) => NativeLibrary.TryGetExport(_library, name, out nint address)
        ? address
        : throw new MpiUnavailableException($"{File} lacks {name}: it is no MPI library that can be used here.");

    // .NET's own Environment is a copy that native code does not see.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
