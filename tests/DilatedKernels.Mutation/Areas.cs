namespace DilatedKernels.Mutation;

/// <summary>A part of the library whose mutants are counted together.</summary>
/// <param name="Name">As in the results.</param>
/// <param name="Project">The project that it lies in.</param>
/// <param name="Sample">How many of its mutants are tested.</param>
/// <param name="Sources">Its files, and folders that end with a slash, from the project's folder.</param>
/// <param name="Tests">For those who survive the tests nearest to them.</param>
internal sealed record Area(string Name, string Project, int Sample, string[] Sources, string Tests)
{
    // Two cases of the softmax's definition take half a minute and see nothing that the shorter rows do not.
    private const string Softmax = "FullyQualifiedName~Operators.Softmax&FullyQualifiedName!~130&FullyQualifiedName!~60";
    private const string Pooling = "FullyQualifiedName~Operators.MaxPool2dTests|FullyQualifiedName~Operators.AveragePool2dTests";
    private const string Padding = "FullyQualifiedName~Operators.PaddingTests";
    private const string Upsampling = "FullyQualifiedName~Operators.UpsampleBilinearTests|FullyQualifiedName~Operators.BilinearDeconvolutionTests";

    public static readonly Area[] All =
    [
        new("operators", "DilatedKernels", 120,
        [
            "Operators/", "Backends/Geometry.cs", "Backends/ResampleAxis.cs", "Backends/Cpu/Conv2d/",
            "Backends/Cpu/CpuBackend.Bias.cs", "Backends/Cpu/CpuBackend.Convert.cs", "Backends/Cpu/CpuBackend.Dropout.cs", "Backends/Cpu/CpuBackend.MaxPool.cs",
            "Backends/Cpu/CpuBackend.Pointwise.cs", "Backends/Cpu/CpuBackend.ReflectionPad.cs", "Backends/Cpu/CpuBackend.Relu.cs", "Backends/Cpu/CpuBackend.Softmax.cs",
            "Backends/Cpu/CpuBackend.SparseProduct.cs", "Backends/Cpu/CpuBackend.Upsample.cs", "Backends/Cpu/CpuBackend.UpsampleCrossEntropy.cs", "Backends/Cpu/SimdMath.cs", "Backends/Cpu/SoftmaxTerms.cs",
        ],
            "(FullyQualifiedName~Tests.Operators|FullyQualifiedName~GoldenOperatorTests|FullyQualifiedName~Tests.Tensors|FullyQualifiedName~Tests.Nn|FullyQualifiedName~Tests.Autograd)" +
            "&FullyQualifiedName!~130&FullyQualifiedName!~60"),
        new("optimizers", "DilatedKernels", 40, ["Optim/", "Backends/Cpu/CpuBackend.Optimizers.cs"], "FullyQualifiedName~Tests.Optim|FullyQualifiedName~RecordedStepStubTests|FullyQualifiedName~AnomalyTests"),
        new("metrics", "DilatedKernels.Segmentation", 40, ["Metrics/", "Data/CropOptions.cs", "Data/CropPlan.cs"], "FullyQualifiedName~Segmentation.Metrics|FullyQualifiedName~Segmentation.Data"),
        new("CRF", "DilatedKernels.Segmentation", 60, ["Crf/"], "FullyQualifiedName~Segmentation.Crf"),
    ];

    // A file's nearest tests; where none is given, the tests of an operator have its name, and other files go to those of their area at once.
    private static readonly Dictionary<string, string> Nearest = new()
    {
        ["Operators/Cast.cs"] = "FullyQualifiedName~Tests.Tensors",
        ["Operators/ConvolutionAlgorithm.cs"] = "FullyQualifiedName~WinogradErrorTests",
        ["Operators/Guard.cs"] = "FullyQualifiedName~Tests.Operators&FullyQualifiedName~Refuse|FullyQualifiedName~ElementTypeTests",
        ["Operators/ReflectionPad.cs"] = Padding,
        ["Operators/ZeroPad.cs"] = Padding,
        ["Operators/Softmax.cs"] = Softmax,
        ["Operators/SoftmaxCrossEntropy.cs"] = Softmax,
        ["Operators/FocalLoss.cs"] = "FullyQualifiedName~Operators.FocalLossTests",
        ["Operators/DiceLoss.cs"] = "FullyQualifiedName~Operators.DiceLossTests",
        ["Operators/MaxPool2d.cs"] = Pooling,
        ["Backends/Geometry.cs"] = "FullyQualifiedName~Operators.Conv2dTests|" + Padding + "|" + Pooling,
        ["Backends/ResampleAxis.cs"] = Upsampling,
        ["Backends/Cpu/CpuBackend.Bias.cs"] = "FullyQualifiedName~PointwiseKernelTests",
        ["Backends/Cpu/CpuBackend.Convert.cs"] = "FullyQualifiedName~Tests.Tensors",
        ["Backends/Cpu/CpuBackend.Dropout.cs"] = "FullyQualifiedName~Operators.DropoutTests",
        ["Backends/Cpu/CpuBackend.MaxPool.cs"] = Pooling,
        ["Backends/Cpu/CpuBackend.Pointwise.cs"] = "FullyQualifiedName~PointwiseKernelTests|FullyQualifiedName~Operators.AddTests|FullyQualifiedName~Operators.ConcatTests",
        ["Backends/Cpu/CpuBackend.ReflectionPad.cs"] = Padding,
        ["Backends/Cpu/CpuBackend.Relu.cs"] = "FullyQualifiedName~PointwiseKernelTests",
        ["Backends/Cpu/CpuBackend.Softmax.cs"] = Softmax,
        ["Backends/Cpu/CpuBackend.SparseProduct.cs"] = "FullyQualifiedName~Operators.SparseProductTests",
        ["Backends/Cpu/CpuBackend.Upsample.cs"] = Upsampling,
        ["Backends/Cpu/CpuBackend.UpsampleCrossEntropy.cs"] = "FullyQualifiedName~Operators.UpsampleSoftmaxCrossEntropyTests",
        ["Backends/Cpu/SoftmaxTerms.cs"] = Softmax,
        ["Backends/Cpu/SimdMath.cs"] = "FullyQualifiedName~SimdMathTests",
        ["Metrics/"] = "FullyQualifiedName~Segmentation.Metrics",
        ["Data/"] = "FullyQualifiedName~Data.Crop",
        ["Backends/Cpu/Conv2d/"] = "FullyQualifiedName~Backends.Cpu.Conv2d&FullyQualifiedName!~StayInRegisters",
    };

    private string Folder => $"src/{Project}/";

    public IEnumerable<string> Files() => Sources
        .SelectMany(s => s.EndsWith('/') ? Directory.EnumerateFiles(Folder + s, "*.cs", SearchOption.AllDirectories) : [Folder + s])
        .Select(f => f.Replace('\\', '/'))
        .Order(StringComparer.Ordinal);

    /// <summary>Which tests a change to one of its files is shown to, the nearest first.</summary>
    public IEnumerable<string> Filters(string file)
    {
        string path = file[Folder.Length..];
        string? nearest = Nearest.GetValueOrDefault(path) ?? Nearest.FirstOrDefault(n => n.Key.EndsWith('/') && path.StartsWith(n.Key, StringComparison.Ordinal)).Value;
        if (nearest is null && path.StartsWith("Operators/", StringComparison.Ordinal))
        {
            nearest = $"FullyQualifiedName~Operators.{Path.GetFileNameWithoutExtension(path)}Tests";
        }

        return nearest is null ? [Tests] : [nearest, Tests];
    }
}
