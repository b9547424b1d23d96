using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using DilatedKernels.Serialization;

namespace DilatedKernels.Tests.Serialization;

public class SafetensorsTests
{
    private string _folder = "";

    private string File1 => Path.Combine(_folder, "a.safetensors");

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("safetensors").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void FloatsAndMetadataComeBackBitForBit()
    {
        float[] odd = [0f, -0f, float.NaN, float.PositiveInfinity, float.Epsilon, 1.1f];
        var metadata = new Dictionary<string, string> { ["b"] = "zwei „Wörter“\n", ["a"] = "" };
        SafetensorsWriter.Write(File1, [("x.weight", [1, 2, 3, 1], odd), ("scalar", [], new float[] { 7f }), ("empty", [0, 5], ReadOnlyMemory<float>.Empty)], metadata);

        using SafetensorsFile file = SafetensorsFile.Open(File1);
        (int[] shape, float[] values) = file.Read("x.weight");
        Assert.Multiple(() =>
        {
            Assert.That(file.Names, Is.EquivalentTo(new[] { "x.weight", "scalar", "empty" }));
            Assert.That(file.Metadata, Is.EquivalentTo(metadata));
            Assert.That(shape, Is.EqualTo(new[] { 1, 2, 3, 1 }));
            Assert.That(MemoryMarshal.AsBytes(values.AsSpan()).ToArray(), Is.EqualTo(MemoryMarshal.AsBytes(odd.AsSpan()).ToArray()));
            Assert.That(file.Read("scalar").Shape, Is.Empty);
            Assert.That(file.Read("scalar").Values, Is.EqualTo(new[] { 7f }));
            Assert.That(file.Read("empty").Values, Is.Empty);
        });
    }

    [Test]
    public void ADamagedFileIsToldFromAWholeOne()
    {
        SafetensorsWriter.Write(File1, [("x", [3], new float[] { 1, 2, 3 })], new Dictionary<string, string> { ["note"] = "\"checksum.sha256\":\"" });
        byte[] bytes = File.ReadAllBytes(File1);
        Verify();

        int note = bytes.AsSpan().IndexOf("note"u8);
        int digit = bytes.AsSpan().IndexOf("\"checksum.sha256\":\""u8) + 25;
        foreach (int at in (int[])[note, digit, bytes.Length - 1])
        {
            byte[] damaged = [.. bytes];
            damaged[at] ^= 1;
            File.WriteAllBytes(File1, damaged);
            Assert.That(Verify, Throws.TypeOf<SafetensorsException>().With.Message.Contains("damaged").And.Message.Contains(File1), $"byte {at}");
        }

        void Verify()
        {
            using SafetensorsFile file = SafetensorsFile.Open(File1);
            file.Verify();
        }
    }

    [Test]
    public void BytesAndIntegersComeBackAndWideElementsAreAligned()
    {
        SafetensorsWriter.Write(File1, (SafetensorsTensor[])
        [
            SafetensorsTensor.FromBytes("bytes", [3], new byte[] { 1, 2, 255 }),
            SafetensorsTensor.FromFloats("floats", [1], new[] { 2.5f }),
            SafetensorsTensor.FromIntegers("steps", [2], new[] { long.MinValue, 5L }),
        ]);
        byte[] bytes = File.ReadAllBytes(File1);
        using SafetensorsFile file = SafetensorsFile.Open(File1);
        Assert.Multiple(() =>
        {
            Assert.That(BinaryPrimitives.ReadInt64LittleEndian(bytes) % 8, Is.Zero);
            Assert.That(file.Names, Is.EqualTo(new[] { "steps", "floats", "bytes" }));
            Assert.That(file.ReadUInt8("bytes").Values, Is.EqualTo(new byte[] { 1, 2, 255 }));
            Assert.That(file.ReadInt64("steps").Values, Is.EqualTo(new[] { long.MinValue, 5L }));
            Assert.That(() => file.Read("steps"), Throws.TypeOf<SafetensorsException>().With.Message.Contains("I64"));
            Assert.That(() => file.ReadUInt8("floats"), Throws.TypeOf<SafetensorsException>().With.Message.Contains("F32"));
            Assert.That(() => file.Read("nothing"), Throws.TypeOf<SafetensorsException>().With.Message.Contains("'nothing'").And.Message.Contains(File1));
        });
    }

    [TestCase("F64", "000000000000F83F", 1.5f)]
    [TestCase("F32", "0000C03F", 1.5f)]
    [TestCase("F16", "003E", 1.5f)]
    [TestCase("BF16", "C03F", 1.5f)]
    [TestCase("F16", "0100", 5.9604645e-8f)]
    [TestCase("BF16", "80FF", float.NegativeInfinity)]
    public void OtherFloatingPointTypesConvert(string type, string hex, float expected)
    {
        byte[] data = Convert.FromHexString(hex);
        WriteRaw($$$"""{"x":{"dtype":"{{{type}}}","shape":[1],"data_offsets":[0,{{{data.Length}}}]}}""", data);
        using SafetensorsFile file = SafetensorsFile.Open(File1);
        Assert.That(file.Read("x").Values, Is.EqualTo(new[] { expected }));
    }

    [Test]
    public void AFileFromThePublishedDescriptionReads()
    {
        // Fields in another order, spaces at the end, arrays listed in another order than stored.
        byte[] data = [0, 0, 128, 63, 0, 0, 0, 64, 9];
        WriteRaw("""{"b":{"data_offsets":[8,9],"shape":[1],"dtype":"U8"},"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}    """, data);
        using SafetensorsFile file = SafetensorsFile.Open(File1);
        Assert.Multiple(() =>
        {
            Assert.That(file.Names, Is.EqualTo(new[] { "a", "b" }));
            Assert.That(file.Read("a").Values, Is.EqualTo(new[] { 1f, 2f }));
            Assert.That(file.Metadata["format"], Is.EqualTo("pt"));
        });
    }

    [TestCase("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "takes 8 bytes")]
    [TestCase("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "begin and an end")]
    [TestCase("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""", 4, "begin and an end")]
    [TestCase("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}""", 4, "more than 2 numbers")]
    [TestCase("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 0, "cut off")]
    [TestCase("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5, "1 bytes after its last array")]
    [TestCase("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "hole of 4 bytes")]
    [TestCase("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "'b' overlaps")]
    [TestCase("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "'a' twice")]
    [TestCase("""{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "'dtype' twice")]
    [TestCase("""{"__metadata__":{},"__metadata__":{}}""", 0, "twice")]
    [TestCase("""{"__metadata__":{"k":"1","k":"2"}}""", 0, "'k' twice")]
    [TestCase("""{"__metadata__":{"k":1}}""", 0, "text")]
    [TestCase("""{"a":{"shape":[1],"data_offsets":[0,4]}}""", 4, "lacks dtype")]
    [TestCase("""{"a":{"dtype":"F32","data_offsets":[0,4]}}""", 4, "lacks shape")]
    [TestCase("""{"a":{"dtype":"F32","shape":[1]}}""", 4, "lacks data_offsets")]
    [TestCase("""{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}""", 4, "'Q4'")]
    [TestCase("""{"a":{"dtype":"4","shape":[1],"data_offsets":[0,4]}}""", 4, "'4'")]
    [TestCase("""{"a":{"dtype":"F32","shape":[1],"extra":1,"data_offsets":[0,4]}}""", 4, "unknown field 'extra'")]
    [TestCase("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "whole number")]
    [TestCase("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "whole number")]
    [TestCase("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,99999999999999999999]}}""", 4, "whole number")]
    [TestCase("""{"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,4]}}""", 4, "larger than any file")]
    [TestCase("""{"a":{"dtype":"F32","shape":[4294967296],"data_offsets":[0,4]}}""", 4, "extent of 4294967296")]
    [TestCase("""{"a":{"dtype":"F32","shape":[[[[[1]]]]],"data_offsets":[0,4]}}""", 4, "")]
    [TestCase("""{"a":1}""", 0, "an object")]
    [TestCase("""[]""", 0, "an object")]
    [TestCase("""{}{}""", 0, "JSON")]
    [TestCase("""{"a":""", 0, "JSON")]
    [TestCase("", 0, "JSON")]
    public void HostileHeadersAreRefusedWithTheReason(string header, int dataLength, string reason)
    {
        WriteRaw(header, new byte[dataLength]);
        Assert.That(
            () => SafetensorsFile.Open(File1).Dispose(),
            Throws.TypeOf<SafetensorsException>().With.Message.Contains(File1).And.Message.Contains(reason));
    }

    [TestCase(ulong.MaxValue)]
    [TestCase(1UL << 40)]
    [TestCase(9UL)]
    public void AHeaderLongerThanItsFileIsRefusedBeforeMemoryIsTaken(ulong length)
    {
        byte[] bytes = new byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, length);
        File.WriteAllBytes(File1, bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(() => SafetensorsFile.Open(File1), Throws.TypeOf<SafetensorsException>().With.Message.Contains($"claims {length} bytes"));
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1 << 20));
    }

    [Test]
    public void EveryTruncationIsRefused()
    {
        SafetensorsWriter.Write(File1, [("a", [3], new float[] { 1, 2, 3 }), ("b", [1], new float[] { 4 })]);
        byte[] whole = File.ReadAllBytes(File1);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(File1, whole[..length]);
            Assert.That(() => SafetensorsFile.Open(File1).Dispose(), Throws.TypeOf<SafetensorsException>(), $"{length} bytes");
        }
    }

    [Test]
    public void EveryChangedHeaderByteIsRefusedOrReadsInBounds()
    {
        SafetensorsWriter.Write(File1, [("a", [3], new float[] { 1, 2, 3 }), ("b", [1], new float[] { 4 })], new Dictionary<string, string> { ["k"] = "v" });
        byte[] whole = File.ReadAllBytes(File1);
        int refused = 0;
        for (int i = 0; i < whole.Length - 16; i++)
        {
            byte[] changed = [.. whole];
            changed[i] ^= 0x15;
            File.WriteAllBytes(File1, changed);
            try
            {
                using SafetensorsFile file = SafetensorsFile.Open(File1);
                foreach (string name in file.Names.Where(name => file.TypeOf(name) == SafetensorsType.F32))
                {
                    Assert.That(file.Read(name).Values, Has.Length.LessThanOrEqualTo(4));
                }
            }
            catch (SafetensorsException)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.GreaterThan(100));
    }

    [Test]
    public void AFailedWriteLeavesTheOldFileWholeAndNoOtherBehind()
    {
        SafetensorsWriter.Write(File1, [("a", [1], new float[] { 1 })]);
        byte[] old = File.ReadAllBytes(File1);
        Assert.Multiple(() =>
        {
            Assert.That(() => SafetensorsWriter.Write(File1, [("a", [2], new float[] { 1 })]), Throws.ArgumentException.With.Message.Contains("'a'"));
            Assert.That(() => SafetensorsWriter.Write(File1, [("a", [1], new float[] { 1 }), ("a", [1], new float[] { 1 })]), Throws.ArgumentException.With.Message.Contains("'a'"));
            Assert.That(
                () => SafetensorsWriter.Write(File1, (SafetensorsTensor[])[SafetensorsTensor.FromFloats("a", [1], () => throw new InvalidOperationException("device lost"))]),
                Throws.InvalidOperationException);
            Assert.That(File.ReadAllBytes(File1), Is.EqualTo(old));
            Assert.That(Directory.GetFiles(_folder), Has.Length.EqualTo(1));
        });
    }

    [Test]
    public void EqualContentsMakeEqualFiles()
    {
        string other = Path.Combine(_folder, "b.safetensors");
        SafetensorsWriter.Write(File1, [("a", [1], new float[] { 1 })], new Dictionary<string, string> { ["x"] = "1", ["y"] = "2" });
        SafetensorsWriter.Write(other, [("a", [1], new float[] { 1 })], new Dictionary<string, string> { ["y"] = "2", ["x"] = "1" });
        Assert.That(File.ReadAllBytes(other), Is.EqualTo(File.ReadAllBytes(File1)));
    }

    private void WriteRaw(string header, byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        File.WriteAllBytes(File1, [.. length, .. json, .. data]);
    }
}
