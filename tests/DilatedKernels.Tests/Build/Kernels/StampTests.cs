using DilatedKernels.Build.Kernels;

namespace DilatedKernels.Tests.Build.Kernels;

internal sealed class StampTests
{
    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("stamp").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void ANewTimeIsNoChange()
    {
        string file = Write("a.cu", "one");
        Stamp stamp = WriteAndRead(Stamp.Of("nvcc 12.4", [file]));
        File.SetLastWriteTimeUtc(file, DateTime.UtcNow.AddHours(1));
        Assert.That(stamp.SourcesUnchanged(), Is.True);
    }

    [Test]
    public void ANewContentIsAChange()
    {
        string file = Write("a.cu", "one");
        string header = Write("a.cuh", "two");
        Stamp stamp = WriteAndRead(Stamp.Of("nvcc 12.4", [file, header]));
        File.WriteAllText(header, "six");
        Assert.That(stamp.SourcesUnchanged(), Is.False);
    }

    [Test]
    public void FilesAreNamedFromTheRoot()
    {
        Write("a.cu", "one");
        Stamp stamp = WriteAndRead(Stamp.Of("nvcc 12.4", ["a.cu"], _folder));
        Assert.That(stamp.SourcesUnchanged(_folder), Is.True);
        Assert.That(stamp.SourcesUnchanged(Path.Combine(_folder, "elsewhere")), Is.False);
    }

    [Test]
    public void AMissingFileIsAChange()
    {
        string file = Write("a.cu", "one");
        Stamp stamp = WriteAndRead(Stamp.Of("nvcc 12.4", [file]));
        File.Delete(file);
        Assert.That(stamp.SourcesUnchanged(), Is.False);
    }

    [Test]
    public void NoStampIsNull() => Assert.That(Stamp.Read(Path.Combine(_folder, "none")), Is.Null);

    [Test]
    public void DependenciesAreTheFilesOfTheTree()
    {
        string list = Write("a.d", "a.fatbin : kernels/conv2d/a.cu \\\n    kernels/conv2d/../dk/cuda.cuh \\\n /usr/include/stdio.h kernels/my\\ file.cuh\n");
        Assert.That(Stamp.ReadDependencies(list), Is.EqualTo(new[] { "kernels/conv2d/a.cu", "kernels/dk/cuda.cuh", "kernels/my file.cuh" }));
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private Stamp WriteAndRead(Stamp stamp)
    {
        string path = Path.Combine(_folder, "stamp");
        stamp.Write(path);
        return Stamp.Read(path)!;
    }
}
