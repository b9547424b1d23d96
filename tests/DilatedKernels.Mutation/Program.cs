// What `./build.sh mutate` runs from the root of the tree, after the tests have been built: changes the library in one place at a time and sees whether a test fails.
// Stryker.NET would not do: it changes no numbers, and its test process for Microsoft.Testing.Platform serves one mutant after another, which code on raw pointers can spoil.

using System.Security.Cryptography;
using System.Text;
using DilatedKernels.Build;
using DilatedKernels.Mutation;

const int Seed = 2016;
const double Least = 0.85;

bool fresh = args.Contains("--fresh");
string[] unknown = [.. args.Where(a => a is not "--fresh" && Area.All.All(area => area.Name != a))];
if (unknown.Length > 0)
{
    Console.Error.WriteLine($"usage: ./build.sh mutate [--fresh] [AREA ...], not '{string.Join(' ', unknown)}'. The areas are {string.Join(", ", Area.All.Select(a => a.Name))}.");
    return 2;
}

try
{
    return Run([.. Area.All.Where(a => args.All(arg => arg == "--fresh") || args.Contains(a.Name))]);
}
catch (BuildException error)
{
    Console.Error.WriteLine(error.Message);
    return 1;
}

int Run(Area[] asked)
{
    var results = new Results("bench/results/mutation");
    Dictionary<string, Verdict> known = results.Read();
    bool changed = Command.Capture("git", ["status", "--porcelain", "src", "tests"]).Output.Length > 0;
    string commit = Command.Capture("git", ["rev-parse", "--short", "HEAD"]).Output.Trim() + (changed ? "+" : "");
    var tests = new TestProgram("artifacts/bin/DilatedKernels.Tests/release", "artifacts/mutation");
    var verdicts = new List<Verdict>();
    foreach (IGrouping<string, Area> areas in Area.All.GroupBy(a => a.Project))
    {
        LibraryProject project = LibraryProject.Load(areas.Key);
        foreach (Area area in areas)
        {
            // The order is a hash's, so that changes elsewhere do not change who is drawn.
            IEnumerable<Mutant> drawn = area.Files().SelectMany(f => Mutator.Find(area.Name, f, project.Tree(f))).OrderBy(Draw, StringComparer.Ordinal);
            int count = 0;
            foreach (Mutant mutant in drawn)
            {
                bool stands = known.TryGetValue(mutant.Key, out Verdict earlier) && (!asked.Contains(area) || (!fresh && earlier.Outcome != Outcome.Survived));
                Verdict? verdict = stands ? earlier with { Mutant = mutant } : asked.Contains(area) ? Decide(project, area, mutant) : null;
                if (verdict is { } decided)
                {
                    verdicts.Add(decided);
                    count++;
                }

                if (count == area.Sample)
                {
                    break;
                }
            }
        }
    }

    double share = results.Write(verdicts, Seed);
    Console.WriteLine($"{verdicts.Count} mutants, {100 * share:F1} % found; see bench/results/mutation/README.md.");
    return share >= Least ? 0 : 1;

    Verdict? Decide(LibraryProject project, Area area, Mutant mutant)
    {
        if (project.Compile(mutant) is not { } assembly)
        {
            return null;
        }

        Outcome outcome = tests.Test($"{project.Name}.dll", assembly, area.Filters(mutant.File));
        Console.WriteLine($"{outcome,-8} {mutant.File}:{mutant.Line}  {mutant.Change}  in  {mutant.Source}");
        var verdict = new Verdict(mutant, outcome, commit);

        // After each, because a run takes long and is gone on with when it was interrupted.
        known[mutant.Key] = verdict;
        results.Write(known.Values, Seed);
        return verdict;
    }
}

static string Draw(Mutant mutant) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{Seed}\t{mutant.Key}")));
