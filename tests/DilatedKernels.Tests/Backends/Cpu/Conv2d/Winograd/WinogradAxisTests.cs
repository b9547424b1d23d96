using DilatedKernels.Backends.Cpu.Conv2d.Winograd;

namespace DilatedKernels.Tests.Backends.Cpu.Conv2d.Winograd;

public class WinogradAxisTests
{
    [Test]
    public void TilesCoverTheOutputsOnce(
        [Values(1, 2, 5, 8, 9, 40)] int outExtent, [Values(1, 6, 10, 40)] int inExtent, [Values(1, 2, 3, 7, 50)] int dilation, [Values(-3, 0, 1, 2, 7)] int pad)
    {
        var axis = new WinogradAxis(outExtent, inExtent, dilation, pad);
        var outputs = new List<int>();
        long inside = 0;
        int next = 0;
        foreach (WinogradRun run in axis.Runs)
        {
            Assert.That(run.Begin, Is.EqualTo(next), "runs follow each other");
            Assert.That(run.Step, run.End - run.Begin > 1 ? Is.Positive : Is.Zero, "no run goes backwards");
            next = run.End;
            for (int tile = run.Begin; tile < run.End; tile++)
            {
                Assert.That(axis.Tiles[tile], Is.EqualTo(axis.Tiles[run.Begin] + ((tile - run.Begin) * run.Step)));
                outputs.Add(axis.Tiles[tile]);
                if (run.Outputs == 2)
                {
                    outputs.Add(axis.Tiles[tile] + dilation);
                }

                for (int place = 0; place < 4; place++)
                {
                    long input = axis.Tiles[tile] - pad + (place * (long)dilation);
                    Assert.That(axis.Input(tile, place), Is.EqualTo(input));
                    Assert.That((run.Inside >> place) & 1, Is.EqualTo(input >= 0 && input < inExtent ? 1 : 0));
                }
            }
        }

        for (int o = 0; o < outExtent; o++)
        {
            inside += Enumerable.Range(0, 3).Count(tap => o - pad + (tap * dilation) is >= 0 and var i && i < inExtent);
        }

        Assert.That(next, Is.EqualTo(axis.Tiles.Length));
        Assert.That(outputs, Is.EquivalentTo(Enumerable.Range(0, outExtent)));
        Assert.That(axis.TapsInside(3), Is.EqualTo(inside));
    }
}
