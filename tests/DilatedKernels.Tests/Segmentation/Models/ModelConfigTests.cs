using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Segmentation.Models;

public class ModelConfigTests
{
    [Test]
    public void JsonRoundTripKeepsEverything([ValueSource(typeof(Presets), nameof(Presets.Names))] string name)
    {
        ModelConfig config = Presets.Get(name);
        string json = config.ToJson();
        ModelConfig again = ModelConfig.FromJson(json);
        Assert.Multiple(() =>
        {
            Assert.That(again.ToJson(), Is.EqualTo(json));
            Assert.That(again.MeanBgr, Is.EqualTo(config.MeanBgr));
            Assert.That(again.Context?.Dilations, Is.EqualTo(config.Context?.Dilations));
            Assert.That(again.InputSize, Is.EqualTo(config.InputSize));
            Assert.That(json, Does.Not.Contain("\r"));
        });
    }

    [Test]
    public void WhatJsonLeavesOutHasItsDefault()
    {
        ModelConfig config = ModelConfig.FromJson(
            """{"name": "short", "frontEnd": {"classes": 3, "stages": [{"convolutions": 1, "channels": 4}]}, "context": {"classes": 3}}""");
        Assert.Multiple(() =>
        {
            Assert.That(config.FrontEnd!.WidthMultiplier, Is.EqualTo(1));
            Assert.That(config.FrontEnd.FcKernel, Is.EqualTo(7));
            Assert.That(config.FrontEnd.Stages[0].Dilation, Is.EqualTo(1));
            Assert.That(config.Context!.Dilations, Is.EqualTo(ContextConfig.PaperDilations));
            Assert.That(config.InputScale, Is.EqualTo(1));
        });
    }

    [TestCase("""{"name": "x"}""", "neither")]
    [TestCase("""{"name": "x", "context": {"classes": 0}}""", "Classes is from 1 to 255; it was 0")]
    [TestCase("""{"name": "x", "context": {"classes": 3, "dilations": [1, 0]}}""", "dilation is from 1")]
    [TestCase("""{"name": "x", "context": {"classes": 3, "dilations": []}}""", "Dilations")]
    [TestCase("""{"name": "x", "context": {"classes": 3, "kind": "Large", "dilations": [1]}}""", "Large")]
    [TestCase("""{"name": "x", "context": {"classes": 3, "kind": "Custom"}}""", "ChannelMultipliers")]
    [TestCase("""{"name": "x", "context": {"classes": 3}, "meanBgr": [1, 2]}""", "MeanBgr")]
    [TestCase("""{"name": "x", "context": {"classes": 3}, "classNames": ["a"]}""", "ClassNames has one entry a class, 3; there were 1")]
    [TestCase("""{"name": "x", "context": {"classes": 1}, "classNames": [null]}""", "ClassNames holds a null entry")]
    [TestCase("""{"name": "x", "fcn": {"classes": 3}, "inputSize": {"height": 5, "width": 0}}""", "InputSize is 1 or more along both axes; it was 5×0")]
    [TestCase("""{"name": "x", "fcn": {"classes": 3}, "inputScale": 1e-60}""", "InputScale is above 0 and a float32 number; it was 1E-60")]
    [TestCase("""{"name": "x", "fcn": {"classes": 3}, "inputScale": 1e60}""", "InputScale")]
    [TestCase("""{"name": "x", "context": {"classes": 3}, "upsampleInNetwork": true}""", "UpsampleInNetwork")]
    [TestCase("""{"name": "x", "context": {"classes": 3}, "crf": {"classes": 3}}""", "a context module alone takes no image")]
    [TestCase("""{"name": "x", "fcn": {"classes": 3}, "crf": {"classes": 4}}""", "the network has 3 classes and its CRF 4")]
    [TestCase("""{"name": "x", "fcn": {"classes": 3}, "crf": {"classes": 3, "colorSigma": 0}}""", "ColorSigma is from 0.1 to 100000; it was 0")]
    [TestCase("""{"name": "x", "fcn": {"classes": 3}, "crf": {"classes": 3, "learningRateMultiplier": 0}}""", "LearningRateMultiplier")]
    [TestCase("""{"name": "x", "fcn": {"classes": 3}, "crf": {"classes": 3, "sigma": 1}}""", "'sigma'")]
    [TestCase("""{"name": "x", "frontEnd": {"classes": 3, "stages": [{"convolutions": 1, "channels": 4, "poolAfter": true}]}, "upsampleInNetwork": true, "crf": {"classes": 3}}""", "of Crf and UpsampleInNetwork a network has one")]
    [TestCase("""{"name": "x", "frontEnd": {"classes": 4, "stages": [{"convolutions": 1, "channels": 4}]}, "context": {"classes": 3}}""", "makes 4 classes and the context module takes 3")]
    [TestCase("""{"name": "x", "frontEnd": {"classes": 4, "fcKernel": 4, "stages": [{"convolutions": 1, "channels": 4}]}}""", "FcKernel is odd")]
    [TestCase("""{"name": "x", "frontEnd": {"classes": 4, "stages": [{"convolutions": 2000000000, "channels": 4}]}}""", "Convolutions")]
    [TestCase("""{"name": "x", "frontEnd": {"classes": 4, "stages": [null]}}""", "null entry")]
    [TestCase("""{"name": "x", "frontEnd": {"classes": 4}}""", "stages")]
    [TestCase("""{"context": {"classes": 3}}""", "name")]
    [TestCase("""{"name": "x", "context": {"classes": 3, "dilation": [1]}}""", "'dilation'")]
    [TestCase("""{"name": "x", "name": "y"}""", "name")]
    [TestCase("""{"name": "x", "context": {"classes": 3, "dilations": null}}""", "null")]
    [TestCase("""{"name": "x", "context": {"classes": 3, "kind": "Huge"}}""", "kind")]
    [TestCase("""{"name": "x", "context": {"classes": 1}, "palette": ["red"]}""", "'red'")]
    [TestCase("""{"name": "x", "context": {"classes": 1}, "palette": ["#+12345"]}""", "'#+12345'")]
    [TestCase("""{"name": "x", "context": {"classes": 1}, "palette": "#000000"}""", "list of colours")]
    [TestCase("""{"name": "x", "context": {"classes": 2}, "palette": ["#000000"]}""", "one entry a class, 2; there were 1")]
    [TestCase("[]", "JSON")]
    [TestCase("null", "null")]
    [TestCase("{", "JSON")]
    public void WrongConfigurationsSayWhatIsWrong(string json, string part) =>
        Assert.That(() => ModelConfig.FromJson(json), Throws.ArgumentException.With.Message.Contains(part));

    [Test]
    public void AViewThatCannotBeCountedIsRefused()
    {
        var config = new ModelConfig { Name = "deep", FrontEnd = FrontEndConfig.Vgg16(2) with { Stages = [.. Enumerable.Repeat(new Stage(1, 1, PoolAfter: true), 32)] } };
        Assert.That(() => new Architecture(config), Throws.ArgumentException.With.Message.Contains("conv").And.Message.Contains("pixels along an axis"));
    }

    [Test]
    public void AnUnknownPresetListsTheNames() => Assert.That(
        () => Presets.Get("voc"),
        Throws.ArgumentException.With.Message.Contains("'voc'").And.Message.Contains("voc-dilation8, camvid-dilation8, kitti-dilation7, cityscapes-dilation10"));

    [TestCase("voc-dilation8", 102.93, 111.36, 116.52)]
    [TestCase("camvid-dilation8", 110.70, 108.78, 105.41)]
    [TestCase("kitti-dilation7", 96.19, 95.55, 91.35)]
    [TestCase("cityscapes-dilation10", 72.39, 82.91, 73.16)]
    public void MeanPixels(string name, double blue, double green, double red)
    {
        Assert.That(Presets.Get(name).MeanBgr, Is.EqualTo(new[] { blue, green, red }));
        Assert.That(Presets.Get(name).ToClassSet().MeanBgr, Is.EqualTo((blue, green, red)));
    }

    [Test]
    public void ANetworkTakesTheClassesOfADatasetOfItsSize()
    {
        ModelConfig config = new() { Name = "front", FrontEnd = FrontEndConfig.Small(11) };
        Assert.Multiple(() =>
        {
            Assert.That(config.WithClasses(ClassSet.CamVid).ToClassSet().Names, Is.EqualTo(ClassSet.CamVid.Names));
            Assert.That(config.ToClassSet().Names[10], Is.EqualTo("class 10"));
            Assert.That(() => config.WithClasses(ClassSet.Voc), Throws.ArgumentException.With.Message.Contains("front has 11 classes, but Pascal VOC has 21"));
        });
    }

    [TestCase("voc-dilation8", 1, "aeroplane", "#800000")]
    [TestCase("voc-dilation8", 20, "tvmonitor", "#004080")]
    [TestCase("camvid-dilation8", 9, "sidewalk", "#0000C0")]
    [TestCase("kitti-dilation7", 3, "car", "#400080")]
    [TestCase("cityscapes-dilation10", 18, "bicycle", "#770B20")]
    public void ClassesAndColours(string name, int label, string className, string colour)
    {
        ModelConfig config = Presets.Get(name);
        Assert.Multiple(() =>
        {
            Assert.That(config.ClassNames![label], Is.EqualTo(className));
            Assert.That(config.Palette!.Count, Is.EqualTo(config.Classes));
            Assert.That(Convert.ToHexString([config.Palette[label].R, config.Palette[label].G, config.Palette[label].B]), Is.EqualTo(colour[1..]));
            Assert.That(config.ToJson(), Does.Contain($"\"{colour}\""));
        });
    }
}
