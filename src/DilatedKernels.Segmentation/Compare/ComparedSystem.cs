using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Compare;

/// <summary>A network to be compared: one from image to scores, alone or with a context module on its scores.</summary>
/// <param name="Trunk">One of <see cref="Trunks.Names"/>.</param>
/// <param name="Context">Null, <c>basic</c> or <c>large</c>.</param>
public sealed record ComparedSystem(string Trunk, string? Context)
{
    /// <summary>What the paper's tables set side by side: an FCN, a DeepLab, the front end, and both context modules on it.</summary>
    public static IReadOnlyList<ComparedSystem> Paper { get; } =
        [new("fcn-8s", null), new("deeplab-largefov", null), new(Trunks.FrontEnd, null), new(Trunks.FrontEnd, "basic"), new(Trunks.FrontEnd, "large")];

    /// <summary>As <see cref="Parse"/> reads it.</summary>
    public string Name => Context is null ? Trunk : $"{Trunk}+{Context}";

    /// <summary>Reads <c>TRUNK</c>, <c>TRUNK+basic</c> or <c>TRUNK+large</c>.</summary>
    /// <param name="name">The text.</param>
    /// <exception cref="UserInputException">There is no such system; the message lists the parts.</exception>
    public static ComparedSystem Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string[] parts = name.Trim().ToLowerInvariant().Split('+');
        bool known = Trunks.Names.Contains(parts[0]) && (parts.Length == 1 || (parts.Length == 2 && parts[1] is "basic" or "large"));
        if (!known)
        {
            throw new UserInputException($"There is no system '{name}'. A system is one of {string.Join(", ", Trunks.Names)}, alone or followed by +basic or +large.");
        }

        if (parts.Length == 2 && Trunks.Get(parts[0], classes: 2).Fcn is not null)
        {
            throw new UserInputException($"'{name}' cannot be: an FCN's scores are as fine as the image, and a context module is made for score maps of stride 8.");
        }

        return new ComparedSystem(parts[0], parts.Length == 2 ? parts[1] : null);
    }

    /// <summary>The network for a dataset's classes, to be trained from random weights.</summary>
    internal ModelConfig Network(CompareConfig config, ClassSet classes)
    {
        ModelConfig trunk = Trunks.Get(Trunk, classes.Count, config.Width).WithDropout(config.Dropout);
        ModelConfig network = trunk with
        {
            Name = Name,
            FrontEnd = trunk.FrontEnd is { } frontEnd ? frontEnd with { FinalDeviation = 0.01 } : null,
            Context = Context switch
            {
                null => null,
                "basic" => ContextConfig.Basic(classes.Count),
                _ => ContextConfig.Large(classes.Count),
            } is { } context ? context with { Padding = ContextPadding.PerLayer, Noise = 0.01 } : null,
            // From scratch, He initialisation expects inputs of unit size.
            InputScale = 1.0 / 64,
        };
        return network.WithClasses(classes);
    }
}
