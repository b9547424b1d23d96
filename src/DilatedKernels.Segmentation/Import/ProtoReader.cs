using Google.Protobuf;

namespace DilatedKernels.Segmentation.Import;

/// <summary>Walks over the fields of nested protocol-buffer messages. Every message has an end, and no field may cross it.</summary>
internal sealed class ProtoReader(CodedInputStream input)
{
    /// <summary>The field that <see cref="Next"/> found.</summary>
    public int Field { get; private set; }

    public WireFormat.WireType Type { get; private set; }

    public long Position => input.Position;

    /// <summary>Goes to the next field of a message that ends at <paramref name="end"/>; false where there is none.</summary>
    public bool Next(long end)
    {
        CheckInside(end);
        if (input.Position == end)
        {
            return false;
        }

        uint tag = input.ReadTag();
        Field = WireFormat.GetTagFieldNumber(tag);
        Type = WireFormat.GetTagWireType(tag);
        return tag != 0 ? true : throw Damaged("it ends in the middle of a message");
    }

    /// <summary>Begins a message or a packed list within one that ends at <paramref name="end"/>, and says where it ends itself.</summary>
    public long Enter(long end)
    {
        Expect(WireFormat.WireType.LengthDelimited);
        int length = input.ReadLength();
        long inner = input.Position + length;
        return length >= 0 && inner <= end ? inner : throw Damaged($"field {Field} claims {length} bytes, but {end - input.Position} are left");
    }

    public string Text()
    {
        Expect(WireFormat.WireType.LengthDelimited);
        return input.ReadString();
    }

    public long Integer()
    {
        Expect(WireFormat.WireType.Varint);
        return input.ReadInt64();
    }

    /// <summary>Appends the whole numbers of a field, packed into a list or single.</summary>
    public void Integers(long end, List<long> target, int most)
    {
        bool isPacked = Type == WireFormat.WireType.LengthDelimited;
        long inner = isPacked ? Enter(end) : end;
        for (bool goesOn = !isPacked || input.Position < inner; goesOn; goesOn = isPacked && input.Position < inner)
        {
            target.Add(isPacked ? input.ReadInt64() : Integer());
            if (target.Count > most)
            {
                throw Damaged($"a list has more than {most} numbers");
            }
        }

        CheckInside(inner);
    }

    /// <summary>Reads the floating-point numbers of a field, packed into a list or single, into the target from an index on; without a target it only counts them.</summary>
    /// <returns>How many there were.</returns>
    public int Reals(long end, bool isDouble, float[]? target, int index)
    {
        (int size, WireFormat.WireType single) = isDouble ? (sizeof(double), WireFormat.WireType.Fixed64) : (sizeof(float), WireFormat.WireType.Fixed32);
        long bytes = size;
        if (Type == WireFormat.WireType.LengthDelimited)
        {
            bytes = Enter(end) - input.Position;
        }
        else
        {
            Expect(single);
        }

        int count = (int)(bytes / size);
        if (bytes % size != 0 || (target is not null && count > target.Length - index))
        {
            throw Damaged($"field {Field} has {bytes} bytes of numbers of {size} bytes each");
        }

        for (int i = 0; i < count; i++)
        {
            float value = isDouble ? (float)input.ReadDouble() : input.ReadFloat();
            if (target is not null)
            {
                target[index + i] = value;
            }
        }

        return count;
    }

    public void Skip() => input.SkipLastField();

    public InvalidDataException Damaged(string reason) => new($"{reason} (byte {input.Position})");

    private void Expect(WireFormat.WireType type)
    {
        if (Type != type)
        {
            throw Damaged($"field {Field} is of wire type {Type}, not {type}");
        }
    }

    private void CheckInside(long end)
    {
        if (input.Position > end)
        {
            throw Damaged("a field goes on after the end of its message");
        }
    }
}
