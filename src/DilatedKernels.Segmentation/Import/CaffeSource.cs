using Google.Protobuf;

namespace DilatedKernels.Segmentation.Import;

/// <summary>
/// The arrays of a Caffe network (.caffemodel, a protocol buffer), with layers in the current format or the one before. A layer's first
/// array is its weight, the second its bias.
/// </summary>
/// <remarks>
/// Opening walks over the whole file once and keeps the arrays' names, extents and places, no values; nothing is ever allocated on the word
/// of a length in the file. What opening allocates in all is at most 64 KiB and 32 times the file; reading an array then takes the memory of its float32 values,
/// which are in the file.
/// </remarks>
internal sealed class CaffeSource : WeightSource
{
    private const int MostBlobsInLayer = 16;
    private const int MostAxes = 32;
    private const int LongestName = 256;
    private const int FileBuffer = 1 << 12;

    private readonly FileStream _stream;
    private readonly List<SourceTensor> _tensors = [];
    private readonly HashSet<string> _layers = new(StringComparer.Ordinal);
    private readonly List<long> _extents = [];

    public CaffeSource(string path)
        : base(path)
    {
        _stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileBuffer);
        try
        {
            if (_stream.Length > int.MaxValue)
            {
                throw new UserInputException($"{path} has {_stream.Length} bytes; a Caffe network has at most {int.MaxValue}.");
            }

            Guarded(ReadNetwork);
            Names = new CaffeNames(_tensors);
        }
        catch
        {
            _stream.Dispose();
            throw;
        }
    }

    public override IReadOnlyList<SourceTensor> Tensors => _tensors;

    public override SourceNames Names { get; }

    /// <summary>Whether a network can begin with this byte: the tag of its name, of its inputs or of a layer.</summary>
    public static bool MayStartWith(byte first) => first is 0x0A or 0x12 or 0x1A or 0x20 or 0x42 or 0xA2;

    public override float[] Read(SourceTensor tensor)
    {
        var place = (CaffeTensor)tensor;
        float[] values = new float[tensor.Shape.Aggregate(1L, (product, extent) => product * extent)];
        Guarded(() =>
        {
            _stream.Position = place.Start;
            using var input = new CodedInputStream(_stream, leaveOpen: true);
            ReadBlob(new ProtoReader(input), place.End, values);
        });
        return values;
    }

    public override void Dispose() => _stream.Dispose();

    private void Guarded(Action read)
    {
        try
        {
            read();
        }
        catch (Exception exception) when (exception is InvalidProtocolBufferException or InvalidDataException)
        {
            throw new UserInputException($"{FilePath} is no Caffe network, or a damaged one: {exception.Message.TrimEnd('.')}.", exception);
        }
    }

    // Field numbers of the messages NetParameter, LayerParameter and V1LayerParameter.
    private void ReadNetwork()
    {
        using var input = new CodedInputStream(_stream, leaveOpen: true);
        var reader = new ProtoReader(input);
        long end = _stream.Length;
        while (reader.Next(end))
        {
            switch (reader.Field)
            {
                case 100:
                    ReadLayer(reader, reader.Enter(end), nameField: 1, blobsField: 7);
                    break;
                case 2:
                    ReadLayer(reader, reader.Enter(end), nameField: 4, blobsField: 6);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        if (_tensors.Count == 0)
        {
            throw reader.Damaged("it has no layer with weights");
        }
    }

    private void ReadLayer(ProtoReader reader, long end, int nameField, int blobsField)
    {
        string name = "";
        List<(int[] Shape, long Start, long End)>? blobs = null;
        while (reader.Next(end))
        {
            if (reader.Field == nameField)
            {
                name = reader.Text();
            }
            else if (reader.Field == blobsField)
            {
                blobs ??= [];
                long blobEnd = reader.Enter(end);
                long start = reader.Position;
                blobs.Add((ReadBlob(reader, blobEnd, null), start, blobEnd));
                if (blobs.Count > MostBlobsInLayer)
                {
                    throw reader.Damaged($"layer '{name}' has more than {MostBlobsInLayer} arrays");
                }
            }
            else
            {
                reader.Skip();
            }
        }

        if (blobs is not null)
        {
            Add(reader, name, blobs);
        }
    }

    private void Add(ProtoReader reader, string name, List<(int[] Shape, long Start, long End)> blobs)
    {
        if (name.Length is 0 or > LongestName)
        {
            throw reader.Damaged($"a layer with weights has a name of {name.Length} characters; names have 1 to {LongestName}");
        }

        if (!_layers.Add(name))
        {
            throw reader.Damaged($"two layers with weights are called '{name}'");
        }

        for (int i = 0; i < blobs.Count; i++)
        {
            string part = i switch { 0 => "weight", 1 => "bias", _ => $"blob{i}" };
            _tensors.Add(new CaffeTensor($"{name}.{part}", blobs[i].Shape, blobs[i].Start, blobs[i].End));
        }
    }

    /// <summary>Reads a BlobProto: its values into the target if there is one, else only its extents.</summary>
    private int[] ReadBlob(ProtoReader reader, long end, float[]? target)
    {
        _extents.Clear();
        // The four extents of the older form, num, channels, height and width, are fields 1 to 4.
        long[]? legacy = null;
        int count = 0;
        int dataField = 0;
        while (reader.Next(end))
        {
            switch (reader.Field)
            {
                case >= 1 and <= 4:
                    legacy ??= new long[4];
                    legacy[reader.Field - 1] = reader.Integer();
                    break;
                case 7:
                    ReadShape(reader, reader.Enter(end));
                    break;
                case 5 or 8 when dataField != 0 && dataField != reader.Field:
                    throw reader.Damaged("an array has both single and double precision values");
                case 5 or 8:
                    dataField = reader.Field;
                    count += reader.Reals(end, dataField == 8, target, count);
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        return Extents(reader, _extents.Count > 0 || legacy is null ? [.. _extents] : legacy, count);
    }

    private void ReadShape(ProtoReader reader, long end)
    {
        while (reader.Next(end))
        {
            if (reader.Field == 1)
            {
                reader.Integers(end, _extents, MostAxes);
            }
            else
            {
                reader.Skip();
            }
        }
    }

    private static int[] Extents(ProtoReader reader, long[] extents, int count)
    {
        Int128 claimed = extents.Length == 0 ? 0 : 1;
        foreach (long extent in extents)
        {
            // Beyond the size of any file it need not grow, so it cannot overflow.
            claimed = extent is > 0 and <= int.MaxValue ? Int128.Min(claimed * extent, long.MaxValue) : 0;
        }

        return claimed == count && count > 0
            ? Array.ConvertAll(extents, extent => (int)extent)
            : throw reader.Damaged($"an array of extents [{string.Join(", ", extents)}] has {count} values");
    }

    /// <summary>An array, and the file's bytes that its message takes.</summary>
    private sealed record CaffeTensor(string Name, IReadOnlyList<int> Shape, long Start, long End) : SourceTensor(Name, Shape);
}
