using System.Runtime.InteropServices;

namespace DilatedKernels.Backends.Cpu;

/// <summary>Regions of memory from the system, on large pages where Linux has some for who asks: a map of many megabytes then needs few page table entries.</summary>
internal static unsafe partial class SystemMemory
{
    private const int AdviceHugePage = 14;

    private static bool s_cannotAdvise = !OperatingSystem.IsLinux();

    public static nint Take(long bytes)
    {
        void* address = NativeMemory.AlignedAlloc((nuint)bytes, (nuint)BestFitHeap.RegionGranule);
        Advise(address, (nuint)bytes);
        return (nint)address;
    }

    public static void GiveBack(nint address) => NativeMemory.AlignedFree((void*)address);

    private static void Advise(void* address, nuint bytes)
    {
        if (s_cannotAdvise)
        {
            return;
        }

        try
        {
            // The result does not matter: a kernel without large pages refuses, and nothing else changes.
            _ = MAdvise(address, bytes, AdviceHugePage);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            s_cannotAdvise = true;
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MAdvise(void* address, nuint length, int advice);
}
