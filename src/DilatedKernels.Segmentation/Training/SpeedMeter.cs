namespace DilatedKernels.Segmentation.Training;

/// <summary>The speed of training, averaged over recent steps so that it settles soon and follows changes.</summary>
internal sealed class SpeedMeter(int imagesPerStep)
{
    private const double Memory = 0.95;
    private double _seconds;
    private double _weight;

    public double ImagesPerSecond => _weight == 0 ? 0 : imagesPerStep * _weight / _seconds;

    public void Add(TimeSpan step)
    {
        _seconds = (_seconds * Memory) + step.TotalSeconds;
        _weight = (_weight * Memory) + 1;
    }

    public TimeSpan TimeFor(long steps) => _weight == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(steps * _seconds / _weight);
}
