namespace DilatedKernels.Measuring;

/// <summary>Measures cases on one device; every benchmark of the tree but BenchmarkDotNet's goes through it.</summary>
public sealed class Measurer : IDisposable
{
    private readonly Device _device;
    private readonly MeasuringOptions _options;
    private readonly Clock _clock;

    /// <param name="device">Where to run; not owned.</param>
    /// <param name="options">How long to measure.</param>
    public Measurer(Device device, MeasuringOptions options)
    {
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
        _options = options;
        _clock = Clock.For(device);
    }

    /// <summary>How time is taken, for a person to read.</summary>
    public string ClockName => _clock.Name;

    /// <summary>Why the case that was sampled last called a GPU's driver kernel by kernel; empty where a recording was replayed, null on the processor.</summary>
    public string? WhyNotRecorded { get; private set; }

    /// <summary>Checks a pass of a shape, then times it.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="pass">One of its passes.</param>
    /// <param name="type">One of its types, as <see cref="BenchType"/> names them.</param>
    /// <param name="cancellation">Checked between runs.</param>
    /// <exception cref="WrongResultException">It computes the wrong thing, and was not timed.</exception>
    public Measurement Measure(BenchShape shape, string pass, string type = BenchType.Float32, CancellationToken cancellation = default)
    {
        using BenchCase work = BenchCase.Create(_device, shape, pass, BenchType.Parse(type));
        try
        {
            work.Check();
        }
        catch (WrongResultException e)
        {
            throw new WrongResultException($"{shape.Name}, {pass}, {type}, on {_device}: {e.Message}");
        }

        IReadOnlyList<double> samples = Sample(work, cancellation);
        return new Measurement(shape, pass, type, samples, work.Flops) { WhyNotRecorded = WhyNotRecorded };
    }

    /// <summary>Times a case that has been checked.</summary>
    public IReadOnlyList<double> Sample(BenchCase work, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(work);
        using var replayed = new ReplayedCase(work);
        WhyNotRecorded = replayed.WhyNotRecorded;
        return Sampler.Sample(runs => _clock.Time(replayed, runs), _options, cancellation);
    }

    /// <summary>Gives the clock's events back.</summary>
    public void Dispose() => _clock.Dispose();
}
