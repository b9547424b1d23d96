namespace DilatedKernels.Nn;

/// <summary>A part of a network: a function of a tensor with parameters.</summary>
public abstract class Module : IDisposable
{
    /// <summary>All parameters, in the order of computation.</summary>
    public abstract IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Applies the module.</summary>
    /// <param name="x">Input <c>[N, C, H, W]</c>.</param>
    /// <param name="context">Training or prediction.</param>
    public abstract Tensor Forward(Tensor x, ForwardContext context);

    /// <summary>Gives the parameters' memory back.</summary>
    public void Dispose()
    {
        foreach (Parameter parameter in Parameters)
        {
            parameter.Dispose();
        }

        GC.SuppressFinalize(this);
    }
}
