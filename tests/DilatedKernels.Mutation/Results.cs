using System.Globalization;
using System.Text;

namespace DilatedKernels.Mutation;

/// <summary>What is known of the mutants: mutants.tsv, which a later run goes on from, and README.md, which is written from it and from reasons.tsv.</summary>
internal sealed class Results(string folder)
{
    private readonly string _table = Path.Combine(folder, "mutants.tsv");
    private readonly string _reasons = Path.Combine(folder, "reasons.tsv");

    /// <summary>The verdicts of earlier runs, by <see cref="Mutant.Key"/>; where and what to replace is not among what is kept.</summary>
    public Dictionary<string, Verdict> Read() => Rows(_table).Skip(1)
        .Select(r => new Verdict(
            new Mutant(r[0], r[1], Whole(r[2]), Whole(r[3]), Whole(r[4]), Change: r[5], Source: r[6], Span: default, Text: ""), Enum.Parse<Outcome>(r[7]), r[8]))
        .ToDictionary(v => v.Mutant.Key);

    /// <summary>Writes both files; returns the share of the mutants that the tests found out.</summary>
    public double Write(IReadOnlyCollection<Verdict> verdicts, int seed)
    {
        Directory.CreateDirectory(folder);
        var table = new StringBuilder("area\tfile\tline\tcolumn\trepeat\tchange\tsource\toutcome\tcommit\n");
        foreach (((string area, string file, int line, int column, int repeat, string source, string change, _, _), Outcome outcome, string commit) in verdicts)
        {
            table.Append(CultureInfo.InvariantCulture, $"{area}\t{file}\t{line}\t{column}\t{repeat}\t{change}\t{source}\t{outcome}\t{commit}\n");
        }

        File.WriteAllText(_table, table.ToString());
        return WriteReport(verdicts, seed);
    }

    private double WriteReport(IReadOnlyCollection<Verdict> verdicts, int seed)
    {
        Dictionary<string, string> reasons = Rows(_reasons).Skip(1).ToDictionary(r => string.Join('\t', r[0], r[1], r[2]), r => r[3]);
        Verdict[] survivors = [.. verdicts.Where(v => v.Outcome == Outcome.Survived)];
        double share = 1 - ((double)survivors.Length / verdicts.Count);
        var text = new StringBuilder();
        Line($"""
            # Which mistakes the tests find

            Written by `./build.sh mutate` on {DateTime.UtcNow:yyyy-MM-dd}. One operator, constant, condition or call of the library is changed, and the tests have to fail. A whole number
            becomes the next one, another number twice itself; `<` becomes `<=` and `>=`, `+` becomes `-`, and so on; a call for its effect is left out. Texts of messages are not changed.

            The {verdicts.Count} mutants are drawn by a hash with seed {seed} from all that compile in the files of `tests/DilatedKernels.Mutation/Areas.cs`, a fixed number from each area. Each is
            compiled and tested in a process of its own, on the CPU backend, first with the tests nearest to it and, if it survives, with those of its area. One that needs more than four times
            the processor time that its tests usually take, or makes them wait ten times as long, counts as timed out. One that no test reaches survives.
            `mutants.tsv` holds every one, with the commit whose tests decided it, and a + where that was changed: the command asks again only for those that are not known to be found; `--fresh` asks for all.

            """);
        Line($"**{share:P1} found: {Count(verdicts, Outcome.Killed)} killed, {Count(verdicts, Outcome.TimedOut)} timed out, {survivors.Length} survived.** The least is 85 %.");
        string[] open = [.. Area.All.Select(a => (a.Name, a.Sample, Done: verdicts.Count(v => v.Mutant.Area == a.Name))).Where(a => a.Done < a.Sample).Select(a => $"{a.Name} {a.Done} of {a.Sample}")];
        if (open.Length > 0)
        {
            Line($"");
            Line($"**Not finished:** {string.Join(", ", open)}. The same command goes on.");
        }

        Line($"");
        Line($"| file | mutants | killed | timed out | survived |");
        Line($"|---|---:|---:|---:|---:|");
        foreach (IGrouping<string, Verdict> area in verdicts.GroupBy(v => v.Mutant.Area))
        {
            Row($"**{area.Key}**", [.. area]);
            foreach (IGrouping<string, Verdict> file in area.GroupBy(v => v.Mutant.File).OrderBy(f => f.Key, StringComparer.Ordinal))
            {
                Row($"`{file.Key["src/".Length..]}`", [.. file]);
            }
        }

        Line($"");
        Line($"## The survivors");
        Line($"");
        Line($"| where | change | in | why no test fails |");
        Line($"|---|---|---|---|");
        foreach (Mutant m in survivors.Select(s => s.Mutant).OrderBy(m => m.File, StringComparer.Ordinal).ThenBy(m => m.Line))
        {
            string reason = reasons.GetValueOrDefault(string.Join('\t', m.File, m.Change, m.Source), "**not explained**");
            Line($"| `{m.File["src/".Length..]}:{m.Line}` | {Code(m.Change)} | {Code(m.Source)} | {reason} |");
        }

        File.WriteAllText(Path.Combine(folder, "README.md"), text.ToString());
        return share;

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

        void Row(string name, Verdict[] rows) =>
            Line($"| {name} | {rows.Length} | {Count(rows, Outcome.Killed)} | {Count(rows, Outcome.TimedOut)} | {Count(rows, Outcome.Survived)} |");

        static int Count(IEnumerable<Verdict> rows, Outcome outcome) => rows.Count(r => r.Outcome == outcome);

        static string Code(string source) => $"`{source.Replace("|", "\\|", StringComparison.Ordinal)}`";
    }

    private static int Whole(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static IEnumerable<string[]> Rows(string path) => File.Exists(path) ? File.ReadAllLines(path).Where(l => l.Length > 0).Select(l => l.Split('\t')) : [];
}
