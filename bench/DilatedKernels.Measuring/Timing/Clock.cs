using System.Diagnostics;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;

namespace DilatedKernels.Measuring;

/// <summary>Times a group of runs on a device.</summary>
internal abstract class Clock : IDisposable
{
    public abstract string Name { get; }

    public static Clock For(Device device) => device.Backend is CudaBackend cuda ? new EventClock(cuda) : new WallClock(device);

    /// <summary>The time of <paramref name="runs"/> runs in milliseconds.</summary>
    public abstract double Time(ReplayedCase work, int runs);

    public abstract void Dispose();

    /// <summary>From before the first run is issued to after the last is done.</summary>
    private sealed class WallClock(Device device) : Clock
    {
        public override string Name => "wall clock";

        public override double Time(ReplayedCase work, int runs)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < runs; i++)
            {
                work.Run();
            }

            device.Synchronize();
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        public override void Dispose()
        {
            // It holds nothing.
        }
    }

    /// <summary>Between two events of the driver around the group: the device's own time, without that of the call that waits for it.</summary>
    private sealed class EventClock(CudaBackend backend) : Clock
    {
        private readonly EventHandle _start = backend.Context.CreateEvent(timing: true);
        private readonly EventHandle _end = backend.Context.CreateEvent(timing: true);

        public override string Name => "driver events";

        public override double Time(ReplayedCase work, int runs)
        {
            backend.Context.Record(_start, backend.Stream);
            for (int i = 0; i < runs; i++)
            {
                work.Run();
            }

            backend.Context.Record(_end, backend.Stream);
            backend.Synchronize();
            return backend.Context.GetMilliseconds(_start, _end);
        }

        public override void Dispose()
        {
            backend.Context.DestroyEvent(_start);
            backend.Context.DestroyEvent(_end);
        }
    }
}
