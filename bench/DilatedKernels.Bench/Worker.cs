using System.Globalization;
using DilatedKernels.Measuring;

namespace DilatedKernels.Bench;

/// <summary>One side of a comparison, in a process of its own: <c>--worker library|onnxruntime cpu|cuda THREADS PRECISION</c>.</summary>
internal static class Worker
{
    public const string Library = "library";
    public const string OnnxRuntime = "onnxruntime";

    public static int Run(string[] arguments)
    {
        int threads = int.Parse(arguments[2], CultureInfo.InvariantCulture);
        // The answers go through the real standard output; what libraries print would be taken for one.
        TextWriter output = Console.Out;
        Console.SetOut(Console.Error);
        ShapeList shapes = ShapeList.BuiltIn();
        if (arguments[0] == Library)
        {
            using Device device = arguments[1] == "cuda" ? Device.CreateCuda(precision: Enum.Parse<Float32Precision>(arguments[3])) : Device.CreateCpu(threads);
            using var peer = new LibraryPeer(device, shapes, threads);
            LibraryPeer.Serve(peer, Console.In, output);
            return 0;
        }

#if ONNXRUNTIME
        using var onnx = new OnnxPeer(shapes, threads);
        LibraryPeer.Serve(onnx, Console.In, output);
        return 0;
#else
        Console.Error.WriteLine("this build is without ONNX Runtime");
        return 1;
#endif
    }
}
