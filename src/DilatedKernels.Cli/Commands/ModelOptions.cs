using System.CommandLine;
using System.Globalization;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Cli.Commands;

/// <summary>The options that describe a network: front-end width and context module.</summary>
internal sealed class ModelOptions
{
    private readonly Option<double?> _width = new("--width")
    {
        Description = "Factor on the front end's channels; 1 is the full VGG-16, 0.125 trains on two cores. [default: 1]",
        HelpName = "FACTOR",
    };

    private readonly Option<float> _dropout = new("--dropout")
    {
        Description = "Dropout rate after fc6 and fc7.",
        DefaultValueFactory = _ => 0.5f,
        HelpName = "RATE",
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
    public IEnumerable<Option> All => [_width, _dropout, .. Contextual];

    private IEnumerable<Option> Contextual => [_context, _padding, _initialization, _noise];

    public void AddTo(Command command)
    {
        foreach (Option option in All)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Refuses a front end's options beside a front end that is given already.</summary>
    public void RefuseFrontEnd(ParseResult result, string because) => Given.Refuse(result, because, _width);

    /// <summary>Refuses the context module's options where there is none, or one is given already.</summary>
    public void RefuseContext(ParseResult result, string because) => Given.Refuse(result, because, Contextual);

    /// <summary>A given front end with the dropout rate asked for, if one was.</summary>
    public FrontEndConfig WithDropout(ParseResult result, FrontEndConfig frontEnd) =>
        Given.Is(result, _dropout) ? frontEnd with { Dropout = Dropout(result) } : frontEnd;

    /// <summary>The VGG-16 front end at the width asked for.</summary>
    public FrontEndConfig FrontEnd(ParseResult result, int classes)
    {
        double width = result.GetValue(_width) ?? 1;
        if (width is not (> 0 and <= 64))
        {
            throw new UserInputException(string.Create(CultureInfo.InvariantCulture, $"--width is above 0 and at most 64; it was {width}."));
        }

        return FrontEndConfig.Vgg16(classes, width) with { Dropout = Dropout(result) };
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
            _ => ContextConfig.Basic(classes) with { Dilations = ParseDilations(kind) },
        };
        return config is null ? null : config with
        {
            Padding = result.GetValue(_padding),
            Initialization = result.GetValue(_initialization),
            Noise = result.GetValue(_noise),
        };
    }

    private float Dropout(ParseResult result)
    {
        float rate = result.GetValue(_dropout);
        return rate is >= 0 and < 1
            ? rate
            : throw new UserInputException(string.Create(CultureInfo.InvariantCulture, $"--dropout is from 0 to below 1; it was {rate}."));
    }

    private static int[] ParseDilations(string text)
    {
        string[] parts = text.Split(',');
        int[] dilations = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out dilations[i]) || dilations[i] < 1)
            {
                throw new UserInputException($"--context is none, basic, large or a list of dilations such as 1,1,2,4,8,1; it was {text}.");
            }
        }

        return dilations;
    }
}
