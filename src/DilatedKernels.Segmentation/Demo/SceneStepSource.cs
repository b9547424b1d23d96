using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Segmentation.Demo;

/// <summary>Batches of procedural scenes, drawn as they are needed; no scene is seen twice.</summary>
internal sealed class SceneStepSource(SegmentationModel model, int batchSize, ulong seed) : IStepSource
{
    public StepInput Get(long step)
    {
        const int Size = LaneScenes.Size;
        int extent = Size + (2 * model.Margin);
        int cells = Size / model.Stride;
        float[] values = new float[batchSize * extent * extent * 3];
        byte[] labels = new byte[batchSize * cells * cells];
        for (int i = 0; i < batchSize; i++)
        {
            (RgbImage image, IndexMask mask) = LaneScenes.Draw(seed, (step * batchSize) + i);
            int length = extent * extent * 3;
            ImageTensor.CopyWindow(
                image, LaneScenes.Classes.MeanBgr, -model.Margin, -model.Margin, extent, mirror: false, values.AsSpan(i * length, length));
            for (int cell = 0; cell < cells * cells; cell++)
            {
                int y = cell / cells * model.Stride;
                int x = cell % cells * model.Stride;
                labels[(i * cells * cells) + cell] = mask.Indices[(y * Size) + x];
            }
        }

        return new StepInput(new Shape(batchSize, 3, extent, extent), values, cells, labels);
    }

    public void Dispose()
    {
        // Nothing is held between steps.
    }
}
