using System.Text.Json;
using System.Text.RegularExpressions;
using DilatedKernels.Backends;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Measuring;

/// <summary>The shapes of bench/shapes.json, checked: whatever is in the list can be measured.</summary>
public sealed partial class ShapeList
{
    private ShapeList(IReadOnlyList<BenchShape> shapes) => Shapes = shapes;

    /// <summary>All of them, in the order of the file.</summary>
    public IReadOnlyList<BenchShape> Shapes { get; }

    /// <summary>What <see cref="Select"/> takes as a group.</summary>
    public IReadOnlyList<string> Groups => [.. Shapes.SelectMany(shape => shape.Groups).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The list that was built in: bench/shapes.json of the same commit.</summary>
    public static ShapeList BuiltIn()
    {
        using Stream stream = typeof(ShapeList).Assembly.GetManifestResourceStream("shapes.json")!;
        using var reader = new StreamReader(stream);
        return Parse(reader.ReadToEnd(), "shapes.json");
    }

    /// <summary>Reads a file of the same form.</summary>
    /// <exception cref="UserInputException">It cannot be read, or a shape cannot be measured; the message names the shape, the field and what would be right.</exception>
    public static ShapeList Read(string path)
    {
        try
        {
            return Parse(File.ReadAllText(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserInputException($"{path}: the list of shapes cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads the text of such a file.</summary>
    /// <param name="json">The text.</param>
    /// <param name="source">What messages call it.</param>
    /// <exception cref="UserInputException">As <see cref="Read"/>.</exception>
    public static ShapeList Parse(string json, string source)
    {
        IReadOnlyList<BenchShape> shapes;
        try
        {
            shapes = (JsonSerializer.Deserialize(json, ShapesJson.Default.ShapesFile) ?? throw new JsonException("the text is null")).Shapes;
        }
        catch (JsonException e)
        {
            throw new UserInputException($"{source}: this is no list of shapes: {e.Message}", e);
        }

        var names = new HashSet<string>();
        foreach ((int index, BenchShape shape) in shapes.Index())
        {
            // The reader of JSON sees to properties, not to the elements of lists.
            if (shape is null)
            {
                throw new UserInputException($"{source}: shape {index + 1} of the list is null.");
            }

            if (WhyNot(shape) is { } problem)
            {
                throw new UserInputException($"{source}: shape '{shape.Name}': {problem}");
            }

            if (!names.Add(shape.Name))
            {
                throw new UserInputException($"{source}: two shapes are named '{shape.Name}'; names differ.");
            }
        }

        return shapes.Count > 0 ? new ShapeList(shapes) : throw new UserInputException($"{source}: the list of shapes is empty.");
    }

    /// <summary>The shapes of a group whose names match.</summary>
    /// <param name="group">A group, or null for all.</param>
    /// <param name="filter">A regular expression that is searched for in the names, or null.</param>
    /// <exception cref="UserInputException">There is no such group, the expression is none, or nothing is left.</exception>
    public IReadOnlyList<BenchShape> Select(string? group, string? filter)
    {
        if (group is not null && !Groups.Contains(group))
        {
            throw new UserInputException($"There is no group '{group}' of shapes; the groups are {string.Join(", ", Groups)}.");
        }

        BenchShape[] selected = [.. Shapes.Where(shape => (group is null || shape.Groups.Contains(group)) && (filter is null || Matches(shape.Name, filter)))];
        return selected.Length > 0
            ? selected
            : throw new UserInputException($"No shape{(group is null ? "" : $" of the group '{group}'")} has a name that matches '{filter}'.");
    }

    private static bool Matches(string name, string filter)
    {
        try
        {
            return Regex.IsMatch(name, filter, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new UserInputException($"'{filter}' is no regular expression that can be searched for: {e.Message}", e);
        }
    }

    private static string? WhyNot(BenchShape shape)
    {
        if (!NamePattern().IsMatch(shape.Name))
        {
            return "a name is of lower-case letters, digits and '-'.";
        }

        if (!BenchOperator.Passes.TryGetValue(shape.Operator, out string[]? passes))
        {
            return $"there is no operator '{shape.Operator}'; the operators are {string.Join(", ", BenchOperator.All)}.";
        }

        if (shape.Passes.Count == 0 || shape.Passes.Except(passes).Any())
        {
            return $"its passes are [{string.Join(", ", shape.Passes)}]; {shape.Operator} has {string.Join(", ", passes)}.";
        }

        if (shape.Groups.Count == 0)
        {
            return "it is in no group.";
        }

        if (shape.ElementTypes.Count == 0 || shape.ElementTypes.Except(BenchType.All).Any())
        {
            return $"its types are [{string.Join(", ", shape.ElementTypes)}]; the types are {string.Join(", ", BenchType.All)}.";
        }

        IEnumerable<string> barKeys = shape.Passes.Concat(shape.Passes.SelectMany(pass => shape.ElementTypes.Select(type => $"{pass}/{type}")));
        if (shape.Bars is not null && shape.Bars.Keys.Except(barKeys).FirstOrDefault() is { } stray)
        {
            return $"it has a bar for '{stray}', which is none of its passes nor pass/type of it.";
        }

        return WhyNotExtents(shape);
    }

    private static string? WhyNotExtents(BenchShape shape)
    {
        if (shape.Operator is BenchOperator.Sgd or BenchOperator.Adam)
        {
            return shape.Parameters is { Count: > 0 } sizes && sizes.All(size => size > 0) ? null : "an optimizer needs parameters, each with 1 value or more.";
        }

        if (shape.Batch < 1 || shape.Channels < 1 || shape.Height < 1 || shape.Width < 1)
        {
            return $"batch, channels, height and width are 1 or more; they were {shape.Input}.";
        }

        return shape.Operator switch
        {
            BenchOperator.Conv2d => WhyNotConvolution(shape.Convolution),
            BenchOperator.Upsample or BenchOperator.UpsampleCrossEntropy => shape.Scale >= 1 ? null : $"the scale is 1 or more; it was {shape.Scale}.",
            BenchOperator.MaxPool => shape.Kernel >= 1 && shape.Kernel <= Math.Min(shape.Height, shape.Width)
                ? null : $"a pooling's kernel is from 1 to the smaller of height and width; it was {shape.Kernel}.",
            BenchOperator.Network => WhyNotNetwork(shape),
            _ => null,
        };
    }

    private static string? WhyNotConvolution(Conv2dGeometry geometry)
    {
        if (geometry.OutChannels < 1 || geometry.KernelHeight < 1 || geometry.StrideH < 1 || geometry.DilationH < 1 || geometry.PadH < 0)
        {
            return $"out, kernel, stride and dilation are 1 or more and padding 0 or more; they were {geometry.OutChannels}, {geometry.KernelHeight}, {geometry.StrideH}, {geometry.DilationH} and {geometry.PadH}.";
        }

        return geometry.OutHeight > 0 && geometry.OutWidth > 0 ? null : $"the kernel is larger than the padded map {geometry.InHeight}×{geometry.InWidth}.";
    }

    private static string? WhyNotNetwork(BenchShape shape)
    {
        if (shape.Layers is not { Count: > 0 })
        {
            return "a network needs layers.";
        }

        if (shape.Passes.Contains(BenchPass.Step) && shape.Optimizer is not (BenchOperator.Sgd or BenchOperator.Adam))
        {
            return $"a step needs an optimizer, {BenchOperator.Sgd} or {BenchOperator.Adam}; it was '{shape.Optimizer}'.";
        }

        Shape map = shape.Input;
        foreach ((int index, BenchLayer layer) in shape.Layers.Index())
        {
            if (layer is null)
            {
                return $"layer {index + 1} is null.";
            }

            if (layer.Pool > 0)
            {
                if (layer != new BenchLayer(Pool: layer.Pool))
                {
                    return $"layer {index + 1} is a pooling and has a convolution's fields too.";
                }

                map = map with { H = map.H / layer.Pool, W = map.W / layer.Pool };
            }
            else
            {
                var geometry = new Conv2dGeometry(
                    map.N, map.C, map.H, map.W, layer.Out, layer.Kernel, layer.Kernel, 1, 1, layer.Dilation, layer.Dilation, layer.Padding, layer.Padding);
                if (WhyNotConvolution(geometry) is { } problem)
                {
                    return $"layer {index + 1}: {problem}";
                }

                map = geometry.OutShape;
            }

            if (map.H < 1 || map.W < 1)
            {
                return $"nothing is left of the map after layer {index + 1}.";
            }
        }

        return shape.Layers[^1].Pool == 0 && map.C <= 255 ? null : "the last layer is a convolution to at most 255 classes.";
    }

    [GeneratedRegex("^[a-z0-9]+(-[a-z0-9]+)*$")]
    private static partial Regex NamePattern();
}
