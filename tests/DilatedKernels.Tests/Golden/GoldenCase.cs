using System.Collections.Concurrent;
using System.Text.Json;

namespace DilatedKernels.Tests.Golden;

/// <summary>One line of a golden file: how to make the inputs, the operator's options, and the results.</summary>
internal sealed class GoldenCase
{
    private static readonly ConcurrentDictionary<string, IReadOnlyList<GoldenCase>> s_files = new();

    private readonly JsonElement _json;

    private GoldenCase(JsonElement json)
    {
        _json = json;
        Name = json.GetProperty("name").GetString()!;
        Seed = json.GetProperty("seed").GetInt32();
        Results = json.GetProperty("results").EnumerateObject().ToDictionary(r => r.Name, r => new GoldenResult(r.Name, Seed, r.Value));
    }

    public string Name { get; }

    public int Seed { get; }

    public IReadOnlyDictionary<string, GoldenResult> Results { get; }

    public static GoldenCase Find(string file, string name) => All(file).Single(c => c.Name == name);

    public static IEnumerable<string> Names(string file) => All(file).Select(c => c.Name);

    public Shape Shape(string key)
    {
        int[] extents = Ints(key);
        return new Shape(extents[0], extents[1], extents[2], extents[3]);
    }

    public Size2 Size(string key)
    {
        int[] extents = Ints(key);
        return new Size2(extents[0], extents[1]);
    }

    public int Int(string key) => _json.GetProperty(key).GetInt32();

    public double Number(string key) => _json.GetProperty(key).GetDouble();

    public IReadOnlyList<string> Strings(string key) => [.. _json.GetProperty(key).EnumerateArray().Select(e => e.GetString()!)];

    public bool Flag(string key) => _json.GetProperty(key).GetBoolean();

    private static IReadOnlyList<GoldenCase> All(string file) => s_files.GetOrAdd(file, Load);

    private static IReadOnlyList<GoldenCase> Load(string file)
    {
        using FileStream stream = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Data", "golden", file));
        using JsonDocument document = JsonDocument.Parse(stream);
        return [.. document.RootElement.GetProperty("cases").EnumerateArray().Select(json => new GoldenCase(json.Clone()))];
    }

    private int[] Ints(string key) => [.. _json.GetProperty(key).EnumerateArray().Select(e => e.GetInt32())];
}
