using DilatedKernels.Segmentation.Training.TensorBoard;

namespace DilatedKernels.Tests.Segmentation.Training.TensorBoard;

public sealed class EventFileTests
{
    private static readonly DateTimeOffset s_noon = new(2026, 11, 28, 12, 0, 0, TimeSpan.Zero);

    // RFC 3720, appendix B.4, and the check value of the catalogues.
    [TestCase("123456789", 0xE3069283u)]
    [TestCase("", 0u)]
    public void TheChecksumIsCrc32C(string text, uint crc)
    {
        byte[] bytes = System.Text.Encoding.ASCII.GetBytes(text);
        Assert.That(Crc32C.Compute(bytes), Is.EqualTo(crc));
        Assert.That(EventReader.Crc(bytes), Is.EqualTo(crc), "the reader's, too");
        Assert.That(Crc32C.Compute(new byte[32]), Is.EqualTo(0x8A9136AAu), "32 zeros");
    }

    [Test]
    public void TheFileHoldsWhatWasAdded()
    {
        using var folder = new TemporaryFolder();
        EventRow[] kept = [new(s_noon, 1, 2.5f, 1e-3f, null), new(s_noon.AddSeconds(1.5), 300, 1.25f, 9e-4f, 0.5f)];
        using (EventFile file = EventFile.Replace(folder["board"], s_noon, kept))
        {
            file.Add(new EventRow(s_noon.AddSeconds(2), 1L << 40, float.MaxValue, 0, 0));
            Assert.That(Path.GetFileName(Directory.GetFiles(folder["board"]).Single()), Is.EqualTo("events.out.tfevents.1795867200.dilated"));
            Assert.That(EventReader.ReadFolder(folder["board"]), Has.Count.EqualTo(4), "a step can be read once it was added");
        }

        IReadOnlyList<EventReader.Event> events = EventReader.ReadFolder(folder["board"]);
        Assert.That(events[0].Version, Is.EqualTo("brain.Event:2"));
        Assert.That(events.Select(e => e.Step), Is.EqualTo(new[] { 0, 1, 300, 1L << 40 }));
        Assert.That(events.Select(e => e.WallTime - s_noon.ToUnixTimeSeconds()), Is.EqualTo(new[] { 0, 0, 1.5, 2 }));
        Assert.That(events[1].Scalars, Is.EqualTo(new Dictionary<string, float> { ["loss"] = 2.5f, ["learning_rate"] = 1e-3f }));
        Assert.That(events[2].Scalars, Is.EqualTo(new Dictionary<string, float> { ["loss"] = 1.25f, ["learning_rate"] = 9e-4f, ["mean_iou"] = 0.5f }));
        Assert.That(events[3].Scalars["loss"], Is.EqualTo(float.MaxValue));
    }

    [Test]
    public void ANewFileTakesThePlaceOfThoseBeforeAndHasALaterName()
    {
        using var folder = new TemporaryFolder();
        EventFile.Replace(folder["board"], s_noon, []).Dispose();
        string first = Directory.GetFiles(folder["board"]).Single();
        folder.Write("board/events.out.tfevents.1700000000.another", "of another program");
        EventFile.Replace(folder["board"], s_noon.AddHours(-1), [new EventRow(s_noon, 1, 1, 1, null)]).Dispose();
        string[] files = [.. Directory.GetFiles(folder["board"]).Order(StringComparer.Ordinal)];
        Assert.That(files, Has.Length.EqualTo(2), "the other program's stays");
        Assert.That(files[1], Is.GreaterThan(first), "also where the clock went back");
    }
}
