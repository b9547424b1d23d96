using System.Diagnostics;
using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;

namespace DilatedKernels.Bench.Benchmarks;

/// <summary>
/// What a kernel launch with 12 arguments costs on top of the driver: through the libcuda binding, against the same call of the same function
/// through a bare pointer. The driver is the tests' stub, compiled here, whose launches do next to nothing. Goal: under 50 ns, 0 bytes.
/// </summary>
[MemoryDiagnoser]
public unsafe class LaunchCost
{
    private const int Launches = 1000;

    private string _folder = "";
    private ICudaContext? _context;
    private FunctionHandle _function;
    private StreamHandle _stream;
    private DevicePointer _memory;
    private delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> _launch;

    [GlobalSetup]
    public void Prepare()
    {
        _folder = Directory.CreateTempSubdirectory("dilated-launch-").FullName;
        string library = Path.Combine(_folder, "libcuda_stub.so");
        string compiler = Environment.GetEnvironmentVariable("CC") is { Length: > 0 } given ? given : "cc";
        using (Process process = Process.Start(compiler, ["-shared", "-fPIC", "-O2", "-o", library, Path.Combine(AppContext.BaseDirectory, "Stub", "cuda_stub.c")]))
        {
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new InvalidOperationException($"{compiler} does not compile the stub driver; set CC to a C compiler.");
            }
        }

        if (!LibCudaDriver.TryOpen([library], out LibCudaDriver? driver, out string reason))
        {
            throw new InvalidOperationException(reason);
        }

        _context = driver!.Open(0);
        _stream = _context.CreateStream();
        _memory = _context.Allocate(64, _stream);
        if (!_context.TryGetFunction(_context.LoadModule("stub"u8), "add_f32", out _function))
        {
            throw new InvalidOperationException("The stub driver has no kernel add_f32.");
        }

        _launch = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)
            NativeLibrary.GetExport(NativeLibrary.Load(library), "cuLaunchKernel");
    }

    [GlobalCleanup]
    public void Finish()
    {
        _context?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>The driver alone, given what it needs.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Launches)]
    public int BareCall()
    {
        ulong* values = stackalloc ulong[12];
        void** addresses = stackalloc void*[12];
        for (int i = 0; i < 12; i++)
        {
            values[i] = i < 3 ? _memory.Value : 0;
            addresses[i] = values + i;
        }

        int code = 0;
        for (int i = 0; i < Launches; i++)
        {
            code |= _launch(_function.Value, 64, 1, 1, 256, 1, 1, 0, _stream.Value, addresses, null);
        }

        return code;
    }

    /// <summary>What the backend does for every kernel: collects the arguments and hands them to the binding.</summary>
    [Benchmark(OperationsPerInvoke = Launches)]
    public void LibCudaBinding()
    {
        for (int i = 0; i < Launches; i++)
        {
            var arguments = new KernelArguments();
            arguments.Add(_memory);
            arguments.Add(_memory);
            arguments.Add(_memory);
            // The stub's kernel adds as many numbers as this says.
            arguments.Add(0L);
            arguments.Add(i);
            arguments.Add(1);
            arguments.Add(2);
            arguments.Add(3);
            arguments.Add(1f);
            arguments.Add(2f);
            arguments.Add(3L);
            arguments.Add(_memory);
            Launch(arguments);
        }
    }

    private void Launch(in KernelArguments arguments)
    {
        Span<nint> addresses = stackalloc nint[arguments.Count];
        arguments.GetAddresses(addresses);
        _context!.Launch(_function, new LaunchConfiguration(new Dim3(64), new Dim3(256), 0, _stream), addresses);
    }
}
