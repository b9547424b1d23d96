using System.Text;
using DilatedKernels.Segmentation.Crf;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Import;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Serialization;
using DilatedKernels.Tests.Segmentation;
using DilatedKernels.Tests.Segmentation.Imaging.Jpeg;
using DilatedKernels.Tests.Segmentation.Imaging.Png;
using DilatedKernels.Tests.Segmentation.Import;

namespace DilatedKernels.Tests.Hostile;

/// <summary>A reader of files that may come from strangers, files that it reads, and what it may allocate at most: <c>Fixed + PerByte · length</c>.</summary>
internal sealed record HostileParser(string Name, byte[][] Seeds, Action<string> Parse, long Fixed, long PerByte)
{
    // A decoded picture is larger than its file: 1,032 bytes a byte of deflate, 32×32 pixels of 8 bits a byte of JPEG, as ImageLimits says; rows, samples
    // and pixels are in memory at once.
    private const long PerPngByte = 1032 * 12;
    private const long PerJpegByte = 32 * 32 * 8 * 12;

    /// <summary>Damages one part of a seed and mends the checks around it, so that the damage gets past them; null damages the bytes as they are.</summary>
    public Func<RandomSequence, byte[]>? Structured { get; init; }

    public static IReadOnlyList<HostileParser> All { get; } =
    [
        new("safetensors", [Model(), Arrays()], ReadSafetensors, 256 << 10, 64),
        new("checkpoint", [Model()], path => ModelFile.Load(path, Device.Cpu).Dispose(), 1 << 20, 256),
        new("probabilities", [Probabilities()], path => ProbabilityFile.Read(path), 256 << 10, 64),
        new("png", [.. Pngs().Select(png => png.Encode())], path => ImageFile.Read(path), 1 << 20, PerPngByte) { Structured = DamagedPng },
        new("mask", [.. Pngs().Where(png => png.Color is 0 or 3).Select(png => png.Encode())], path => MaskFile.Read(path), 1 << 20, PerPngByte) { Structured = DamagedPng },
        new("jpeg", [TestJpeg.Encode(24, 16, [[10, 200, 30, 40, 50, 60]]), TestJpeg.Encode(16, 8, [[10, 200], [128, 90], [60, 128]])], path => ImageFile.Read(path), 2 << 20, PerJpegByte),
        new("caffemodel", [.. CaffeForms().Select(Caffe)], ReadCaffe, 128 << 10, 64),
        new("split list", ["first\nsecond\n\npart/third \r\nfirst"u8.ToArray(), Encoding.UTF8.GetBytes("2007_000032\n\u00e4\u6f22")], ReadSplitList, 256 << 10, 1024),
        new("dataset.json", [Description()], path => DatasetFolderDescription(path), 256 << 10, 256),
        new("crf.json", [Encoding.UTF8.GetBytes((DenseCrfConfig.DeepLab with { Compatibility = [0, 1, 1, 0] }).ToJson())], path => DenseCrfConfig.FromJson(File.ReadAllText(path)), 256 << 10, 1024),
        new("model.json", [Encoding.UTF8.GetBytes(Presets.Get("camvid-dilation8").ToJson())], path => ModelConfig.FromJson(File.ReadAllText(path)), 256 << 10, 1024),
    ];

    public override string ToString() => Name;

    private static void ReadSafetensors(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        foreach (string name in file.Names)
        {
            _ = file.TypeOf(name) switch
            {
                SafetensorsType.U8 => file.ReadUInt8(name).Values.Length,
                SafetensorsType.I64 => file.ReadInt64(name).Values.Length,
                _ => file.Read(name).Values.Length,
            };
        }

        file.Verify();
    }

    private static void ReadCaffe(string path)
    {
        using var source = new CaffeSource(path);
        foreach (SourceTensor tensor in source.Tensors)
        {
            source.Read(tensor);
        }
    }

    /// <summary>Reads it as the list of a dataset with one image; no line of it may lead out of that.</summary>
    private static void ReadSplitList(string path)
    {
        using var dataset = new TemporaryFolder();
        dataset.Write("JPEGImages/first.jpg", "");
        dataset.Write("SegmentationClass/first.png", "");
        Directory.CreateDirectory(dataset["ImageSets/Segmentation"]);
        File.Copy(path, dataset["ImageSets/Segmentation/train.txt"]);
        foreach (Sample sample in DatasetFolder.Open(dataset.Path).Split("train"))
        {
            foreach (string file in new[] { sample.ImagePath, sample.MaskPath ?? sample.ImagePath })
            {
                if (!Path.GetFullPath(file).StartsWith(dataset.Path + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                {
                    throw new InvalidOperationException($"{file} is outside the dataset.");
                }
            }
        }
    }

    private static void DatasetFolderDescription(string path) => DatasetDescription.Read(path, defaults: null, "x");

    private static byte[] DamagedPng(RandomSequence random)
    {
        TestPng[] all = [.. Pngs()];
        TestPng png = all[random.NextInt32(all.Length)];
        byte[] header = png.Header();
        byte[] rows = png.Rows();
        byte[] palette = png.Palette;
        switch (random.NextInt32(3))
        {
            case 0:
                header[random.NextInt32(header.Length)] = (byte)random.NextInt32(20);
                break;
            case 1:
                rows = Mutation.Of(rows, random);
                break;
            default:
                palette = Mutation.Of([.. palette, 0, 0, 0, 0, 0, 0, 0, 0, 0], random);
                break;
        }

        return TestPng.File([("IHDR", header), .. palette.Length > 0 ? [("PLTE", palette)] : Array.Empty<(string, byte[])>(), ("IDAT", TestPng.Compress(rows)), ("IEND", [])]);
    }

    private static IEnumerable<TestPng> Pngs() =>
        [TestPng.Noise(7, 5, 0, 8), TestPng.Noise(9, 6, 3, 4, interlaced: true), TestPng.Noise(5, 5, 2, 8), TestPng.Noise(6, 4, 6, 16), TestPng.Noise(17, 3, 0, 1, interlaced: true)];

    private static byte[] Arrays() => Written(path => SafetensorsWriter.Write(path, (SafetensorsTensor[])
    [
        SafetensorsTensor.FromBytes("bytes", [3], new byte[] { 1, 2, 255 }),
        SafetensorsTensor.FromFloats("floats", [2, 2], new float[] { 1, 2, 3, 4 }),
        SafetensorsTensor.FromIntegers("steps", [2], new long[] { -1, 5 }),
    ]));

    private static byte[] Model() => Written(path =>
    {
        var config = new ModelConfig
        {
            Name = "small",
            FrontEnd = new FrontEndConfig { Classes = 2, Stages = [new Stage(1, 2, PoolAfter: true), new Stage(1, 3)], FcKernel = 3, FcChannels = 4 },
            Context = ContextConfig.Basic(2) with { Dilations = [1, 2] },
        };
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, config, seed: 1);
        ModelFile.Save(path, model);
    });

    private static byte[] Probabilities() => Written(path => ProbabilityFile.Write(path, new ProbabilityMap(3, 2, 2, [0, 1, 0.5f, 0.5f, 1, 0, 0.25f, 0.75f, 0, 1, 1, 0]), Palette.Voc));

    private static IEnumerable<CaffeForm> CaffeForms() => [CaffeForm.Current, CaffeForm.Old, new CaffeForm(false, true, false, true)];

    private static byte[] Caffe(CaffeForm form) => CaffeWriter.Write(
        form,
        ("conv1_1", [new CaffeBlob([2, 3, 1, 1], [1, 2, 3, 4, 5, 6]), new CaffeBlob([2], [7, 8])]),
        ("fc6", [new CaffeBlob([1, 2, 3, 3], [.. Enumerable.Range(0, 18)]), new CaffeBlob([1], [9])]));

    private static byte[] Description() => """
        { "name": "two", "classes": ["ground", "square"], "palette": [[0, 0, 0], [255, 255, 255]], "void": 255, "meanBgr": [80, 80.5, 81] }
        """u8.ToArray();

    // The checksum would catch all damage before anything else looks at it: it gets a name that nobody knows.
    private static byte[] Written(Action<string> write)
    {
        using var folder = new TemporaryFolder();
        write(folder["file"]);
        byte[] bytes = File.ReadAllBytes(folder["file"]);
        int at = bytes.AsSpan().IndexOf("checksum.sha256"u8);
        if (at >= 0)
        {
            bytes[at] = (byte)'C';
        }

        return bytes;
    }
}
