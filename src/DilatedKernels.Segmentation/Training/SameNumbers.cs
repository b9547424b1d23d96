using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using DilatedKernels.Distributed;
using DilatedKernels.Optim;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Makes sure that all processes of a group have the same weights and optimizer states, before one of them writes its own as the run's.</summary>
internal static class SameNumbers
{
    /// <summary>Compares digests.</summary>
    /// <exception cref="ProcessGroupException">Some differ; the message names a process and what differs, the same on every process.</exception>
    public static void Check(ProcessGroup group, IReadOnlyList<Parameter> parameters, Optimizer optimizer, long step)
    {
        (string Name, Tensor Tensor)[] tensors = [.. parameters.Select(parameter => (parameter.Name, parameter.Value)), .. optimizer.States];
        byte[] own = new byte[tensors.Length * sizeof(long)];
        for (int i = 0; i < tensors.Length; i++)
        {
            Digest(tensors[i].Tensor).CopyTo(own.AsSpan(i * sizeof(long)));
        }

        byte[][] all = group.AllGather(own);
        for (int i = 0; i < tensors.Length; i++)
        {
            long first = At(all[0], i);
            int other = Array.FindIndex(all, digests => At(digests, i) != first);
            if (other > 0)
            {
                throw Together.Common(new ProcessGroupException(
                    $"After step {step} the numbers of '{tensors[i].Name}' on {group.NameOf(other)} are others than on {group.NameOf(0)}. Processes that train together run the same program, on processors or GPUs of one kind; the last checkpoint is intact."));
            }
        }
    }

    private static long At(byte[] digests, int index) => BinaryPrimitives.ReadInt64LittleEndian(digests.AsSpan(index * sizeof(long)));

    private static ReadOnlySpan<byte> Digest(Tensor tensor) => SHA256.HashData(MemoryMarshal.AsBytes<float>(tensor.ToChannelsLast())).AsSpan(0, sizeof(long));
}
