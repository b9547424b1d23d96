using DilatedKernels.Measuring;
using DilatedKernels.Segmentation;

namespace DilatedKernels.Tests.Bench;

/// <summary>bench/shapes.json and its reader.</summary>
internal sealed class ShapeListTests
{
    private const string Convolution = """{"name": "a", "operator": "conv2d", "passes": ["forward"], "groups": ["g"], "channels": 2, "height": 9, "width": 9, "out": 3, "kernel": 3""";

    [Test]
    public void TheCommittedListIsWhole()
    {
        ShapeList list = ShapeList.BuiltIn();
        Assert.That(list.Groups, Is.SupersetOf(new[] { "cpu", "gpu", "dilation-sweep", "gpu-dilation-sweep", "small" }));
        Assert.That(list.Select("dilation-sweep", null).Select(s => s.Dilation), Is.EqualTo(new[] { 1, 2, 4, 8, 16, 32, 64 }));
        Assert.That(list.Select("dilation-sweep", null).Select(s => s.Convolution.OutShape).Distinct().ToArray(), Has.Length.EqualTo(1), "equal outputs");
        Assert.That(list.Select("cpu", null).SelectMany(s => s.Passes.Select(p => s.Bar(p, BenchType.Float32))).Count(bar => bar is not null), Is.GreaterThan(30));
    }

    [Test]
    public void WhatIsLeftOutHasItsUsualValue()
    {
        BenchShape shape = Parse(Convolution + "}").Shapes[0];
        Assert.That((shape.Stride, shape.Dilation, shape.Padding, shape.Batch, shape.Relu), Is.EqualTo((1, 1, 0, 1, false)));
        Assert.That(shape.ElementTypes, Is.EqualTo(new[] { BenchType.Float32 }));
        Assert.That(shape.Bar("forward", BenchType.Float32), Is.Null);
    }

    [Test]
    public void ABarForATypeGoesBeforeThatOfThePass()
    {
        BenchShape shape = Parse(Convolution + """, "types": ["float32", "bfloat16"], "bars": {"forward": 1.1, "forward/float32": 1.5}}""").Shapes[0];
        Assert.That(shape.Bar("forward", BenchType.Float32), Is.EqualTo(1.5));
        Assert.That(shape.Bar("forward", BenchType.BFloat16), Is.EqualTo(1.1));
    }

    [TestCase("{", "no list of shapes")]
    [TestCase("""{"shapes": []}""", "is empty")]
    [TestCase("""{"shapes": [{"name": "a"}]}""", "no list of shapes")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "conv3d", "passes": ["forward"], "groups": ["g"]}]}""", "no operator 'conv3d'; the operators are conv2d")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "softmax", "passes": ["backward"], "groups": ["g"]}]}""", "softmax has forward")]
    [TestCase("""{"shapes": [{"name": "A b", "operator": "softmax", "passes": ["forward"], "groups": ["g"]}]}""", "lower-case letters")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "softmax", "passes": ["forward"], "groups": []}]}""", "in no group")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "softmax", "passes": ["forward"], "groups": ["g"], "types": ["half"]}]}""", "the types are float32, bfloat16")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "softmax", "passes": ["forward"], "groups": ["g"], "height": 0}]}""", "1 or more")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "softmax", "passes": ["forward"], "groups": ["g"], "heigth": 3}]}""", "heigth")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "softmax", "passes": ["forward"], "groups": ["g"], "bars": {"training": 2}}]}""", "a bar for 'training'")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "sgd", "passes": ["step"], "groups": ["g"]}]}""", "needs parameters")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "upsample", "passes": ["forward"], "groups": ["g"]}]}""", "the scale is 1 or more")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "network", "passes": ["step"], "groups": ["g"], "height": 9, "width": 9, "layers": [{"out": 2, "kernel": 1}]}]}""", "a step needs an optimizer")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "network", "passes": ["forward"], "groups": ["g"], "height": 9, "width": 9, "layers": [{"pool": 2}, {"out": 2, "kernel": 5}]}]}""", "layer 2: the kernel is larger")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "network", "passes": ["forward"], "groups": ["g"], "height": 9, "width": 9, "layers": [{"pool": 2, "out": 3}]}]}""", "layer 1 is a pooling")]
    [TestCase("""{"shapes": [{"name": "a", "operator": "network", "passes": ["forward"], "groups": ["g"], "height": 9, "width": 9, "layers": [null]}]}""", "layer 1 is null")]
    [TestCase("""{"shapes": [null]}""", "shape 1 of the list is null")]
    public void WrongListsAreRefusedByName(string json, string reason) =>
        Assert.That(() => ShapeList.Parse(json, "mine.json"), Throws.TypeOf<UserInputException>().With.Message.StartsWith("mine.json: ").And.Message.Contains(reason));

    [Test]
    public void TwoShapesOfOneNameAreRefused() =>
        Assert.That(() => Parse($"{Convolution}}}, {Convolution}}}"), Throws.TypeOf<UserInputException>().With.Message.Contains("two shapes are named 'a'"));

    [Test]
    public void AKernelLargerThanTheMapIsRefused() =>
        Assert.That(() => Parse(Convolution + """, "dilation": 5}"""), Throws.TypeOf<UserInputException>().With.Message.Contains("larger than the padded map 9×9"));

    [TestCase("no-such", null, "the groups are")]
    [TestCase("cpu", "no-such", "No shape of the group 'cpu'")]
    [TestCase(null, "(", "no regular expression")]
    public void WrongChoicesAreRefused(string? group, string? filter, string reason) =>
        Assert.That(() => ShapeList.BuiltIn().Select(group, filter), Throws.TypeOf<UserInputException>().With.Message.Contains(reason));

    private static ShapeList Parse(string shapes) => ShapeList.Parse($$"""{"shapes": [{{shapes}}]}""", "mine.json");
}
