using DilatedKernels.Backends.Cpu.Conv2d.Winograd;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d.Winograd;

public class WinogradAxisTests
{
    [Test]
    public void TilesCoverTheOutputsOnce(
        [Values(1, 2, 5, 9, 40)] int outExtent, [Values(1, 6, 40)] int inExtent, [Values(1, 2, 3, 7, 50)] int dilation, [Values(-3, 0, 2, 7)] int pad, [Values(2, 4)] int outputs)
    {
        var axis = new WinogradAxis(outExtent, inExtent, dilation, pad, new WinogradTile(outputs));
        var covered = new List<int>();
        int next = 0;
        foreach (WinogradRun run in axis.Runs)
        {
            Assert.That(run.Begin, Is.EqualTo(next), "runs follow each other");
            Assert.That(run.Step, run.End - run.Begin > 1 ? Is.Positive : Is.Zero, "no run goes backwards");
            next = run.End;
            for (int tile = run.Begin; tile < run.End; tile++)
            {
                Assert.That(axis.Tiles[tile], Is.EqualTo(axis.Tiles[run.Begin] + ((tile - run.Begin) * run.Step)));
                covered.AddRange(Enumerable.Range(0, run.Outputs).Select(i => axis.Tiles[tile] + (i * dilation)));
                for (int place = 0; place < outputs + 2; place++)
                {
                    long input = axis.Tiles[tile] - pad + (place * (long)dilation);
                    Assert.That(axis.Input(tile, place), Is.EqualTo(input));
                    Assert.That((run.Inside >> place) & 1, Is.EqualTo(input >= 0 && input < inExtent ? 1 : 0));
                }
            }
        }

        Assert.That(next, Is.EqualTo(axis.Tiles.Length));
        Assert.That(covered, Is.EquivalentTo(Enumerable.Range(0, outExtent)));
    }

    [Test]
    public void TapsInsideAreThoseThatMeetTheInput(
        [Values(1, 5, 9)] int outExtent, [Values(1, 6, 40)] int inExtent, [Values(1, 3, 50)] int dilation, [Values(-3, 0, 7)] int pad, [Values(3, 4)] int kernel)
    {
        long inside = 0;
        for (int o = 0; o < outExtent; o++)
        {
            inside += Enumerable.Range(0, kernel).Count(tap => o - pad + (tap * dilation) is >= 0 and var i && i < inExtent);
        }

        Assert.That(new WinogradExtent(outExtent, inExtent, kernel, dilation, pad).TapsInside, Is.EqualTo(inside));
    }
}
