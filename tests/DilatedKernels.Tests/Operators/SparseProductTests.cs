using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Operators;

[TestFixtureSource(typeof(TestDevices), nameof(TestDevices.All))]
public class SparseProductTests(Device device)
{
    [Test]
    public void MatchesDefinition([Values(1, 3, 4, 7, 8, 9, 21, 24, 31, 32, 33)] int channels, [Values] bool withAddend)
    {
        // Two empty rows, one of them last, and column 0 twice in row 0.
        int[] firstOf = [0, 3, 3, 4, 7, 7];
        SparseEntry[] entries = [new(0, 0.5f), new(4, -2), new(0, 0.25f), new(5, 3), new(1, 1), new(2, 0.125f), new(3, -0.75f)];
        AssertMatches(firstOf, entries, new Shape(2, channels, 2, 3), withAddend ? 0.5f : 1, withAddend);
    }

    [TestCase(256)]
    [TestCase(257)]
    [TestCase(1000)]
    public void RowsOfAnyLengthMatchDefinition(int length)
    {
        // One long row between short ones, and with its transpose no column of more than three.
        var random = new RandomSequence(1, "entries");
        SparseEntry[] entries = [new(1, 2), .. Enumerable.Range(0, length).Select(column => new SparseEntry(column, (float)random.NextGaussian())), new(0, 1), new(1, -1)];
        AssertMatches([0, 1, length + 1, length + 3], entries, new Shape(1, 2, 1, length), scale: -1.5f, withAddend: true);
    }

    [Test]
    public void ColumnsOfAnyLengthHaveGradients()
    {
        const int Rows = 700;
        SparseEntry[] entries = [.. Enumerable.Range(0, Rows).SelectMany(row => (SparseEntry[])[new(0, 1 + (0.001f * row)), new(1 + (row % 2), 0.5f)])];
        AssertMatches([.. Enumerable.Range(0, Rows + 1).Select(row => 2 * row)], entries, new Shape(1, 4, 1, 3), scale: 1, withAddend: false);
    }

    [Test]
    public void LongSumsStayExact()
    {
        // Three levels of runs.
        const int Columns = 80_000;
        float[] x = [.. Enumerable.Range(0, Columns).Select(i => 0.1f + (i % 7))];
        using SparseMatrix matrix = SparseMatrix.FromRows(device, Columns, [0, Columns], [.. Enumerable.Range(0, Columns).Select(i => new SparseEntry(i, 0.3f))]);
        using Tensor input = Tensor.FromChannelsLast(device, new Shape(1, 1, 1, Columns), x);
        using Tensor y = Ops.SparseProduct(matrix, input);
        Assert.That(OperatorCheck.RelativeError(y.ToArray(), [x.Sum(v => (double)v * 0.3f)]), Is.LessThan(1e-6));
    }

    [Test]
    public void ManyRowsAreMultiplied()
    {
        // More rows than a block has, in every image of the batch.
        const int Rows = 3000;
        var shape = new Shape(3, 5, 1, Rows);
        Array4 x = Array4.Random(shape, "x");
        using SparseMatrix matrix = SparseMatrix.FromRows(device, Rows, [.. Enumerable.Range(0, Rows + 1)], [.. Enumerable.Range(0, Rows).Select(i => new SparseEntry(Rows - 1 - i, 2))]);
        using Tensor input = x.ToTensor(device);
        using Tensor y = Ops.SparseProduct(matrix, input);
        Assert.That(y.ToArray(), Is.EqualTo(Array4.From(shape, (n, c, h, w) => 2 * x[n, c, h, Rows - 1 - w]).ToSingle()));
    }

    [Test]
    public void EmptyMatricesGiveTheAddend([Values(0, 3)] int rows, [Values(0, 2)] int columns)
    {
        using SparseMatrix matrix = SparseMatrix.FromRows(device, columns, new int[rows + 1], []);
        using Tensor x = Tensor.Zeros(device, new Shape(1, 4, 1, columns));
        using Tensor addend = Tensor.FromArray(device, new Shape(1, 4, 1, rows), [.. Enumerable.Range(0, 4 * rows).Select(i => (float)i)]);
        using Tensor y = Ops.SparseProduct(matrix, x, scale: 2, addend);
        Assert.That(y.ToArray(), Is.EqualTo(addend.ToArray()));
    }

    [Test]
    public void ADisposedMatrixIsRefusedAndLeavesNothing()
    {
        int before = device.Memory.LiveBuffers;
        using Tensor x = Tensor.Zeros(device, new Shape(1, 1, 1, 600));
        SparseMatrix matrix = SparseMatrix.FromRows(device, 600, [0, 600], new SparseEntry[600]);
        matrix.Dispose();
        matrix.Dispose();
        Assert.That(() => Ops.SparseProduct(matrix, x), Throws.InstanceOf<ObjectDisposedException>());
        GC.Collect();
        Assert.That(device.Memory.LiveBuffers, Is.LessThanOrEqualTo(before + 2), "the input, and a result that nobody got");
    }

    [Test]
    public void AMatrixThatIsDisposedBeforeTheGradientsIsRefusedByItsName()
    {
        using var x = new Parameter("x", Tensor.Zeros(device, new Shape(1, 2, 1, 2)));
        using LabelMap labels = LabelMap.FromArray(device, 1, 1, 1, new byte[1]);
        using Tape tape = Tape.Record();
        SparseMatrix matrix = SparseMatrix.FromRows(device, 2, [0, 1], [new SparseEntry(1, 1)]);
        Tensor loss = Ops.SoftmaxCrossEntropy(Ops.SparseProduct(matrix, x.Value), labels);
        matrix.Dispose();
        Assert.That(() => tape.Backward(loss), Throws.InstanceOf<ObjectDisposedException>().With.Message.Contains(nameof(SparseMatrix)));
    }

    [Test]
    public void WrongMatricesAreRefused()
    {
        Assert.Multiple(() =>
        {
            Assert.That(() => Create([]), Throws.ArgumentException.With.Message.Contains("these are none"));
            Assert.That(() => Create([1, 2]), Throws.ArgumentException.With.Message.Contains("go from 1 to 2"));
            Assert.That(() => Create([0, 1]), Throws.ArgumentException.With.Message.Contains("entries, 2; these go from 0 to 1"));
            Assert.That(() => Create([0, 2, 1, 2]), Throws.ArgumentException.With.Message.Contains("Row 1 ").And.Message.Contains("ends at entry 1, before it starts at 2"));
            Assert.That(() => Create([0, 2], 3), Throws.ArgumentException.With.Message.Contains("Entry 1 ").And.Message.Contains("column 3; there are 3"));
            Assert.That(() => Create([0, 2], -1), Throws.ArgumentException.With.Message.Contains("column -1"));
            Assert.That(() => SparseMatrix.FromRows(device, -1, [0], []), Throws.InstanceOf<ArgumentOutOfRangeException>());
        });

        SparseMatrix Create(int[] firstOf, int column = 0) => SparseMatrix.FromRows(device, 3, firstOf, [new SparseEntry(0, 1), new SparseEntry(column, 1)]);
    }

    [Test]
    public void WhatDoesNotFitIsRefused()
    {
        using var other = Device.CreateCpu(1);
        using SparseMatrix matrix = SparseMatrix.FromRows(device, 6, [0, 1, 1], [new SparseEntry(5, 1)]);
        using SparseMatrix elsewhere = SparseMatrix.FromRows(other, 6, [0], []);
        using Tensor x = Tensor.Zeros(device, new Shape(2, 3, 2, 3));
        using Tensor small = Tensor.Zeros(device, new Shape(2, 3, 2, 2));
        using Tensor narrow = Tensor.Zeros(device, new Shape(2, 3, 2, 3), ElementType.BFloat16);
        Assert.Multiple(() =>
        {
            Assert.That(() => Ops.SparseProduct(elsewhere, x), Throws.ArgumentException.With.Message.Contains("different devices"));
            Assert.That(() => Ops.SparseProduct(matrix, small), Throws.ArgumentException.With.Message.Contains("6 columns").And.Message.Contains("[2, 3, 2, 2] has 4"));
            Assert.That(() => Ops.SparseProduct(matrix, narrow), Throws.ArgumentException.With.Message.Contains("bfloat16").And.Message.Contains("Ops.Cast"));
            Assert.That(() => Ops.SparseProduct(matrix, x, 1, x), Throws.ArgumentException.With.Message.Contains("is [2, 3, 1, 2]").And.Message.Contains("was [2, 3, 2, 3]"));
        });
    }

    private void AssertMatches(int[] firstOf, SparseEntry[] entries, Shape shape, float scale, bool withAddend)
    {
        var outShape = new Shape(shape.N, shape.C, 1, firstOf.Length - 1);
        using SparseMatrix matrix = SparseMatrix.FromRows(device, shape.H * shape.W, firstOf, entries);
        Array4[] inputs = [Array4.Random(shape, "x"), .. withAddend ? [Array4.Random(outShape, "addend")] : (Array4[])[]];
        OperatorCheck.Verify(device, Product, Reference, inputs);

        // The operator is of float32 alone; between two casts it is checked in every type.
        Tensor Product(Tensor[] t)
        {
            Tensor[] wide = [.. t.Select(tensor => Ops.Cast(tensor, ElementType.Float32))];
            return Ops.Cast(Ops.SparseProduct(matrix, wide[0], scale, withAddend ? wide[1] : null), t[0].ElementType);
        }

        Array4 Reference(Array4[] a) => Array4.From(outShape, (n, c, _, row) =>
        {
            double sum = 0;
            for (int k = firstOf[row]; k < firstOf[row + 1]; k++)
            {
                sum += entries[k].Weight * a[0][n, c, entries[k].Column / shape.W, entries[k].Column % shape.W];
            }

            return (scale * sum) + (withAddend ? a[1][n, c, 0, row] : 0);
        });
    }
}
