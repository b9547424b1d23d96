using System.Runtime.InteropServices;
using DilatedKernels.Measuring;

namespace DilatedKernels.Tests.Bench;

/// <summary>What <c>bench --memory</c> reads of processes, and what it writes.</summary>
internal sealed class MemoryTests
{
    [Test]
    [Platform("Linux")]
    public unsafe void MemoryThatWasWrittenIsResidentAndItsPeakStays()
    {
        const int Bytes = 256 << 20;
        long before = ProcessMemory.Resident(Environment.ProcessId);
        void* memory = NativeMemory.Alloc(Bytes);
        NativeMemory.Fill(memory, Bytes, 1);
        long with = ProcessMemory.Resident(Environment.ProcessId);
        NativeMemory.Free(memory);
        // Other tests allocate and free meanwhile.
        Assert.That(with, Is.GreaterThan(before + (Bytes / 2)));
        Assert.That(ProcessMemory.Peak(Environment.ProcessId), Is.GreaterThanOrEqualTo(with - (1 << 20)));
    }

    [Test]
    public void ARowIsComparedWithOursOfTheSameStepAndThreads()
    {
        MemoryRow[] rows =
        [
            new("a", 1, "DilatedKernels", "", 40_000_000, 140_000_000),
            new("a", 1, "PyTorch", "contiguous", 200_000_000, 450_000_000),
            new("a", 2, "DilatedKernels", "", 40_000_000, 90_000_000),
            new("a", 2, "PyTorch", "channels-last", 200_000_000, 220_000_000),
        ];
        var report = new MemoryReport("command", MachineDescription.Describe((Device?)null), rows);
        Assert.That(rows.Select(report.Line), Is.EqualTo(new[]
        {
            "| a | 1 | DilatedKernels | 40.0 | 140.0 | 100.0 |  |",
            "| a | 1 | PyTorch contiguous | 200.0 | 450.0 | 250.0 | 2.50 |",
            "| a | 2 | DilatedKernels | 40.0 | 90.0 | 50.0 |  |",
            "| a | 2 | PyTorch channels-last | 200.0 | 220.0 | 20.0 | 0.40 |",
        }));
    }
}
