using System.Diagnostics;
using System.Globalization;
using DilatedKernels.Measuring;

namespace DilatedKernels.Bench;

/// <summary>Starts the sides of a measurement as processes of their own.</summary>
internal static class PeerPrograms
{
    /// <summary>The layouts in which PyTorch computes networks.</summary>
    public static readonly IReadOnlyList<string> TorchLayouts = ["contiguous", "channels-last"];

    /// <summary>What all sides have set: the same number of threads and, where that is asked for, no AVX-512.</summary>
    public static IReadOnlyDictionary<string, string> Variables(int threads, bool noAvx512)
    {
        string count = threads.ToString(CultureInfo.InvariantCulture);
        var variables = new Dictionary<string, string>
        {
            // OpenBLAS and OpenMP do not ask PyTorch how many threads it was told to use.
            ["OMP_NUM_THREADS"] = count,
            ["OPENBLAS_NUM_THREADS"] = count,
            ["MKL_NUM_THREADS"] = count,
        };
        if (noAvx512)
        {
            // The runtime's switch has had two names.
            variables["DOTNET_EnableAVX512"] = "0";
            variables["DOTNET_EnableAVX512F"] = "0";
            variables["ONEDNN_MAX_CPU_ISA"] = "AVX2";
            variables["DNNL_MAX_CPU_ISA"] = "AVX2";
            variables["ATEN_CPU_CAPABILITY"] = "avx2";
            variables["OPENBLAS_CORETYPE"] = "Haswell";
            variables["MKL_ENABLE_INSTRUCTIONS"] = "AVX2";
        }

        return variables;
    }

    /// <summary>This program, as it is started again: the executable and the arguments before its own.</summary>
    public static (string Program, string[] Arguments) Self()
    {
        string program = Environment.ProcessPath!;
        bool hosted = Path.GetFileNameWithoutExtension(program).Equals("dotnet", StringComparison.OrdinalIgnoreCase);
        return (program, hosted ? [Path.Combine(AppContext.BaseDirectory, "DilatedKernels.Bench.dll")] : []);
    }

    /// <summary>This program as one side (<see cref="Worker"/>).</summary>
    /// <exception cref="PeerException">It does not start.</exception>
    public static PeerProcess StartWorker(string name, string engine, string device, int threads, IReadOnlyDictionary<string, string> variables, Float32Precision precision = Float32Precision.Strict)
    {
        (string program, string[] self) = Self();
        return PeerProcess.Start(name, program, [.. self, "--worker", engine, device, threads.ToString(CultureInfo.InvariantCulture), precision.ToString()], variables);
    }

    /// <summary>LibTorch.</summary>
    /// <exception cref="PeerException">It does not start.</exception>
    public static PeerProcess StartTorchSharp(string[] command, int threads, IReadOnlyDictionary<string, string> variables) =>
        PeerProcess.Start("LibTorch", command[0], [.. command[1..], threads.ToString(CultureInfo.InvariantCulture)], variables);

    /// <summary>PyTorch.</summary>
    /// <exception cref="PeerException">There is none, or it does not start.</exception>
    public static PeerProcess StartTorch(string device, int threads, bool tf32, bool compile, string? python, IReadOnlyDictionary<string, string> variables)
    {
        string[] candidates = python is not null ? [python] : ["python3", "/usr/bin/python3", "python"];
        string found = candidates.FirstOrDefault(HasTorch) ?? throw new PeerException(
            $"PyTorch was not compared with: {string.Join(", ", candidates)} cannot import torch. Install it (Debian: python3-torch), or name a Python with --python.");
        string here = AppContext.BaseDirectory;
        string[] arguments =
            [Path.Combine(here, "peers", "torch_peer.py"), Path.Combine(here, "shapes.json"), "--device", device, "--threads", threads.ToString(CultureInfo.InvariantCulture)];
        return PeerProcess.Start("PyTorch", found, [.. arguments, .. tf32 ? ["--tf32"] : Array.Empty<string>(), .. compile ? ["--compile"] : Array.Empty<string>()], variables);
    }

    private static bool HasTorch(string python)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(python, ["-c", "import torch"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
