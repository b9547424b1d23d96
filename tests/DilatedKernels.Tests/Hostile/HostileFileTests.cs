using System.Diagnostics;
using DilatedKernels.Segmentation;
using DilatedKernels.Serialization;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Hostile;

/// <summary>Damaged files end in a clear error or are read, in bounded memory, and never in a crash or a hang.</summary>
[NonParallelizable]
public class HostileFileTests
{
    private const int Few = 2000;
    private const int Many = 1_000_000;

    // What no file of a few hundred bytes may take. On a machine that does much else, one that took longer is read again.
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(1);
    private const int Tries = 5;

    private static IEnumerable<TestCaseData> Parsers() => HostileParser.All.Select(parser => new TestCaseData(parser).SetArgDisplayNames(parser.Name));

    [TestCaseSource(nameof(Parsers))]
    public void SeedsAreRead(object parser)
    {
        using var folder = new TemporaryFolder();
        foreach (byte[] seed in ((HostileParser)parser).Seeds)
        {
            ((HostileParser)parser).Parse(folder.Write("seed", seed));
        }
    }

    // Found by the million: half of a UTF-16 pair, which readers of text tokens and of trees refuse in different ways.
    [TestCase("crf.json", "{ \"kernel\": \"\\uD800\" }")]
    [TestCase("model.json", "{ \"name\": \"\\uD800\" }")]
    [TestCase("dataset.json", "{ \"name\": \"\\uD800\", \"classes\": [\"a\", \"b\"] }")]
    public void HalfACharacterIsRefused(string parser, string text)
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("file", text);
        Assert.That(
            () => HostileParser.All.Single(p => p.Name == parser).Parse(file),
            Throws.InstanceOf<ArgumentException>().Or.InstanceOf<UserInputException>());
    }

    // Found by the million, too.
    [Test]
    public void ALongNameFromAFileIsCutInTheMessage()
    {
        string reason = new SafetensorsException("file", $"there is no array '{new string('x', 100_000)}'; the network needs one of shape [1, 2].").Reason;
        Assert.That(reason, Has.Length.LessThan(700).And.StartsWith("there is no array 'xxx").And.EndsWith("the network needs one of shape [1, 2]."));
    }

    [TestCaseSource(nameof(Parsers))]
    public void DamagedFilesEndInAnErrorOrAreRead(object parser) => Damage((HostileParser)parser, Few);

    [TestCaseSource(nameof(Parsers))]
    [Explicit("Some minutes where TMPDIR is in memory: ./build.sh test --filter \"Name~AMillionDamagedFiles\"")]
    public void AMillionDamagedFilesEndInAnErrorOrAreRead(object parser) => Damage((HostileParser)parser, Many);

    private static void Damage(HostileParser parser, int count)
    {
        using var folder = new TemporaryFolder();
        string file = folder["damaged"];
        (int read, long most, TimeSpan longest) = (0, 0, TimeSpan.Zero);
        var errors = new HashSet<string>();
        for (int i = 0; i < count; i++)
        {
            var random = new RandomSequence(17, parser.Name, (ulong)i);
            byte[] damaged = parser.Structured is { } structured && i % 2 == 1 ? structured(random) : Mutation.Of(parser.Seeds[i % parser.Seeds.Length], random);
            File.WriteAllBytes(file, damaged);
            Reading reading = Read(parser, file);
            TimeSpan took = reading.Took;
            for (int again = 1; took >= Hang && again < Tries; again++)
            {
                took = TimeSpan.FromTicks(Math.Min(took.Ticks, Read(parser, file).Took.Ticks));
            }

            longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, took.Ticks));
            most = Math.Max(most, reading.Allocated);
            Assert.That(took, Is.LessThan(Hang), $"damage {i}");
            Assert.That(reading.Allocated, Is.LessThanOrEqualTo(parser.Fixed + (parser.PerByte * damaged.Length)), $"damage {i} of {damaged.Length} bytes");
            if (reading.Error is { } error)
            {
                AssertClear(error, i);
                errors.Add(new string([.. error.Message.Replace(file, "", StringComparison.Ordinal).Where(c => !char.IsAsciiDigit(c)).Take(60)]));
            }
            else
            {
                read++;
            }
        }

        Assert.That(Directory.EnumerateFileSystemEntries(folder.Path).Count(), Is.EqualTo(1), "nothing is written");
        // Both happen, or the damage tests nothing.
        Assert.That(read, Is.GreaterThan(0));
        Assert.That(errors, Has.Count.GreaterThan(5));
        TestContext.Progress.WriteLine($"{parser.Name}: {count} damaged, {read} read, {errors.Count} kinds of errors, at most {most >> 10} KiB and {longest.TotalMilliseconds:F0} ms.");
    }

    private readonly record struct Reading(Exception? Error, TimeSpan Took, long Allocated);

    private static Reading Read(HostileParser parser, string file)
    {
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        long started = Stopwatch.GetTimestamp();
        Exception? error = null;
        try
        {
            parser.Parse(file);
        }
        catch (Exception thrown)
        {
            error = thrown;
        }

        return new Reading(error, Stopwatch.GetElapsedTime(started), GC.GetAllocatedBytesForCurrentThread() - allocated);
    }

    private static void AssertClear(Exception error, int damage)
    {
        // Argument errors are a text's, which has no file; what is thrown for a null or a range by the runtime itself is a crash.
        bool refused = error is UserInputException or SafetensorsException or (ArgumentException and not ArgumentNullException and not ArgumentOutOfRangeException);
        Assert.That(refused, Is.True, $"damage {damage}: {error}");
        Assert.That(error.Message, Has.Length.LessThan(1000), $"damage {damage}");
    }
}
