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

    // What no file of a few hundred bytes may take, on a machine that does much else.
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(10);

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
    [Explicit("Some minutes: ./build.sh test --filter \"Name~AMillionDamagedFiles\"")]
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
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            long started = Stopwatch.GetTimestamp();
            try
            {
                parser.Parse(file);
                read++;
            }
            catch (Exception error) when (error is UserInputException or SafetensorsException or ArgumentException)
            {
                Assert.That(error.Message, Has.Length.LessThan(1000), $"damage {i}");
                // Argument errors are a text's, which has no file; what is thrown for a null or a range by the runtime itself is a crash.
                Assert.That(error is not ArgumentNullException and not ArgumentOutOfRangeException, Is.True, $"damage {i}: {error}");
                errors.Add(new string([.. error.Message.Where(c => !char.IsAsciiDigit(c)).Take(60)]));
            }
            catch (Exception crash)
            {
                Assert.Fail($"damage {i}: {crash}");
            }

            longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, Stopwatch.GetElapsedTime(started).Ticks));
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            most = Math.Max(most, allocated);
            Assert.That(allocated, Is.LessThanOrEqualTo(parser.Fixed + (parser.PerByte * damaged.Length)), $"damage {i} of {damaged.Length} bytes");
            Assert.That(longest, Is.LessThan(Hang), $"damage {i}");
        }

        Assert.That(Directory.EnumerateFileSystemEntries(folder.Path).Count(), Is.EqualTo(1), "nothing is written");
        // Both happen, or the damage tests nothing.
        Assert.That(read, Is.GreaterThan(0));
        Assert.That(errors, Has.Count.GreaterThan(5));
        TestContext.Progress.WriteLine($"{parser.Name}: {count} damaged, {read} read, {errors.Count} kinds of errors, at most {most >> 10} KiB and {longest.TotalMilliseconds:F0} ms.");
    }
}
