namespace DilatedKernels.Tests.Segmentation;

/// <summary>A folder that is deleted with its content.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("dilated-").FullName;

    /// <summary>Writes a file, creating its folders, and returns its path.</summary>
    public string Write(string name, ReadOnlySpan<byte> content)
    {
        string path = this[name];
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
        return path;
    }

    public string Write(string name, string content) => Write(name, System.Text.Encoding.UTF8.GetBytes(content));

    /// <summary>The path of a name within the folder.</summary>
    public string this[string name] => System.IO.Path.Combine([Path, .. name.Split('/')]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
