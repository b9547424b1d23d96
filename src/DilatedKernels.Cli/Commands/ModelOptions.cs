using System.CommandLine;
using System.Globalization;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Commands;

/// <summary>The options that describe a network: the part from image to scores, its width, and the context module.</summary>
internal sealed class ModelOptions
{
    /// <summary>What a network's name ends with that has a context module.</summary>
    public const string WithContext = "-context";

    /// <summary>What a network's name ends with that has a CRF, behind that.</summary>
    public const string WithCrf = "-crf";

    private readonly Option<string?> _trunk = new("--model")
    {
        Description = $"The part from image to scores: {string.Join(", ", Trunks.Names)}. [default: {Trunks.FrontEnd}, or that of the weights]",
        HelpName = "NAME",
    };

    private readonly Option<double?> _width = new("--width")
    {
        Description = "Factor on the channels of VGG-16; 1 is all of them, 0.125 trains on two cores. [default: 1]",
        HelpName = "FACTOR",
    };

    private readonly Option<float> _dropout = new("--dropout")
    {
        Description = "Dropout rate after fc6 and fc7.",
        DefaultValueFactory = _ => 0.5f,
        HelpName = "RATE",
    };

    private readonly Option<bool> _learnUpsampling = new("--learn-upsampling")
    {
        Description = "An FCN's upsamplings by 2 learn, from bilinear weights on.",
    };

    private readonly Option<string?> _context = new("--context")
    {
        Description = "Context module: none, basic, large, or dilations of a basic module such as 1,1,2,4,8,1. [default: none, or basic where the recipe needs one]",
        HelpName = "KIND",
    };

    private readonly Option<ContextPadding> _padding = Choice.Of("--context-padding", "Pad the context module Once (by its receptive field) or PerLayer (by each dilation).", ContextPadding.PerLayer, ContextPadding.Once, ContextPadding.PerLayer);

    private readonly Option<ContextInitialization> _initialization = Choice.Of("--context-init", "How the context module starts.", ContextInitialization.Identity);

    private readonly Option<double> _noise = new("--context-noise")
    {
        Description = "Standard deviation of the weights beside the identity, relative to it; the released code uses 0.01.",
        DefaultValueFactory = _ => 0.01,
        HelpName = "STD",
    };

    /// <summary>All of them.</summary>
    public IEnumerable<Option> All => [_trunk, _width, _dropout, _learnUpsampling, .. Contextual];

    private IEnumerable<Option> Contextual => [_context, _padding, _initialization, _noise];

    public void AddTo(Command command)
    {
        foreach (Option option in All)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Refuses the context module's options where there is none, or one is given already.</summary>
    public void RefuseContext(ParseResult result, string because) => Given.Refuse(result, because, Contextual);

    /// <summary>
    /// The network from image to scores that is asked for, without a context module; at the width of the weights that it starts from, or theirs where none
    /// is named.
    /// </summary>
    public ModelConfig Trunk(ParseResult result, int classes, ModelConfig? start = null)
    {
        string? name = result.GetValue(_trunk);
        if (name is not null && !Trunks.Names.Contains(name, StringComparer.OrdinalIgnoreCase))
        {
            throw new UserInputException($"--model is one of {string.Join(", ", Trunks.Names)}; it was {name}.");
        }

        ModelConfig trunk;
        if (start?.WidthMultiplier is { } trained)
        {
            Given.Refuse(result, "the front end comes with the weights.", _width);
            ModelConfig given = start with { Context = null, Name = NameOf(start) };
            bool isOther = name is not null && !(start.FrontEnd is not null && name.Equals(Trunks.FrontEnd, StringComparison.OrdinalIgnoreCase));
            trunk = isOther ? Following(Trunks.Get(name!, classes, trained), start) : given;
            trunk = Given.Is(result, _dropout) ? trunk.WithDropout(Dropout(result)) : trunk;
        }
        else
        {
            trunk = Trunks.Get(name ?? Trunks.FrontEnd, classes, Width(result)).WithDropout(Dropout(result));
        }

        if (!result.GetValue(_learnUpsampling))
        {
            return trunk;
        }

        return trunk.Fcn is { Stride: < 32 } fcn
            ? trunk with { Fcn = fcn with { LearnUpsampling = true } }
            : throw new UserInputException("--learn-upsampling is for networks that enlarge scores on the way: fcn-16s and fcn-8s.");
    }

    /// <summary>The context module asked for, or null for none. <paramref name="fallback"/> applies when --context is absent.</summary>
    public ContextConfig? Context(ParseResult result, int classes, string fallback)
    {
        string kind = result.GetValue(_context) ?? fallback;
        ContextConfig? config = kind switch
        {
            "none" => null,
            "basic" => ContextConfig.Basic(classes),
            "large" => ContextConfig.Large(classes),
            _ => ContextConfig.Basic(classes) with { Dilations = DilationList.Parse("--context", kind, "none, basic, large or ") },
        };
        return config is null ? null : config with
        {
            Padding = result.GetValue(_padding),
            Initialization = result.GetValue(_initialization),
            Noise = result.GetValue(_noise),
        };
    }

    private static string NameOf(ModelConfig config) => config.FrontEnd is not null ? Trunks.FrontEnd : Without(WithContext, Without(WithCrf, config.Name));

    private static string Without(string ending, string name) => name.EndsWith(ending, StringComparison.Ordinal) ? name[..^ending.Length] : name;

    // What the weights' network has and a name does not say.
    private static ModelConfig Following(ModelConfig trunk, ModelConfig start) => trunk with
    {
        Fcn = trunk.Fcn is { } fcn && start.Fcn is { } coarser ? fcn with { LearnUpsampling = coarser.LearnUpsampling, Dropout = coarser.Dropout } : trunk.Fcn,
        DeepLab = trunk.DeepLab is { } other && start.DeepLab is { } first
            ? other with { ClassifierRate = first.ClassifierRate, Dropout = first.Dropout }
            : trunk.DeepLab,
    };

    private double Width(ParseResult result)
    {
        double width = result.GetValue(_width) ?? 1;
        return width is > 0 and <= 64
            ? width
            : throw new UserInputException(string.Create(CultureInfo.InvariantCulture, $"--width is above 0 and at most 64; it was {width}."));
    }

    private float Dropout(ParseResult result)
    {
        float rate = result.GetValue(_dropout);
        return rate is >= 0 and < 1
            ? rate
            : throw new UserInputException(string.Create(CultureInfo.InvariantCulture, $"--dropout is from 0 to below 1; it was {rate}."));
    }
}
