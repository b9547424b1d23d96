using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace DilatedKernels.Measuring;

/// <summary>A network device of Linux whose other end is this process: what the system sends through it is read here, what is written here it receives. One IP packet at a time.</summary>
internal sealed unsafe partial class TunDevice : IDisposable
{
    public const string ControlFile = "/dev/net/tun";

    private const int OpenReadWriteCloseOnExec = 0x80002;
    private const ulong SetInterface = 0x400454ca;
    private const int PacketsWithoutPrefix = 0x1001;
    private const int NameBytes = 16;
    private const int RequestBytes = 40;
    private const short Readable = 1;

    private readonly SafeFileHandle _file;

    /// <summary>Creates the device, under the first free name.</summary>
    /// <exception cref="Win32Exception">The system refused.</exception>
    public TunDevice()
    {
        _file = new SafeFileHandle(Open(ControlFile, OpenReadWriteCloseOnExec), ownsHandle: true);
        if (_file.IsInvalid)
        {
            throw Failure(ControlFile);
        }

        byte* request = stackalloc byte[RequestBytes];
        new Span<byte>(request, RequestBytes).Clear();
        Encoding.ASCII.GetBytes("dklink%d", new Span<byte>(request, NameBytes));
        *(short*)(request + NameBytes) = PacketsWithoutPrefix;
        if (Control(_file, SetInterface, request) != 0)
        {
            Win32Exception failure = Failure("TUNSETIFF");
            _file.Dispose();
            throw failure;
        }

        Name = Marshal.PtrToStringUTF8((nint)request)!;
    }

    public string Name { get; }

    /// <summary>Waits for a packet.</summary>
    /// <returns>Its length; 0 where none has come in time, or the device is gone.</returns>
    public int Read(Span<byte> packet, TimeSpan patience)
    {
        var poll = new PollRequest { File = (int)_file.DangerousGetHandle(), Events = Readable };
        if (Poll(&poll, 1, (int)patience.TotalMilliseconds) <= 0 || (poll.Received & Readable) == 0)
        {
            return 0;
        }

        fixed (byte* at = packet)
        {
            return (int)Math.Max(0, Read(_file, at, packet.Length));
        }
    }

    /// <summary>Gives the system a packet. What it does not take is lost, as on any network.</summary>
    public void Write(ReadOnlySpan<byte> packet)
    {
        fixed (byte* at = packet)
        {
            _ = Write(_file, at, packet.Length);
        }
    }

    public void Dispose() => _file.Dispose();

    private static Win32Exception Failure(string what)
    {
        int error = Marshal.GetLastPInvokeError();
        return new Win32Exception(error, $"{what}: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollRequest
    {
        public int File;
        public short Events;
        public short Received;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(SafeFileHandle file, ulong request, void* argument);

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int Poll(PollRequest* requests, ulong count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint Read(SafeFileHandle file, byte* data, nint length);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(SafeFileHandle file, byte* data, nint length);
}
