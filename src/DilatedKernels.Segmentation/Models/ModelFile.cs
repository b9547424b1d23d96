using DilatedKernels.Serialization;

namespace DilatedKernels.Segmentation.Models;

/// <summary>
/// Networks as safetensors files: every parameter under its name, kernels as <c>[out, in, kh, kw]</c> and biases as <c>[out]</c>, and the
/// <see cref="ModelConfig"/> (with class names and palette) as JSON under <see cref="ConfigKey"/> in the metadata.
/// </summary>
public static class ModelFile
{
    /// <summary>The metadata key of the configuration.</summary>
    public const string ConfigKey = "dilated_kernels.model";

    /// <summary>Arrays whose names start so belong to a training run and are no part of the network.</summary>
    internal const string StatePrefix = "optimizer/";

    /// <summary>Writes a network; an existing file is replaced only once the new one is complete.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">The network.</param>
    /// <param name="metadata">More text by key, or null.</param>
    /// <param name="cancellation">Checked between arrays; nothing is left behind then.</param>
    /// <exception cref="ArgumentException">The metadata use <see cref="ConfigKey"/>.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="InvalidOperationException">Another thread trains the network.</exception>
    public static void Save(string path, SegmentationModel model, IReadOnlyDictionary<string, string>? metadata = null, CancellationToken cancellation = default) =>
        Save(path, model, metadata, [], cancellation);

    /// <summary>Writes a network and, under <see cref="StatePrefix"/>, what an optimizer remembers.</summary>
    internal static void Save(
        string path, SegmentationModel model, IReadOnlyDictionary<string, string>? metadata, IReadOnlyList<(string Name, Tensor State)> states,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        var all = new Dictionary<string, string>(metadata ?? new Dictionary<string, string>(), StringComparer.Ordinal);
        if (!all.TryAdd(ConfigKey, model.Config.ToJson()))
        {
            throw new ArgumentException($"The metadata key '{ConfigKey}' is the network's own.", nameof(metadata));
        }

        using ParameterUse use = ParameterUse.Read(model.Parameters);
        SafetensorsWriter.Write(
            path,
            [
                .. model.Parameters.Select(parameter => SafetensorsTensor.FromFloats(
                    parameter.Name, FileShape(parameter.Name, parameter.Value.Shape), () => parameter.Value.ToArray())),
                .. states.Select(state => SafetensorsTensor.FromFloats(
                    StatePrefix + state.Name, [state.State.Shape.N, state.State.Shape.C, state.State.Shape.H, state.State.Shape.W], () => state.State.ToArray())),
            ],
            all,
            cancellation);
    }

    /// <summary>Reads which network a file holds.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SafetensorsException">The file is damaged or holds no network of ours.</exception>
    public static ModelConfig ReadConfig(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return Config(file);
    }

    /// <summary>Builds the network that a file holds, with its weights.</summary>
    /// <param name="path">The file.</param>
    /// <param name="device">Where to put the parameters.</param>
    /// <param name="computeType">The type of the network's activations; the file does not say one, and its weights are float32.</param>
    /// <exception cref="SafetensorsException">The file is damaged, holds no network of ours, its arrays are not those of its configuration, or a number is not finite.</exception>
    public static SegmentationModel Load(string path, Device device, ElementType computeType = ElementType.Float32)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        ModelConfig config = Config(file);
        // Before any memory is taken for what the configuration claims.
        CheckAll(file, new Architecture(config).Parameters);
        file.Verify();
        SegmentationModel model = SegmentationModel.CreateZero(device, config, computeType);
        try
        {
            Fill(file, model.Parameters);
            CheckFinite(path, model.Parameters);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Loads weights into a network that has exactly the file's parameters. A file that does not fit leaves the network as it was.</summary>
    /// <param name="path">A safetensors file; it need not carry a configuration.</param>
    /// <param name="model">The network.</param>
    /// <exception cref="SafetensorsException">The file is damaged, or an array is missing, superfluous or of another shape; the message names the first one.</exception>
    /// <exception cref="InvalidOperationException">Another thread predicts with the network, or trains it.</exception>
    public static void LoadWeights(string path, SegmentationModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        CheckAll(file, [.. model.Parameters.Select(parameter => (parameter.Name, parameter.Value.Shape))]);
        file.Verify();
        Fill(file, model.Parameters);
    }

    /// <summary>
    /// Loads the weights whose names the network knows, such as a trained front end's into a joint network, and leaves the others. A file that does not fit leaves the network as it was.
    /// </summary>
    /// <param name="path">A safetensors file; it need not carry a configuration.</param>
    /// <param name="model">The network.</param>
    /// <returns>Which names were loaded, missing and unused.</returns>
    /// <exception cref="SafetensorsException">The file is damaged, shares no name with the network, or a shared name has another shape.</exception>
    /// <exception cref="InvalidOperationException">Another thread predicts with the network, or trains it.</exception>
    public static WeightLoadReport LoadMatching(string path, SegmentationModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        ILookup<bool, Parameter> byPresence = model.Parameters.ToLookup(parameter => file.Contains(parameter.Name));
        Parameter[] present = [.. byPresence[true]];
        if (present.Length == 0)
        {
            throw new SafetensorsException(
                path, $"no array has the name of a parameter of {model.Config.Name}; the first parameter is '{model.Parameters[0].Name}', the file has {Quote(file.Names)}.");
        }

        foreach (Parameter parameter in present)
        {
            CheckShape(file, parameter.Name, parameter.Value.Shape);
        }

        file.Verify();
        Fill(file, present);
        string[] loaded = [.. present.Select(parameter => parameter.Name)];
        return new WeightLoadReport(loaded, [.. byPresence[false].Select(parameter => parameter.Name)], [.. file.Names.Except(loaded).Where(name => !name.StartsWith(StatePrefix, StringComparison.Ordinal))]);
    }

    /// <summary>Refuses weights that came from a run whose numbers had gone wrong: all their scores would be NaN.</summary>
    internal static void CheckFinite(string path, IEnumerable<Parameter> parameters)
    {
        if (parameters.FirstOrDefault(parameter => !parameter.Value.IsFinite()) is { } spoilt)
        {
            throw new SafetensorsException(path, $"the array '{spoilt.Name}' holds a number that is not finite.");
        }
    }

    /// <summary>The network that a file's metadata describe.</summary>
    internal static ModelConfig Config(SafetensorsFile file)
    {
        if (!file.Metadata.TryGetValue(ConfigKey, out string? json))
        {
            throw new SafetensorsException(file.FilePath, $"the metadata have no '{ConfigKey}', so the file does not say which network it holds.");
        }

        try
        {
            return ModelConfig.FromJson(json);
        }
        catch (ArgumentException exception)
        {
            throw new SafetensorsException(file.FilePath, ErrorText.Of(exception), exception);
        }
    }

    private static void CheckAll(SafetensorsFile file, IReadOnlyList<(string Name, Shape Shape)> expected)
    {
        foreach ((string name, Shape shape) in expected)
        {
            if (!file.Contains(name))
            {
                throw new SafetensorsException(file.FilePath, $"there is no array '{name}'; the network needs one of shape {Text(FileShape(name, shape))}.");
            }

            CheckShape(file, name, shape);
        }

        string[] superfluous = [.. file.Names
            .Except(expected.Select(parameter => parameter.Name))
            .Where(name => !name.StartsWith(StatePrefix, StringComparison.Ordinal))];
        if (superfluous.Length > 0)
        {
            throw new SafetensorsException(file.FilePath, $"the network has no parameter for {Quote(superfluous)}.");
        }
    }

    private static void CheckShape(SafetensorsFile file, string name, Shape expected)
    {
        int[] shape = FileShape(name, expected);
        if (!file.ShapeOf(name).SequenceEqual(shape))
        {
            throw new SafetensorsException(file.FilePath, $"the array '{name}' has shape {Text(file.ShapeOf(name))}; the network needs {Text(shape)}.");
        }

        if (file.TypeOf(name) is SafetensorsType.U8 or SafetensorsType.I64)
        {
            throw new SafetensorsException(file.FilePath, $"the array '{name}' holds {file.TypeOf(name)}; the network needs floating-point values.");
        }
    }

    private static void Fill(SafetensorsFile file, IReadOnlyList<Parameter> parameters)
    {
        using ParameterUse use = ParameterUse.Update(parameters);
        foreach (Parameter parameter in parameters)
        {
            parameter.Value.SetArray(file.Read(parameter.Name).Values);
        }
    }

    private static int[] FileShape(string name, Shape shape) =>
        name.EndsWith(".bias", StringComparison.Ordinal) ? [shape.C] : [shape.N, shape.C, shape.H, shape.W];

    private static string Text(IEnumerable<int> shape) => $"[{string.Join(", ", shape)}]";

    private static string Quote(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(3).Select(name => $"'{name}'")) + (names.Count > 3 ? $" and {names.Count - 3} more" : "");
}
