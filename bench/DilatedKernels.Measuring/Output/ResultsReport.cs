using System.Text;
using System.Text.Json;

namespace DilatedKernels.Measuring;

/// <summary>What was measured, for a results folder: as a page to read and as numbers.</summary>
/// <param name="Command">What was typed.</param>
/// <param name="Machine">Where.</param>
internal abstract record ResultsReport(string Command, MachineDescription Machine)
{
    /// <summary>What the page says of command, tree and machine.</summary>
    protected string Origin => $"`{Command}`, {Machine.Date}, commit {Machine.Commit}: {Machine.Processor}, {Machine.Cores} cores, {Machine.VectorBits}-bit vectors, {Machine.Runtime}, {Machine.OperatingSystem}.";

    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "raw.json"), ToJson());
        File.WriteAllText(Path.Combine(folder, "README.md"), ToMarkdown());
    }

    public abstract string ToMarkdown();

    public string ToJson()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("command", Command);
            Machine.WriteTo(json);
            WriteNumbers(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    /// <summary>Writes the properties of what was measured.</summary>
    protected abstract void WriteNumbers(Utf8JsonWriter json);

    public static void WriteArray(Utf8JsonWriter json, string name, IEnumerable<double> values)
    {
        json.WriteStartArray(name);
        foreach (double value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }
}
