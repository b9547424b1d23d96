using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using System.Text.RegularExpressions;
using DilatedKernels.Backends;
using DilatedKernels.Measuring;
using DilatedKernels.Tests.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Bench;

/// <summary>The processor's peak, and the direct convolution's share of it.</summary>
internal sealed partial class PeakTests
{
    private static readonly MachineDescription Machine = new("A processor", 2, 512, null, ".NET", "an OS", "abc", "2026-01-02");

    [Test]
    public unsafe void TheLoopEndsWhereItShould([Values(4, 8, 16)] int lanes)
    {
        float* vector = stackalloc float[16];
        new Span<float>(vector, 16).Fill(0.5f);
        FmaPeak.RunLoop(lanes, 100, vector);
        for (int i = 0; i < 16; i++)
        {
            Assert.That(vector[i], Is.EqualTo(i < lanes ? FmaPeak.Chains : 0.5f));
        }
    }

    [Test]
    public void ThePeakIsANumberOfOperations([Values(1, 2)] int threads)
    {
        using var peak = new FmaPeak(threads, FmaPeak.WidestLanes);
        Assert.That(peak.Measure(), Is.GreaterThan(0).And.LessThan(1e6));
    }

    /// <summary>A sum that goes through memory would make the peak low, and every share of it high.</summary>
    [Test]
    public void TheLoopUsesRegistersAlone()
    {
        if (!Avx2.IsSupported)
        {
            Assert.Ignore("This processor has no such registers.");
        }

        int lanes = FmaPeak.WidestLanes;
        string[] listings = JitListing.Of($"*{nameof(FmaPeak)}:Loop", nameof(TheLoopEndsWhereItShould), avx512: lanes == 16);
        string listing = listings.Single(text => text.Contains($"Width{32 * lanes}", StringComparison.Ordinal));
        Assert.That(JitListing.HasVectorOnStack(listing), Is.False, listing);
        Assert.That(Fma().Count(listing), Is.EqualTo(FmaPeak.Chains), listing);
        Assert.That(FmaOnMemory().Count(listing), Is.Zero, listing);
        Assert.That(listing, Does.Not.Contain("call "));
    }

    [Test]
    public void TapsInThePaddingDoNotCount([Values(1, 2)] int stride, [Values(1, 2, 7)] int dilation, [Values(0, 1, 9)] int pad)
    {
        var g = new Conv2dGeometry(2, 3, 17, 15, 4, 3, 3, stride, stride, dilation, 1, pad, 1);
        long pairs = 0;
        for (int y = 0; y < g.OutHeight; y++)
        {
            for (int x = 0; x < g.OutWidth; x++)
            {
                for (int tap = 0; tap < 9; tap++)
                {
                    int inY = (y * stride) - pad + (tap / 3 * dilation);
                    int inX = (x * stride) - 1 + (tap % 3);
                    pairs += inY >= 0 && inY < 17 && inX >= 0 && inX < 15 ? 1 : 0;
                }
            }
        }

        Assert.That(PeakRow.InBoundsFlops(g), Is.EqualTo(2 * 2 * 3 * 4 * pairs));
    }

    [Test]
    public void TheReportSaysTheShareAndTheRatio()
    {
        BenchShape[] shapes = [.. ShapeList.BuiltIn().Select("cpu-peak", null)];
        Assert.That(shapes.Select(s => s.Name), Is.EqualTo(new[] { "cpu-64-64-d1", "cpu-64-64-d2", "cpu-512-512-d1", "cpu-512-512-d2", "sweep-64-d1", "sweep-64-d16", "sweep-64-d64" }));
        // Half of a peak of 100 at dilation 1, a tenth slower at 16.
        PeakRow[] rows =
        [
            .. shapes.Select(shape =>
            {
                double ms = PeakRow.InBoundsFlops(shape.Convolution) / 50e6 * (shape.Dilation == 16 ? 1.1 : 1);
                return new PeakRow(shape, 1, [2 * ms, ms, ms], [90, 100, 110]);
            }),
        ];
        var report = new PeakReport("./build.sh bench --peak", Machine, 3, rows);
        string[] lines = [.. report.ToMarkdown().Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal))];
        Assert.That(report.ToMarkdown(), Does.Contain("commit abc").And.Contain("`./build.sh bench --peak`").And.Contain("512-bit"));
        Assert.That(lines, Has.Length.EqualTo(1 + rows.Length));
        Assert.That(lines[1], Does.StartWith("| cpu-64-64-d1 | 1 | 100.0 | 90.0 to 110.0 |").And.EndsWith("| 50.0 | 50.0 % |  |"));
        Assert.That(lines[5], Does.EndWith("| 50.0 % |  |"), "the least dilation is compared with nothing");
        Assert.That(lines[6], Does.EndWith("| 45.5 % | 1.100 |"));
        Assert.That(lines[7], Does.EndWith("| 50.0 % | 1.000 |"));

        using JsonDocument json = JsonDocument.Parse(report.ToJson());
        JsonElement row = json.RootElement.GetProperty("rows")[5];
        Assert.That(row.GetProperty("share_of_peak").GetDouble(), Is.EqualTo(0.5 / 1.1).Within(1e-9));
        Assert.That(row.GetProperty("over_least_dilation").GetDouble(), Is.EqualTo(1.1).Within(1e-9));
        Assert.That(json.RootElement.GetProperty("commit").GetString(), Is.EqualTo("abc"));
    }

    [GeneratedRegex(@"\bvfmadd")]
    private static partial Regex Fma();

    [GeneratedRegex(@"\bvfmadd.*\[")]
    private static partial Regex FmaOnMemory();
}
