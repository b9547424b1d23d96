using System.Collections.Frozen;
using System.IO.Compression;
using System.Security.Cryptography;

namespace DilatedKernels.Backends.Cuda;

/// <summary>
/// The GPU kernels that this build of the library carries: a fat binary for each .cu file, as <c>./build.sh kernels</c> compiled it.
/// A build without nvcc carries none.
/// </summary>
internal static class EmbeddedKernels
{
    private const string Folder = "kernels/";

    private static readonly Lazy<FrozenDictionary<string, string>> s_modules = new(ReadIndex);
    private static readonly Lazy<string> s_hash = new(ComputeHash);

    /// <summary>Whether there are any.</summary>
    public static bool Present => s_modules.Value.Count > 0;

    /// <summary>What to tell a user who wants a GPU and has a build without kernels.</summary>
    public static string HowToGet => "this build of DilatedKernels carries no GPU kernels; compile them with './build.sh kernels' and build again";

    /// <summary>The names of all kernels.</summary>
    public static IEnumerable<string> Names => s_modules.Value.Keys;

    /// <summary>The module that holds a kernel, such as conv2d/conv2d_fprop_f32 for the file kernels/conv2d/conv2d_fprop_f32.cu; null when none does.</summary>
    public static string? FindModule(string kernel) => s_modules.Value.GetValueOrDefault(kernel);

    /// <summary>A module's fat binary, for the driver to load.</summary>
    /// <exception cref="ArgumentException">There is no such module.</exception>
    public static ReadOnlySpan<byte> ReadModule(string module)
    {
        using Stream packed = typeof(EmbeddedKernels).Assembly.GetManifestResourceStream($"{Folder}{module}.fatbin.br")
            ?? throw new ArgumentException($"The library carries no kernel module '{module}'.", nameof(module));
        using var brotli = new BrotliStream(packed, CompressionMode.Decompress);
        using var unpacked = new MemoryStream();
        brotli.CopyTo(unpacked);
        return unpacked.GetBuffer().AsSpan(0, (int)unpacked.Length);
    }

    /// <summary>Eight digits that tell these kernels from others.</summary>
    public static string Hash => s_hash.Value;

    private static string ComputeHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string module in s_modules.Value.Values.Distinct().Order(StringComparer.Ordinal))
        {
            hash.AppendData(ReadModule(module));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..8];
    }

    private static FrozenDictionary<string, string> ReadIndex()
    {
        using Stream? stream = typeof(EmbeddedKernels).Assembly.GetManifestResourceStream($"{Folder}index.txt");
        if (stream is null)
        {
            return FrozenDictionary<string, string>.Empty;
        }

        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).ToFrozenDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
    }
}
