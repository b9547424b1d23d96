using System.Globalization;

namespace DilatedKernels.Measuring;

/// <summary>Steps that a job's processes share, in one way.</summary>
/// <param name="Overlaps">Whether sums begin while the backward pass goes on.</param>
/// <param name="Milliseconds">From begin to end.</param>
/// <param name="Waited">Of these, with nothing to compute.</param>
internal sealed record ScalingSteps(bool Overlaps, IReadOnlyList<double> Milliseconds, IReadOnlyList<double> Waited);

/// <summary>What one job has told: processes with one link each, or without on one machine.</summary>
/// <param name="Library">The MPI library.</param>
/// <param name="Link">The link of each process; null on one machine.</param>
/// <param name="Processes">How many.</param>
/// <param name="Sums">Sums with nothing else to do.</param>
/// <param name="Alone">Steps that every process computes for itself, all at once.</param>
/// <param name="Steps">Steps that they share.</param>
internal sealed record ScalingRun(string Library, Link? Link, int Processes, IReadOnlyList<ExchangeRow> Sums, StepProfile Alone, IReadOnlyList<ScalingSteps> Steps)
{
    public LinkCost Cost => LinkCost.Of(Sums);

    public string LinkName => Link?.ToString() ?? "one machine";

    /// <summary>Reads what a process of the job wrote.</summary>
    /// <param name="lines">Lines of fields, the first of which names the kind.</param>
    /// <param name="link">The job's.</param>
    /// <param name="processes">The job's.</param>
    public static ScalingRun Read(IReadOnlyList<string[]> lines, Link? link, int processes)
    {
        string library = lines.Single(line => line[0] == "library")[1];
        ExchangeRow[] sums = [.. Of("sum").Select(line => new ExchangeRow(library, processes, int.Parse(line[1], CultureInfo.InvariantCulture), Numbers(line, 2)))];
        (double At, long Values)[] begins = [.. Of("begins").Select(line => (Statistics.Of(Numbers(line, 2)).Median, long.Parse(line[1], CultureInfo.InvariantCulture)))];
        var alone = new StepProfile(Statistics.Of(Numbers(Of("alone").Single(), 1)).Median, begins[..^1], begins[^1].At);
        ScalingSteps[] steps = [.. Of("step").Select(line => new ScalingSteps(line[1] == "overlapped", Numbers(line, 2), Numbers(Of("waited").Single(other => other[1] == line[1]), 2)))];
        return new ScalingRun(library, link, processes, sums, alone, steps);

        IEnumerable<string[]> Of(string kind) => lines.Where(line => line[0] == kind);
    }

    private static double[] Numbers(string[] line, int begin) => [.. line[begin..].Select(field => double.Parse(field, CultureInfo.InvariantCulture))];
}
