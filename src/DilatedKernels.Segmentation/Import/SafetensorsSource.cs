using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;

namespace DilatedKernels.Segmentation.Import;

/// <summary>A safetensors file with names of PyTorch's or of ours.</summary>
internal sealed class SafetensorsSource : WeightSource
{
    private readonly SafetensorsFile _file;

    public SafetensorsSource(string path)
        : base(path)
    {
        _file = SafetensorsFile.Open(path);
        try
        {
            _file.Verify();
            Tensors = [.. _file.Names.Select(name => new SourceTensor(name, _file.ShapeOf(name)))];
            Names = NamesOf(_file);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public override IReadOnlyList<SourceTensor> Tensors { get; }

    public override SourceNames Names { get; }

    public override float[] Read(SourceTensor tensor) => _file.Read(tensor.Name).Values;

    public override void Dispose() => _file.Dispose();

    private static SourceNames NamesOf(SafetensorsFile file)
    {
        if (file.Names.FirstOrDefault(name => name.EndsWith(".running_mean", StringComparison.Ordinal)) is { } normalised)
        {
            throw new UserInputException($"{file.FilePath}: '{normalised}' belongs to batch normalisation, which these networks do not have; take the VGG-16 without it.");
        }

        return file.Contains(TorchNames.First)
            ? new TorchNames(isTimm: file.Names.Any(name => name.StartsWith(TorchNames.TimmHead, StringComparison.Ordinal)))
            : new OwnNames(file.Metadata.ContainsKey(ModelFile.ConfigKey) ? ModelFile.Config(file) : null);
    }
}
