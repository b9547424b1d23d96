using DilatedKernels.Segmentation.Inference;

namespace DilatedKernels.Cli.Output;

/// <summary>Shows how far an image is that takes more than a moment.</summary>
internal sealed class ImageProgress(TextWriter error) : IProgress<PredictionProgress>
{
    private ProgressDisplay? _display;

    /// <summary>Begins an image, to be ended with <see cref="IDisposable.Dispose"/>.</summary>
    public IDisposable Begin() => new Image(this, _display = ProgressDisplay.After(error));

    public void Report(PredictionProgress value) => _display?.Part(value.Done, value.All);

    private sealed class Image(ImageProgress owner, ProgressDisplay display) : IDisposable
    {
        public void Dispose()
        {
            display.Finish();
            owner._display = null;
        }
    }
}
