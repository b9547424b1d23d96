using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Import;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Tests.Hostile;

namespace DilatedKernels.Tests.Segmentation.Import;

/// <summary>Damaged and malicious Caffe files: a clear error or a load, within the memory that <see cref="CaffeSource"/> states.</summary>
[NonParallelizable]
public class HostileCaffeTests
{
    private const int Mutations = 10_000;

    // What opening may allocate in all, live or not, as CaffeSource states it.
    private const long Fixed = 64 << 10;
    private const long PerByte = 32;

    private static readonly ModelConfig Network = new()
    {
        Name = "small",
        FrontEnd = new FrontEndConfig { Classes = 2, Stages = [new Stage(1, 2, PoolAfter: true), new Stage(1, 3)], FcKernel = 3, FcChannels = 4 },
        Context = ContextConfig.Basic(2) with { Dilations = [1, 1, 1], Noise = 0.01 },
    };

    private static readonly (string Ours, string Theirs)[] Names =
    [
        ("conv1_1", "conv1_1"), ("conv2_1", "conv2_1"), ("fc6", "fc6"), ("fc7", "fc7"), ("final", "final"),
        ("context.conv1", "ctx_conv1_1"), ("context.conv2", "ctx_conv1_2"), ("context.conv3", "ctx_fc1"), ("context.conv4", "ctx_final"),
    ];

    [Test]
    public void TenThousandDamagedFilesEndInAnErrorOrALoad()
    {
        using var folder = new TemporaryFolder();
        using SegmentationModel model = PublishedNetworks.Random(Network);
        byte[][] originals = [.. new[] { CaffeForm.Current, new CaffeForm(true, true, false, false), new CaffeForm(false, false, true, true) }.Select(form => CaffeWriter.Write(form, Layers(model)))];
        foreach (byte[] original in originals)
        {
            WeightImport.Load([folder.Write("whole.caffemodel", original)], Network, Device.Cpu, out _).Dispose();
        }

        (int loads, int errors) = (0, 0);
        for (int i = 0; i < Mutations; i++)
        {
            byte[] damaged = Mutation.Of(originals[i % originals.Length], new RandomSequence(11, "mutation", (ulong)i));
            string file = folder.Write("damaged.caffemodel", damaged);
            try
            {
                CheckMemory(file, damaged.Length, i);
                WeightImport.Load([file], Network, Device.Cpu, out _).Dispose();
                loads++;
            }
            catch (UserInputException refusal)
            {
                errors++;
                Assert.That(refusal.Message, Does.Contain(file).And.Length.LessThan(1000), $"mutation {i}");
            }
        }

        // Both happen often, or the mutations test nothing.
        Assert.That(loads, Is.GreaterThan(Mutations / 20));
        Assert.That(errors, Is.GreaterThan(Mutations / 5));
    }

    [Test]
    public void SizesThatTheFileDoesNotHaveTakeNoMemory()
    {
        const int Huge = int.MaxValue;
        AssertRefused(new Protobuf().Claim(100, Huge));
        AssertRefused(new Protobuf().Claim(1, Huge));
        AssertRefused(new Protobuf().Message(100, new Protobuf().Claim(7, Huge)));
        AssertRefused(new Protobuf().Message(100, new Protobuf().Claim(1, Huge)));
        AssertRefused(new Protobuf().Claim(1, -1));
        AssertRefused(Blob(new Protobuf().Claim(5, Huge - 3)));
        AssertRefused(Blob(new Protobuf().Claim(8, Huge & ~7)));
        AssertRefused(Blob(new Protobuf().Bytes(5, new byte[7])), "7 bytes");
        AssertRefused(Blob(new Protobuf().Number(1, Huge).Number(2, Huge).Number(3, Huge).Number(4, Huge).Single(5, 1)), $"[{Huge}, {Huge}, {Huge}, {Huge}] has 1 values");
        AssertRefused(Blob(new Protobuf().Number(1, -1).Number(2, -1).Number(3, 1).Number(4, 1).Single(5, 1)), "[-1, -1, 1, 1]");
        // 2^32 · 2^32 is 0 in 64 bits, and one more is 1.
        AssertRefused(Blob(new Protobuf().Message(7, new Protobuf().Number(1, 1L << 32).Number(1, 1L << 32)).Single(5, 1)));
        AssertRefused(Blob(new Protobuf().Message(7, new Protobuf().Packed(1, Enumerable.Repeat(1, 33))).Single(5, 1)), "more than 32");
        AssertRefused(Blob(new Protobuf().Message(7, new Protobuf().Packed(1, [1])).Single(5, 1).Double(8, 1)), "both single and double");
        AssertRefused(Blob(new Protobuf().Message(7, new Protobuf().Packed(1, [1])).Number(5, 1)), "wire type");
        AssertRefused(new Protobuf().Message(100, Enumerable.Range(0, 17).Aggregate(new Protobuf().Text(1, "a"), (layer, _) => layer.Message(7, One()))), "more than 16 arrays");
        AssertRefused(new Protobuf().Message(100, new Protobuf().Message(7, One())), "name of 0 characters");
        AssertRefused(new Protobuf().Message(100, new Protobuf().Text(1, new string('a', 257)).Message(7, One())), "name of 257 characters");
    }

    [Test]
    public void AFileOfNothingButTinyArraysStaysWithinItsBound()
    {
        using var folder = new TemporaryFolder();
        var network = new Protobuf();
        for (int i = 0; i < 20_000; i++)
        {
            network.Message(2, Enumerable.Range(0, 4).Aggregate(new Protobuf().Text(4, $"{i}"), (layer, _) => layer.Message(6, One())));
        }

        byte[] bytes = network.ToArray();
        Assert.That(CheckMemory(folder.Write("tiny.caffemodel", bytes), bytes.Length, 0), Is.EqualTo(80_000));
    }

    private static Protobuf One() => new Protobuf().Message(7, new Protobuf().Packed(1, [1])).Single(5, 1);

    private static Protobuf Blob(Protobuf blob) => new Protobuf().Message(100, new Protobuf().Text(1, "conv").Message(7, blob));

    private static IEnumerable<(string, CaffeBlob[])> Layers(SegmentationModel model) =>
        from pair in Names
        let weight = model.Parameters.Single(parameter => parameter.Name == pair.Ours + ".weight").Value
        let bias = model.Parameters.Single(parameter => parameter.Name == pair.Ours + ".bias").Value
        select (pair.Theirs, new[] { new CaffeBlob([weight.Shape.N, weight.Shape.C, weight.Shape.H, weight.Shape.W], weight.ToArray()), new CaffeBlob([bias.Shape.C], bias.ToArray()) });

    /// <summary>Opens a file and reads all its arrays; allocations stay within the bound whether it succeeds or not. Returns the number of arrays.</summary>
    private static int CheckMemory(string file, long length, int mutation)
    {
        long start = GC.GetAllocatedBytesForCurrentThread();
        int tensors = 0;
        try
        {
            using var source = new CaffeSource(file);
            tensors = source.Tensors.Count;
        }
        catch (UserInputException)
        {
            // The error allocates too, and has to fit.
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - start;
        Assert.That(allocated, Is.LessThanOrEqualTo(Fixed + (PerByte * length)), $"mutation {mutation} of {length} bytes");
        return tensors;
    }

    private static void AssertRefused(Protobuf network, params string[] message)
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = network.ToArray();
        string file = folder.Write("hostile.caffemodel", bytes);
        CheckMemory(file, bytes.Length, 0);
        UserInputException refusal = Assert.Throws<UserInputException>(() => WeightSource.Open(file).Dispose())!;
        foreach (string part in message)
        {
            Assert.That(refusal.Message, Does.Contain(part));
        }
    }
}
