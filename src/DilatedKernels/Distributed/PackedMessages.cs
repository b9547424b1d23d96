namespace DilatedKernels.Distributed;

/// <summary>Several messages as one: their lengths, then their bytes.</summary>
internal static class PackedMessages
{
    public static byte[] Pack(byte[][] messages)
    {
        long bytes = (sizeof(int) * (long)messages.Length) + messages.Sum(message => (long)message.Length);
        if (bytes > Array.MaxLength)
        {
            throw new ArgumentException($"The messages of all processes have {bytes} bytes together, and {Array.MaxLength} is the most.");
        }

        byte[] packed = new byte[bytes];
        Buffer.BlockCopy(messages.Select(message => message.Length).ToArray(), 0, packed, 0, sizeof(int) * messages.Length);
        int at = sizeof(int) * messages.Length;
        foreach (byte[] message in messages)
        {
            message.CopyTo(packed, at);
            at += message.Length;
        }

        return packed;
    }

    public static byte[][] Unpack(byte[] packed, int count)
    {
        byte[][] messages = new byte[count][];
        int at = sizeof(int) * count;
        for (int i = 0; i < count; i++)
        {
            int length = BitConverter.ToInt32(packed, sizeof(int) * i);
            messages[i] = packed[at..(at + length)];
            at += length;
        }

        return messages;
    }
}
