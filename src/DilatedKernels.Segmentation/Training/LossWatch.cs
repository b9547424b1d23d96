using System.Globalization;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// Says once when the loss is far above that of guessing. A network that knows nothing gives each of C classes 1/C, so the loss starts near ln C; users of the paper's
/// code met 50 and more with a learning rate ten times too high, and all predictions were background.
/// </summary>
internal sealed class LossWatch(int classes)
{
    private const double Factor = 4;
    private readonly double _guess = Math.Log(Math.Max(2, classes));
    private bool _warned;

    /// <summary>A warning about the loss of a step, or null.</summary>
    /// <param name="step">Steps done in the run, with this one.</param>
    /// <param name="loss">Its loss.</param>
    public string? Check(long step, float loss)
    {
        if (_warned || !(loss > Factor * _guess))
        {
            return null;
        }

        _warned = true;
        string cause = step == 1
            ? "Before the first update that comes from the weights or the input: weights that expect another scale or mean of the image, or an initialisation that is too wide"
            : "The learning rate is probably too high";
        return string.Create(CultureInfo.InvariantCulture, $"The loss of step {step} is {loss:G4}; guessing among {classes} classes gives {_guess:F2}. {cause}.");
    }
}
