using System.Diagnostics;

namespace DilatedKernels.Tests.Segmentation.Imaging;

/// <summary>A pipe with a place in the file system, held open, so that a reader that opens it does not wait forever.</summary>
internal sealed class NamedPipe : IDisposable
{
    private readonly FileStream _holder;

    public NamedPipe(string path)
    {
        using (Process process = Process.Start("mkfifo", [path]))
        {
            process.WaitForExit();
            Assert.That(process.ExitCode, Is.Zero);
        }

        _holder = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
    }

    public void Dispose() => _holder.Dispose();
}
