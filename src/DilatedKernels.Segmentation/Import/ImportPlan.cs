namespace DilatedKernels.Segmentation.Import;

/// <summary>A parameter and the array that it will take its values from.</summary>
/// <param name="Parameter">The network's name.</param>
/// <param name="Source">The file.</param>
/// <param name="Tensor">The array in it.</param>
/// <param name="Reshaped">How the shape changes; empty where it does not.</param>
/// <param name="Pixels">For the first layer of a network that expects another input: which one.</param>
internal sealed record PlannedTensor(string Parameter, WeightSource Source, SourceTensor Tensor, string Reshaped, PixelScale? Pixels);

/// <summary>Which array goes where, decided from names and shapes alone.</summary>
internal sealed class ImportPlan
{
    public const string FirstLayer = "conv1_1";

    private const string ContextPrefix = "context.";

    private readonly IReadOnlyList<WeightSource> _sources;
    private readonly IReadOnlyList<SkippedTensor> _skipped;
    private readonly IReadOnlyList<string> _initialized;

    private ImportPlan(IReadOnlyList<WeightSource> sources, IReadOnlyList<PlannedTensor> loaded, IReadOnlyList<SkippedTensor> skipped, IReadOnlyList<string> initialized) =>
        (_sources, Loaded, _skipped, _initialized) = (sources, loaded, skipped, initialized);

    /// <summary>The parameters that a file has values for, in the network's order.</summary>
    public IReadOnlyList<PlannedTensor> Loaded { get; }

    /// <summary>Decides, or says what is missing, of the wrong shape, ambiguous or without a place.</summary>
    public static ImportPlan Make(IReadOnlyList<WeightSource> sources, string network, IReadOnlyList<(string Name, Shape Shape)> parameters, IReadOnlyCollection<string> fresh)
    {
        string[] names = [.. parameters.Select(parameter => parameter.Name)];
        if (fresh.FirstOrDefault(layer => !names.Any(name => LayerOf(name) == layer)) is { } unknown)
        {
            throw new UserInputException($"{network} has no layer '{unknown}' to leave at its initial values; its layers are {string.Join(", ", names.Select(LayerOf).Distinct())}.");
        }

        IReadOnlyDictionary<string, string>[] maps = [.. sources.Select(source => source.Names.Map(names))];
        var loaded = new List<PlannedTensor>();
        var used = new HashSet<SourceTensor>(ReferenceEqualityComparer.Instance);
        foreach ((string parameter, Shape shape) in parameters)
        {
            (WeightSource Source, SourceTensor Tensor)[] found = [.. sources
                .Select((source, i) => (Source: source, Tensor: source.Tensors.FirstOrDefault(tensor => tensor.Name == maps[i][parameter])))
                .Where(pair => pair.Tensor is not null).Select(pair => (pair.Source, pair.Tensor!))];
            used.UnionWith(found.Select(pair => pair.Tensor));
            if (found.Length == 0 || fresh.Contains(LayerOf(parameter)))
            {
                continue;
            }

            if (found.Length > 1)
            {
                throw new UserInputException($"{parameter} is both in {found[0].Source.FilePath} and in {found[1].Source.FilePath}; import it from one of them.");
            }

            (WeightSource source, SourceTensor tensor) = found[0];
            string change = Fit(parameter, shape, tensor.Shape)
                ?? throw new UserInputException($"{source.FilePath}: '{tensor.Name}' has shape {Text(tensor.Shape)}; {parameter} of {network} needs {Text(Extents(parameter, shape))}, or its layer can start fresh (--fresh {LayerOf(parameter)}).");
            loaded.Add(new PlannedTensor(parameter, source, tensor, change, LayerOf(parameter) == FirstLayer ? source.Names.Pixels : null));
        }

        PlannedTensor[] first = [.. loaded.Where(tensor => LayerOf(tensor.Parameter) == FirstLayer)];
        if (first.DistinctBy(tensor => tensor.Pixels).Count() > 1)
        {
            throw new UserInputException(
                $"{first[0].Parameter} is in {first[0].Source.FilePath} and {first[1].Parameter} in {first[1].Source.FilePath}, which were trained on pixels of different scales; import both from one of them.");
        }

        CheckNothingIsMissing(sources, maps, network, names, [.. loaded.Select(tensor => tensor.Parameter)], fresh);
        bool hasContext = names.Any(name => name.StartsWith(ContextPrefix, StringComparison.Ordinal));
        SkippedTensor[] skipped = [.. sources.SelectMany(source => source.Tensors
            .Where(tensor => !used.Contains(tensor))
            .Select(tensor => new SkippedTensor(tensor.Name, source.Names.ReasonToSkip(tensor.Name, hasContext) ?? throw new UserInputException(
                $"{source.FilePath}: '{tensor.Name}' has no place in {network}, so the file's network is another one (deeper, or with another context module)."))))];
        IEnumerable<SkippedTensor> kept = used.Except(loaded.Select(planned => planned.Tensor))
            .Select(tensor => new SkippedTensor(tensor.Name, "its layer was to keep its initial values"));
        return new ImportPlan(sources, loaded, [.. kept, .. skipped], [.. names.Except(loaded.Select(tensor => tensor.Parameter))]);
    }

    public ImportReport Report(bool isFirstLayerPadded, IReadOnlyList<double> meanBgr)
    {
        PlannedTensor? first = Loaded.FirstOrDefault(tensor => tensor.Pixels is not null);
        return new ImportReport(
            [.. _sources.Select(source => source.Names.Kind)],
            [.. Loaded.Select(tensor => new ImportedParameter(tensor.Parameter, tensor.Tensor.Name, Change(tensor)))],
            _skipped,
            _initialized,
            isFirstLayerPadded && first?.Pixels is { } pixels && !pixels.MeanBgr.SequenceEqual(meanBgr)
                ? [$"{FirstLayer} is padded and the network's mean is not the weights' ({string.Join(", ", pixels.MeanBgr)}): at the image's border its outputs differ."]
                : []);
    }

    private static string Change(PlannedTensor tensor) => tensor.Pixels is null
        ? tensor.Reshaped
        : tensor.Parameter.EndsWith(".weight", StringComparison.Ordinal) ? "to blue, green, red from 0 to 255" : "to the network's mean";

    private static void CheckNothingIsMissing(
        IReadOnlyList<WeightSource> sources, IReadOnlyDictionary<string, string>[] maps, string network, string[] names, HashSet<string> loaded, IReadOnlyCollection<string> fresh)
    {
        string files = string.Join(", ", sources.Select(source => source.FilePath));
        if (loaded.Count == 0)
        {
            string[] there = [.. sources.SelectMany(source => source.Tensors).Select(tensor => $"'{tensor.Name}'")];
            throw new UserInputException(
                $"{files}: no array belongs to a layer of {network}. The file has {string.Join(", ", there.Take(3))}{(there.Length > 3 ? $" and {there.Length - 3} more" : "")}; "
                + "known are the names of torchvision's and timm's VGG-16 (features.0.weight), of Caffe's and of Yu and Koltun's networks (conv1_1, ctx_conv1_1), and this library's own.");
        }

        foreach (IGrouping<string, string> part in names.Where(name => !fresh.Contains(LayerOf(name))).GroupBy(PartOf))
        {
            string? missing = part.FirstOrDefault(name => !loaded.Contains(name));
            if (missing is not null && (part.Key.Length == 0 || part.Any(loaded.Contains)))
            {
                string there = string.Join(" or ", maps.Select(map => $"'{map[missing]}'").Distinct());
                throw new UserInputException($"{files}: there is no array {there}, which {missing} of {network} takes its values from; or its layer can start fresh (--fresh {LayerOf(missing)}).");
            }
        }
    }

    /// <summary>How an array's shape becomes a parameter's: empty for not at all, null for in no way.</summary>
    private static string? Fit(string parameter, Shape shape, IReadOnlyList<int> actual)
    {
        int[] expected = Extents(parameter, shape);
        if (actual.SequenceEqual(expected))
        {
            return "";
        }

        // Fully connected layers are a matrix, whose rows go through channels, rows, columns; Caffe's older files put ones in front.
        int leading = actual.TakeWhile(extent => extent == 1).Count();
        int[] without = [.. actual.Skip(Math.Min(leading, Math.Max(0, actual.Count - (expected.Length == 1 ? 1 : 2))))];
        int[] matrix = expected.Length == 1 ? expected : [expected[0], expected[1] * expected[2] * expected[3]];
        return without.SequenceEqual(matrix) ? $"from {Text(actual)}" : null;
    }

    private static int[] Extents(string parameter, Shape shape) =>
        parameter.EndsWith(".bias", StringComparison.Ordinal) ? [shape.C] : [shape.N, shape.C, shape.H, shape.W];

    private static string LayerOf(string parameter) => parameter[..parameter.LastIndexOf('.')];

    // The trunk is one part and has to be there; the context module is one, and every other layer.
    private static string PartOf(string parameter) => LayerOf(parameter) switch
    {
        "fc6" or "fc7" => "",
        string layer when SourceNames.IsTrunk(layer) => "",
        string layer when layer.StartsWith(ContextPrefix, StringComparison.Ordinal) => ContextPrefix,
        string layer => layer,
    };

    private static string Text(IEnumerable<int> shape) => $"[{string.Join(", ", shape)}]";
}
