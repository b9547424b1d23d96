using DilatedKernels.Segmentation.Data;

namespace DilatedKernels.Segmentation.Models;

/// <summary>The published networks by name: the paper's, and those that it compares them with.</summary>
public static class Presets
{
    private static readonly Dictionary<string, Func<ModelConfig>> ByName = new(StringComparer.OrdinalIgnoreCase)
    {
        ["voc-dilation8"] = VocDilation8,
        ["camvid-dilation8"] = CamVidDilation8,
        ["kitti-dilation7"] = KittiDilation7,
        ["cityscapes-dilation10"] = CityscapesDilation10,
        ["fcn-32s"] = () => Fcn("fcn-32s"),
        ["fcn-16s"] = () => Fcn("fcn-16s"),
        ["fcn-8s"] = () => Fcn("fcn-8s"),
        ["deeplab"] = () => DeepLab("deeplab"),
        ["deeplab-7x7"] = () => DeepLab("deeplab-7x7"),
        ["deeplab-largefov"] = () => DeepLab("deeplab-largefov"),
        ["deeplab-msc-largefov"] = () => DeepLab("deeplab-msc-largefov"),
    };

    /// <summary>The names that <see cref="Get"/> knows.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. ByName.Keys];

    /// <summary>The network with a name, in any case of letters.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <exception cref="ArgumentException">There is no such network; the message lists the names.</exception>
    public static ModelConfig Get(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return ByName.TryGetValue(name, out Func<ModelConfig>? make)
            ? make()
            : throw new ArgumentException($"There is no network called '{name}'. The names are: {string.Join(", ", Names)}.", nameof(name));
    }

    /// <summary>Pascal VOC 2012: the large context module, padded once by 33 cells.</summary>
    private static ModelConfig VocDilation8() => new ModelConfig
    {
        Name = "voc-dilation8",
        FrontEnd = Caffe(21),
        Context = ContextConfig.Large(21),
        InputSize = 900,
    }.WithClasses(ClassSet.Voc);

    private static ModelConfig CamVidDilation8() => new ModelConfig
    {
        Name = "camvid-dilation8",
        FrontEnd = Caffe(11),
        Context = Basic(11, ContextConfig.PaperDilations),
        InputSize = new Size2(900, 1100),
    }.WithClasses(ClassSet.CamVid);

    /// <summary>CamVid's classes, KITTI's mean pixel; without the layer of dilation 16, as KITTI's images are low.</summary>
    private static ModelConfig KittiDilation7() => new ModelConfig
    {
        Name = "kitti-dilation7",
        FrontEnd = Caffe(11),
        Context = Basic(11, [1, 1, 2, 4, 8, 1]),
        InputSize = new Size2(852, 1640),
    }.WithClasses(ClassSet.CamVid with { MeanBgr = (96.19, 95.55, 91.35) });

    /// <summary>With layers of dilation 32 and 64 for the larger images, and scores enlarged in the network.</summary>
    private static ModelConfig CityscapesDilation10() => new ModelConfig
    {
        Name = "cityscapes-dilation10",
        FrontEnd = Caffe(19),
        Context = Basic(19, [1, 1, 2, 4, 8, 16, 32, 64, 1]),
        UpsampleInNetwork = true,
        InputSize = 1396,
    }.WithClasses(ClassSet.Cityscapes);

    /// <summary>Pascal VOC, Long et al. 2015.</summary>
    private static ModelConfig Fcn(string name) =>
        (Trunks.Get(name, 21) with { InputSize = 500 }).WithClasses(ClassSet.Voc with { MeanBgr = (104.007, 116.669, 122.679) });

    /// <summary>Pascal VOC, Chen et al. 2015.</summary>
    private static ModelConfig DeepLab(string name)
    {
        ModelConfig network = Trunks.Get(name, 21);
        return (network with { DeepLab = network.DeepLab! with { ClassifierRate = 10 }, InputSize = 321 })
            .WithClasses(ClassSet.Voc with { MeanBgr = (104.008, 116.669, 122.675) });
    }

    // The released nets run in Caffe, whose pooling rounds up.
    private static FrontEndConfig Caffe(int classes) => FrontEndConfig.Vgg16(classes) with { PoolRounding = PoolRounding.Ceiling };

    private static ContextConfig Basic(int classes, IReadOnlyList<int> dilations) => ContextConfig.Basic(classes) with
    {
        Dilations = dilations,
        Padding = ContextPadding.PerLayer,
        Noise = 0.01,
    };
}
