using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Random crops of images: the input of the front-end and joint recipes.</summary>
internal sealed class CropStepSource(BatchLoader loader, double inputScale) : IStepSource
{
    public StepInput Get(long step)
    {
        TrainingBatch batch = loader.Get(step);
        InputScale.Apply(batch.Images, inputScale);
        return new StepInput(new Shape(batch.N, 3, batch.H, batch.W), batch.Images, new Size2(batch.LabelHeight, batch.LabelWidth), batch.Labels);
    }

    public void Dispose() => loader.Dispose();
}
