using DilatedKernels.Tests.Kernels.Host;

namespace DilatedKernels.Tests.Kernels.Conv2d;

/// <summary>Where the tensor-core convolutions keep their tiles: no eight lanes that shared memory serves together meet in a bank.</summary>
[NonParallelizable]
public sealed class SwizzleTests
{
    private const int Rows = 128;
    private const int GranuleBytes = 16;

    // Granules side by side in shared memory's 32 banks of 4 bytes.
    private const int Columns = 8;

    private HostLibrary _library = null!;

    [OneTimeSetUp]
    public void Build() => _library = new HostLibrary(HostBuild.Build(HostVariant.Plain, "tests/DilatedKernels.Tests/Kernels/Host/Samples/swizzle.cu"));

    [Test]
    public void EveryGranuleHasAPlaceOfItsOwn([Values(4, 8, 16, 32)] int granules) =>
        Assert.That(Places(granules).Order(), Is.EqualTo(Enumerable.Range(0, Rows * granules).Select(i => i * GranuleBytes)));

    [Test]
    public void RowsAPeriodApartLieAlike([Values(4, 8, 16, 32)] int granules)
    {
        int[] places = Places(granules);
        Assert.That(places.Skip(8 * granules).Select(place => place - (8 * granules * GranuleBytes)), Is.EqualTo(places.SkipLast(8 * granules)));
    }

    [Test]
    public void CopiesMeetNoBankTwice([Values(4, 8, 16, 32)] int granules) =>
        ExpectNoConflicts(granules, from first in Enumerable.Range(0, Rows * granules / 8)
                                    select Enumerable.Range(8 * first, 8).Select(i => (i / granules, i % granules)));

    [Test]
    public void MatrixLoadsMeetNoBankTwice([Values(4, 8, 16, 32)] int granules) =>
        ExpectNoConflicts(granules, from row in Enumerable.Range(0, Rows / 8)
                                    from granule in Enumerable.Range(0, granules)
                                    select Enumerable.Range(0, 8).Select(lane => ((8 * row) + lane, granule)));

    // Lane i reads granule i / 4 of row i % 4.
    [Test]
    public void LoadsOfFourRowsMeetNoBankTwice([Values(8, 16, 32)] int granules) =>
        ExpectNoConflicts(granules, from row in Enumerable.Range(0, Rows / 4)
                                    from granule in Enumerable.Range(0, granules / 2)
                                    select Enumerable.Range(0, 8).Select(lane => ((4 * row) + (lane % 4), (2 * granule) + (lane / 4))));

    private void ExpectNoConflicts(int granules, IEnumerable<IEnumerable<(int Row, int Granule)>> phases)
    {
        int[] places = Places(granules);
        int conflicts = phases.Sum(phase => Columns - phase.Select(at => places[(at.Row * granules) + at.Granule] / GranuleBytes % Columns).Distinct().Count());
        Assert.That(conflicts, Is.Zero);
    }

    private int[] Places(int granules)
    {
        nint places = _library.Allocate(Rows * granules * sizeof(int));
        _library.MustLaunch("swizzled_places", (Rows, 1, 1), (granules, 1, 1), places, granules);
        return _library.Download<int>(places, Rows * granules);
    }
}
