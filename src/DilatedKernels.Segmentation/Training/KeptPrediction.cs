using DilatedKernels.Segmentation.Imaging;

namespace DilatedKernels.Segmentation.Training;

/// <summary>A reduced prediction of a validation image.</summary>
/// <param name="Index">Which image.</param>
/// <param name="Errors">The share of its pixels that are wrong.</param>
/// <param name="Mask">The prediction.</param>
internal sealed record KeptPrediction(int Index, double Errors, IndexMask Mask)
{
    /// <summary>Writes predictions as bytes that another process reads.</summary>
    public static byte[] ToBytes(params IEnumerable<KeptPrediction>[] lists)
    {
        using var stream = new MemoryStream();
        using (var writer = new BinaryWriter(stream))
        {
            foreach (KeptPrediction[] list in lists.Select(list => list.ToArray()))
            {
                writer.Write(list.Length);
                foreach (KeptPrediction kept in list)
                {
                    writer.Write(kept.Index);
                    writer.Write(kept.Errors);
                    writer.Write(kept.Mask.Width);
                    writer.Write(kept.Mask.Height);
                    writer.Write(kept.Mask.Indices);
                }
            }
        }

        return stream.ToArray();
    }

    /// <summary>Reads what <see cref="ToBytes"/> wrote.</summary>
    public static KeptPrediction[][] FromBytes(byte[] bytes)
    {
        using var reader = new BinaryReader(new MemoryStream(bytes));
        var lists = new List<KeptPrediction[]>();
        while (reader.BaseStream.Position < bytes.Length)
        {
            var list = new KeptPrediction[reader.ReadInt32()];
            for (int i = 0; i < list.Length; i++)
            {
                (int index, double errors, int width, int height) = (reader.ReadInt32(), reader.ReadDouble(), reader.ReadInt32(), reader.ReadInt32());
                list[i] = new KeptPrediction(index, errors, new IndexMask(width, height, reader.ReadBytes(width * height)));
            }

            lists.Add(list);
        }

        return [.. lists];
    }
}
