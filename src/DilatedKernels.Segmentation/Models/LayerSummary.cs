namespace DilatedKernels.Segmentation.Models;

/// <summary>One layer of a <see cref="ModelSummary"/>.</summary>
/// <param name="Name">The layer's name, as its parameters bear it.</param>
/// <param name="Kind">What it computes, such as <c>conv + ReLU</c>.</param>
/// <param name="Kernel">Taps along each axis.</param>
/// <param name="Stride">Distance between windows; for the deconvolution the enlargement.</param>
/// <param name="Dilation">Distance between taps.</param>
/// <param name="Padding">Cells added at each side.</param>
/// <param name="ReceptiveField">Input pixels that one output depends on, along each axis, from the network's start.</param>
/// <param name="ContextField">For layers of the context module: score cells that one output depends on, along each axis; null elsewhere.</param>
/// <param name="Channels">Output channels.</param>
/// <param name="Size">Output extents.</param>
/// <param name="Parameters">Weights and biases.</param>
/// <param name="Flops">Multiply-adds times two over the whole batch, taps in the padding included; biases and comparisons are not counted.</param>
/// <param name="ActivationBytes">The float32 output over the whole batch.</param>
public sealed record LayerSummary(
    string Name, string Kind, int Kernel, int Stride, int Dilation, int Padding,
    int ReceptiveField, int? ContextField, int Channels, Size2 Size, long Parameters, long Flops, long ActivationBytes);
