using System.Text.Json;
using DilatedKernels.Measuring;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Bench;

/// <summary>What <c>bench --start</c> weighs, and what it writes.</summary>
internal sealed class StartTests
{
    [Test]
    public void AReportHasMediansRangesSizesAndBudgets()
    {
        StartReport report = Report();
        string text = report.ToMarkdown();
        Assert.That(text, Does.Contain("| predict | native | 21 | 10 to 90 | 300 |\n"));
        Assert.That(text, Does.Contain("| predict | runtime | 800 | 700 to 900 |  |\n"));
        Assert.That(text, Does.Contain("| package | 3.6 | 5 |\n").And.Contain("| peer | 128.2 |  |\n"));
        Assert.That(text, Does.Contain("Medians of 3 runs in turns"));
        Assert.That(text, Does.Not.Contain(" \n").And.EndWith("|\n"));
    }

    [Test]
    public void ItsJsonHasEverySample()
    {
        using JsonDocument json = JsonDocument.Parse(Report().ToJson());
        JsonElement[] rows = [.. json.RootElement.GetProperty("rows").EnumerateArray()];
        Assert.That(rows[0].GetProperty("ms").EnumerateArray().Select(ms => ms.GetDouble()), Is.EqualTo(new[] { 90d, 10, 21 }));
        Assert.That(rows[0].GetProperty("budget_ms").GetDouble(), Is.EqualTo(300));
        Assert.That(rows[1].TryGetProperty("budget_ms", out _), Is.False);
        Assert.That(json.RootElement.GetProperty("sizes").EnumerateArray().Select(size => size.GetProperty("bytes").GetInt64()), Is.EqualTo(new[] { 3_600_000L, 128_200_806 }));
    }

    [Test]
    public void PackagesAreThoseOfAProgramAsTheyWereDownloaded()
    {
        using var folder = new TemporaryFolder();
        folder.Write("program/peer.deps.json", """
            { "libraries": {
              "peer/1.0.0": { "type": "project" },
              "Fast.Runtime/1.2.0": { "type": "package", "path": "fast.runtime/1.2.0" },
              "Fast/1.2.0": { "type": "package", "path": "fast/1.2.0" } } }
            """);
        folder.Write("cache/fast.runtime/1.2.0/fast.runtime.1.2.0.nupkg", new byte[300]);
        folder.Write("cache/fast.runtime/1.2.0/lib/unpacked.dll", new byte[5000]);
        folder.Write("cache/fast/1.2.0/fast.1.2.0.nupkg", new byte[44]);
        Assert.That(StartSize.OfPackages("Fast", folder["program/peer"], folder["cache"]), Is.EqualTo(new StartSize("Fast: packages Fast.Runtime 1.2.0, Fast 1.2.0", null, 344)));
    }

    [Test]
    public void ADeploymentHasTheNativeCodeOfThisSystemAlone()
    {
        using var folder = new TemporaryFolder();
        string system = System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier;
        foreach ((string name, int bytes) in new[] { ("peer", 1), ("peer.dll", 20), ("peer.pdb", 300), ("peer.xml", 300), ($"runtimes/{system}/native/fast.so", 4000), ($"runtimes/{system}-else/native/fast.so", 50_000) })
        {
            folder.Write(name, new byte[bytes]);
        }

        Assert.That(StartSize.OfDeployment("Fast", folder["peer"]).Bytes, Is.EqualTo(4021));
    }

    private static StartReport Report() => new(
        "command",
        MachineDescription.Describe((Device?)null),
        "About it.",
        [new("predict", "native", 300, [90, 10, 21]), new("predict", "runtime", null, [700, 800, 900])],
        [new("package", 5, 3_600_000), new("peer", null, 128_200_806)]);
}
