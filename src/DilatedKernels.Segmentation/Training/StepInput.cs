namespace DilatedKernels.Segmentation.Training;

/// <summary>What one training step consumes.</summary>
/// <param name="Shape">The shape of the input, images or score maps.</param>
/// <param name="Values">The input channels-last.</param>
/// <param name="LabelSize">Rows and columns of each label map.</param>
/// <param name="Labels">Class indices in the order N, H, W.</param>
public sealed record StepInput(Shape Shape, float[] Values, Size2 LabelSize, byte[] Labels);

/// <summary>Gives every step its input. The same step always gives the same input, so a resumed run sees what an unbroken one would.</summary>
public interface IStepSource : IDisposable
{
    /// <summary>The input of a step; called with rising steps.</summary>
    /// <param name="step">The step, from 0.</param>
    StepInput Get(long step);
}
