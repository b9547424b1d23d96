using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Random crops of images: the input of the front-end and joint recipes.</summary>
internal sealed class CropStepSource(BatchLoader loader) : IStepSource
{
    public StepInput Get(long step)
    {
        TrainingBatch batch = loader.Get(step);
        return new StepInput(new Shape(batch.N, 3, batch.H, batch.W), batch.Images, new Size2(batch.LabelHeight, batch.LabelWidth), batch.Labels);
    }

    public void Dispose() => loader.Dispose();
}
