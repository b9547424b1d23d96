using System.Runtime.InteropServices;

namespace DilatedKernels.Tests.Segmentation.Import;

/// <summary>In which of its forms a Caffe network is written.</summary>
/// <param name="IsV1">Layers as field 2 with a type by number, else as field 100 with a type by name.</param>
/// <param name="HasFourExtents">Extents as num, channels, height, width, else as a list.</param>
/// <param name="IsPacked">Values as one packed list, else one field each.</param>
/// <param name="IsDouble">Values in double precision.</param>
public sealed record CaffeForm(bool IsV1, bool HasFourExtents, bool IsPacked, bool IsDouble)
{
    public static CaffeForm Current { get; } = new(false, false, true, false);

    public static CaffeForm Old { get; } = new(true, true, true, false);

    public override string ToString() =>
        $"{(IsV1 ? "V1" : "current")}, {(HasFourExtents ? "four extents" : "shape")}, {(IsPacked ? "packed" : "unpacked")}, {(IsDouble ? "double" : "float")}";
}

/// <summary>An array of a layer.</summary>
public sealed record CaffeBlob(int[] Shape, float[] Values);

/// <summary>Writes Caffe networks, with the fields around the weights that real ones have.</summary>
internal static class CaffeWriter
{
    private const int ConvolutionV1 = 4;

    public static byte[] Write(CaffeForm form, params IEnumerable<(string Layer, CaffeBlob[] Blobs)> layers)
    {
        Protobuf network = new Protobuf().Text(1, "network").Text(3, "data").Number(4, 1).Number(4, 3);
        string bottom = "data";
        foreach ((string name, CaffeBlob[] blobs) in layers)
        {
            Add(network, form, Layer(form, name, "Convolution", bottom, blobs));
            // In place, and without weights.
            Add(network, form, Layer(form, "relu_" + name, "ReLU", name, []));
            bottom = name;
        }

        return network.ToArray();
    }

    public static Protobuf Blob(CaffeForm form, CaffeBlob blob)
    {
        var message = new Protobuf();
        if (form.HasFourExtents)
        {
            int[] four = [.. Enumerable.Repeat(1, 4 - blob.Shape.Length), .. blob.Shape];
            for (int i = 0; i < four.Length; i++)
            {
                message.Number(i + 1, four[i]);
            }
        }

        switch (form)
        {
            case { IsPacked: true, IsDouble: false }:
                message.Bytes(5, MemoryMarshal.AsBytes(blob.Values.AsSpan()));
                break;
            case { IsPacked: true }:
                message.Bytes(8, MemoryMarshal.AsBytes(Array.ConvertAll(blob.Values, value => (double)value).AsSpan()));
                break;
            default:
                foreach (float value in blob.Values)
                {
                    _ = form.IsDouble ? message.Double(8, value) : message.Single(5, value);
                }

                break;
        }

        // The gradient that training left.
        message.Bytes(6, new byte[8]);
        return form.HasFourExtents ? message : message.Message(7, new Protobuf().Packed(1, blob.Shape));
    }

    private static void Add(Protobuf network, CaffeForm form, Protobuf layer) => network.Message(form.IsV1 ? 2 : 100, layer);

    private static Protobuf Layer(CaffeForm form, string name, string type, string bottom, CaffeBlob[] blobs)
    {
        var layer = new Protobuf();
        if (form.IsV1)
        {
            layer.Text(2, bottom).Text(3, name).Text(4, name).Number(5, ConvolutionV1);
        }
        else
        {
            layer.Text(1, name).Text(2, type).Text(3, bottom).Text(4, name);
        }

        foreach (CaffeBlob blob in blobs)
        {
            layer.Message(form.IsV1 ? 6 : 7, Blob(form, blob));
        }

        // ConvolutionParameter with num_output.
        return layer.Message(form.IsV1 ? 10 : 106, new Protobuf().Number(1, 7));
    }
}
