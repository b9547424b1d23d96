using DilatedKernels.Distributed;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;
using DilatedKernels.Tests.Segmentation.Training;

namespace DilatedKernels.Tests.Distributed.Nccl;

/// <summary>A run of a few steps of a tiny network, by one process or as one of several, each with a GPU of its own.</summary>
internal static class NcclTraining
{
    /// <summary>What <see cref="MpiProcess"/> is asked to do; data and run folder follow.</summary>
    public const string Action = "trains";

    /// <summary>The rank whose GPU hangs in the second step.</summary>
    public const string HangingVariable = "TEST_HANGING_GPU";

    // The first step's are about 200.
    private const int LaunchesUntilHang = 300;

    public static void Run(string data, string run, ProcessGroup? group)
    {
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, TinyFrontEnd.Config, 1);
        var config = new TrainingConfig
        {
            Model = TinyFrontEnd.Config,
            Data = data,
            BatchSize = 1,
            Accumulate = 5,
            Crop = (2 * model.Margin) + (4 * model.Stride),
            Steps = 4,
            ValidateEvery = 2,
            CheckpointEvery = 2,
            Seed = 3,
            Optimizer = new OptimizerConfig { Kind = OptimizerKind.Adam, LearningRate = 0.01, ClipNorm = 0.05 },
        };
        int bus = group?.Rank ?? -1;
        using Device device = Environment.GetEnvironmentVariable(HangingVariable) == $"{bus}" ? NcclStub.OpenHangingGpu(bus, LaunchesUntilHang) : NcclStub.OpenGpu(bus);
        using Trainer trainer = Trainer.Start(config, run, device, group: group);
        trainer.Run();
    }
}
