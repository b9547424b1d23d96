using System.Text.Json;

namespace DilatedKernels.Build.Kernels;

/// <summary>What the compiler made of one kernel for one architecture. ./build.sh kernels writes them, the audit tests read them.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="File">Its source, under kernels/.</param>
/// <param name="Architecture">The architecture of the machine code, such as sm_80.</param>
/// <param name="Registers">Registers a thread.</param>
/// <param name="SpillStoreBytes">Bytes a thread writes because registers ran out.</param>
/// <param name="SpillLoadBytes">Bytes a thread reads back.</param>
/// <param name="StackBytes">Local memory a thread.</param>
/// <param name="SharedBytes">Shared memory a block, without what the launch adds.</param>
/// <param name="MaxThreads">The block size it is compiled for (its launch bounds), or 0 where the kernel gives none.</param>
/// <param name="Opcodes">How often each machine instruction occurs, by its full name, such as LDG.E.128.CONSTANT; empty without cuobjdump.</param>
internal sealed record KernelReport(
    string Name,
    string File,
    string Architecture,
    int Registers,
    int SpillStoreBytes,
    int SpillLoadBytes,
    int StackBytes,
    int SharedBytes,
    int MaxThreads,
    SortedDictionary<string, int> Opcodes)
{
    /// <summary>Whether ptxas remarked that it lets every wgmma wait for the one before.</summary>
    public bool SerializesProducts { get; init; }

    /// <summary>How many instructions have this name, whatever their modifiers: LDG counts LDG.E and LDG.E.128, and not LDGSTS.</summary>
    public int Count(string instruction) => Count(instruction, []);

    /// <summary>How many instructions have this name and all of these modifiers, such as LDG with 128.</summary>
    public int Count(string instruction, params string[] modifiers) =>
        Opcodes.Where(o => o.Key.Split('.') is [string name, .. string[] rest] && name == instruction && modifiers.All(rest.Contains)).Sum(o => o.Value);

    public static KernelReport[] Read(string path) => JsonSerializer.Deserialize<KernelReport[]>(System.IO.File.ReadAllText(path), JsonSerializerOptions.Web)!;

    public static void Write(string path, IEnumerable<KernelReport> reports) =>
        System.IO.File.WriteAllText(path, JsonSerializer.Serialize(reports, JsonSerializerOptions.Web));
}
