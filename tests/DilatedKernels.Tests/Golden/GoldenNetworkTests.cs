using DilatedKernels.Nn;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Golden;

/// <summary>Whole networks against PyTorch's, built there layer by layer: scores and all gradients. The other half is networks.py.</summary>
public class GoldenNetworkTests
{
    private const string File = "networks.json";
    private const int Classes = 3;
    private const double Width = 1.0 / 32;

    [TestCaseSource(nameof(Names))]
    public void ScoresAndGradients(string name)
    {
        GoldenCase golden = GoldenCase.Find(File, name);
        using SegmentationModel model = SegmentationModel.Create(Device.Cpu, Config(name), seed: 1);
        IReadOnlyList<string> names = golden.Strings("parameters");
        Assert.That(model.Parameters.Select(parameter => parameter.Name), Is.EquivalentTo(names));
        for (int i = 0; i < names.Count; i++)
        {
            Parameter parameter = Named(names[i]);
            parameter.Value.SetArray(Counter.Values(golden.Seed, $"p{i}", parameter.Value.Shape, Scale(parameter)));
        }

        // Every gradient here comes out of one long computation, and which of them the roundings leave nearly exact is chance: each may be as far off as
        // the network's worst in PyTorch.
        double float32Error = golden.Results.Values.Max(result => result.Float32Error);
        Shape images = golden.Shape("x");
        using Parameter x = GoldenCheck.MakeParameter(Device.Cpu, golden.Seed, "x", images, 1);
        using (Tape tape = Tape.Record())
        {
            Tensor y = model.Forward(x.Value, ForwardContext.Inference);
            GoldenCheck.Compare(golden, "y", y);
            tape.Backward(GoldenCheck.ScalarWithGradient(y, Counter.Values(golden.Seed, "dy", y.Shape)));
        }

        GoldenCheck.Compare(golden, "dx", x.Gradient!, float32Error);
        Assert.Multiple(() =>
        {
            for (int i = 0; i < names.Count; i++)
            {
                GoldenCheck.Compare(golden, $"p{i}", Named(names[i]).Gradient!, float32Error);
            }
        });

        Parameter Named(string parameter) => model.Parameters.Single(p => p.Name == parameter);
    }

    private static IEnumerable<string> Names() => GoldenCase.Names(File);

    private static ModelConfig Config(string name) => name switch
    {
        "front-end + basic" => Trunks.Get("front-end", Classes, Width) with { Context = ContextConfig.Basic(Classes) },
        "front-end + large" => Trunks.Get("front-end", Classes, Width) with { Context = ContextConfig.Large(Classes) },
        "fcn-8s, learned upsampling" => Learned(Trunks.Get("fcn-8s", Classes, Width)),
        _ => Trunks.Get(name, Classes, Width),
    };

    private static ModelConfig Learned(ModelConfig config) => config with { Fcn = config.Fcn! with { LearnUpsampling = true } };

    // As networks.py has it.
    private static double Scale(Parameter parameter)
    {
        Shape shape = parameter.Value.Shape;
        return parameter.Name.EndsWith(".bias", StringComparison.Ordinal)
            ? 1.0 / 16
            : Math.Pow(2, Math.Round(Math.Log2(Math.Sqrt(6.0 / ((double)shape.C * shape.H * shape.W)))));
    }
}
