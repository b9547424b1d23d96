using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Segmentation.Training;

/// <summary>A front end of one stage with dropout, for runs of several processes: a step of it takes milliseconds.</summary>
internal static class TinyFrontEnd
{
    public static ModelConfig Config { get; } = new()
    {
        Name = "tiny",
        FrontEnd = new FrontEndConfig { Classes = 2, Stages = [new Stage(1, 4, PoolAfter: true)], FcKernel = 3, FcDilation = 2, FcChannels = 6, FinalDeviation = 0.1, Dropout = 0.3f },
        InputScale = 1.0 / 64,
        MeanBgr = [80, 80, 80],
        ClassNames = ["ground", "square"],
    };
}
