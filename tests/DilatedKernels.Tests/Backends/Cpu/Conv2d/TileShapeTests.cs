using DilatedKernels.Backends.Cpu.Conv2d;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d;

public class TileShapeTests
{
    private static readonly VectorUnit Wide = new(16, 32, DoublePumped: false);

    [Test]
    public void PanelsCoverTheChannelsOnce([Values(4, 8, 16)] int lanes, [Values(16, 32)] int registers, [Range(1, 140, 7)] int channels)
    {
        TileShape shape = TileShape.For(channels, new VectorUnit(lanes, registers, DoublePumped: true));
        int next = 0;
        for (int panel = 0; panel < shape.Panels; panel++)
        {
            Assert.That(shape.ChannelBegin(panel), Is.EqualTo(next));
            Assert.That(shape.Columns(panel), Is.InRange(1, registers == 32 ? 4 : 3));
            Assert.That(shape.ChannelCount(panel), Is.InRange(((shape.Columns(panel) - 1) * shape.Lanes) + 1, shape.Columns(panel) * shape.Lanes));
            next += shape.ChannelCount(panel);
        }

        Assert.That(next, Is.EqualTo(channels));
    }

    // As wide as the registers allow in whole lines of 64 bytes; unchanged where there are none.
    [TestCase(672, 8, 16, 2, true)]
    [TestCase(672, 8, 32, 4, true)]
    [TestCase(176, 8, 32, 2, true)]
    [TestCase(672, 16, 32, 4, true)]
    [TestCase(1024, 16, 32, 4, true)]
    [TestCase(672, 4, 16, 3, false)]
    [TestCase(40, 8, 16, 3, false)]
    [TestCase(21, 8, 16, 3, false)]
    public void PanelsOfWholeLines(int channels, int lanes, int registers, int columns, bool whole)
    {
        TileShape shape = TileShape.For(channels, new VectorUnit(lanes, registers, DoublePumped: false)).InWholeLines();
        Assert.That(shape.HasWholeLines, Is.EqualTo(whole));
        Assert.That(Enumerable.Range(0, shape.Panels).Max(shape.Columns), Is.EqualTo(columns));
    }

    // A wide vector pays where it halves the number of operations.
    [TestCase(64, false, 16)]
    [TestCase(64, true, 16)]
    [TestCase(21, false, 16)]
    [TestCase(21, true, 8)]
    [TestCase(11, true, 16)]
    [TestCase(8, false, 8)]
    [TestCase(3, false, 4)]
    public void ChoosesTheCheapestWidth(int channels, bool doublePumped, int lanes) =>
        Assert.That(TileShape.For(channels, Wide with { DoublePumped = doublePumped }).Lanes, Is.EqualTo(lanes));

    [Test]
    public void TilesFitTheRegisters([Values(16, 32)] int registers)
    {
        for (int columns = 1; columns <= (registers == 32 ? 4 : 3); columns++)
        {
            Assert.That((TileShape.MaxRows(registers, columns) * columns) + columns + 1, Is.LessThanOrEqualTo(registers));
        }
    }
}
