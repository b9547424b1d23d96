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
        }
        catch
        {
            _file.Dispose();
            throw;
        }

        Tensors = [.. _file.Names.Select(name => new SourceTensor(name, _file.ShapeOf(name)))];
        if (Tensors.FirstOrDefault(tensor => tensor.Name.EndsWith(".running_mean", StringComparison.Ordinal)) is { } normalised)
        {
            _file.Dispose();
            throw new UserInputException($"{path}: '{normalised.Name}' belongs to batch normalisation, which these networks do not have; take the VGG-16 without it.");
        }

        Names = _file.Contains(TorchNames.First) ? new TorchNames(isTimm: _file.Names.Any(name => name.StartsWith(TorchNames.TimmHead, StringComparison.Ordinal))) : new OwnNames();
    }

    public override IReadOnlyList<SourceTensor> Tensors { get; }

    public override SourceNames Names { get; }

    public override float[] Read(SourceTensor tensor) => _file.Read(tensor.Name).Values;

    public override void Dispose() => _file.Dispose();
}
