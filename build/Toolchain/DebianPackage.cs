using System.Diagnostics;
using System.Formats.Tar;

namespace DilatedKernels.Build.Toolchain;

/// <summary>Takes files out of a Debian package without installing it.</summary>
internal static class DebianPackage
{
    /// <summary>Writes the package's files where <paramref name="place"/> wants them.</summary>
    /// <param name="package">The .deb file.</param>
    /// <param name="place">From a path in the package, such as usr/bin/ptxas, to the path of the file to write, or null to leave it out.</param>
    /// <param name="until">
    /// A folder after which nothing more is wanted, or null: entries are sorted by folder, and unpacking the rest of a big package only costs time.
    /// </param>
    /// <returns>The number of files written.</returns>
    public static int Extract(string package, Func<string, string?> place, string? until = null)
    {
        var start = new ProcessStartInfo("dpkg-deb", ["--fsys-tarfile", package]) { RedirectStandardOutput = true, UseShellExecute = false };
        if (until is not null)
        {
            // Its complaint about the pipe that closes early is no news.
            start.RedirectStandardError = true;
        }

        using Process process = Process.Start(start)!;
        bool stoppedEarly = false;
        int written = 0;
        using (var tar = new TarReader(process.StandardOutput.BaseStream))
        {
            bool reached = false;
            while (tar.GetNextEntry() is TarEntry entry)
            {
                string path = entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;
                bool inside = until is not null && path.StartsWith(until, StringComparison.Ordinal);
                if (reached && !inside)
                {
                    stoppedEarly = true;
                    process.Kill();
                    break;
                }

                reached |= inside;
                string? target = entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.SymbolicLink ? place(path) : null;
                if (target is null)
                {
                    continue;
                }

                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                if (entry.EntryType == TarEntryType.SymbolicLink)
                {
                    File.CreateSymbolicLink(target, entry.LinkName);
                }
                else
                {
                    entry.ExtractToFile(target, overwrite: true);
                }

                written++;
            }

            // The archive's end is padded, and the reader leaves the padding in the pipe.
            if (!stoppedEarly)
            {
                process.StandardOutput.BaseStream.CopyTo(Stream.Null);
            }
        }

        process.StandardOutput.Close();

        process.WaitForExit();
        return process.ExitCode == 0 || stoppedEarly
            ? written
            : throw new BuildException($"dpkg-deb could not read {package} (exit code {process.ExitCode}); delete the file and try again.");
    }
}
