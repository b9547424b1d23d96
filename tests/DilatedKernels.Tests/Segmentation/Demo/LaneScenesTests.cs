using DilatedKernels.Segmentation.Demo;
using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Tests.Segmentation.Demo;

public class LaneScenesTests
{
    private const int FirstSignal = 1;
    private const int FirstCar = 4;

    [Test]
    public void SeedAndIndexNameAScene()
    {
        (RgbImage a, IndexMask m) = LaneScenes.Draw(1, 5);
        (RgbImage b, IndexMask n) = LaneScenes.Draw(1, 5);
        Assert.That(b.Pixels, Is.EqualTo(a.Pixels));
        Assert.That(n.Indices, Is.EqualTo(m.Indices));
        Assert.That(LaneScenes.Draw(1, 6).Image.Pixels, Is.Not.EqualTo(a.Pixels));
        Assert.That(LaneScenes.Draw(2, 5).Image.Pixels, Is.Not.EqualTo(a.Pixels));
    }

    [Test]
    public void EveryCarHasTheColourOfASignalInItsRowsAndNoSignalOfItsLaneIsNear()
    {
        for (int scene = 0; scene < 50; scene++)
        {
            IndexMask mask = LaneScenes.Draw(3, scene).Mask;
            for (int y = 0; y < mask.Height; y++)
            {
                byte[] row = mask.Indices[(y * mask.Width)..((y + 1) * mask.Width)];
                int[] cars = [.. Enumerable.Range(0, row.Length).Where(x => row[x] >= FirstCar)];
                int[] signals = [.. Enumerable.Range(0, row.Length).Where(x => row[x] is >= FirstSignal and < FirstCar)];
                foreach (int car in cars)
                {
                    Assert.That(signals, Is.All.Matches<int>(s => Math.Abs(s - car) > LaneScenes.CueDistance));
                    Assert.That(signals.Select(s => (int)row[s]), Is.All.EqualTo(row[car] - FirstCar + FirstSignal));
                }
            }
        }
    }

    [Test]
    public void CarsOfAllClassesLookTheSame()
    {
        // The mean colour of the cars of each class over many scenes: grey, and the same grey.
        var sums = new double[3, 3];
        var counts = new long[3];
        for (int scene = 0; scene < 100; scene++)
        {
            (RgbImage image, IndexMask mask) = LaneScenes.Draw(4, scene);
            for (int i = 0; i < mask.Indices.Length; i++)
            {
                if (mask.Indices[i] >= FirstCar)
                {
                    int car = mask.Indices[i] - FirstCar;
                    counts[car]++;
                    for (int channel = 0; channel < 3; channel++)
                    {
                        sums[car, channel] += image.Pixels[(3 * i) + channel];
                    }
                }
            }
        }

        double expected = sums[0, 0] / counts[0];
        for (int car = 0; car < 3; car++)
        {
            Assert.That(counts[car], Is.GreaterThan(50_000));
            for (int channel = 0; channel < 3; channel++)
            {
                // A difference of class means of some 250 cars with grey values over 70 levels has a deviation of 2.
                Assert.That(sums[car, channel] / counts[car], Is.EqualTo(expected).Within(8));
            }
        }
    }
}
