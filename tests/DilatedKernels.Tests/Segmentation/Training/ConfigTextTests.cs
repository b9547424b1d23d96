using System.Text;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Training;

namespace DilatedKernels.Tests.Segmentation.Training;

/// <summary>Configurations as people write them: what is wrong is named with its key, its line or argument, and what would be right.</summary>
public sealed class ConfigTextTests
{
    private const string Small = """
        {
          // the smallest that says everything it has to
          "model": { "name": "small", "frontEnd": { "classes": 2, "stages": [ { "convolutions": 1, "channels": 4, "poolAfter": true } ] } },
          "data": "somewhere",
          "optimizer": { "learningRate": 0.5, },
          "steps": 7
        }
        """;

    private static TrainingConfig Config => new()
    {
        Model = new ModelConfig { Name = "small", FrontEnd = FrontEndConfig.Small(3, 4), Context = ContextConfig.Basic(3), Palette = new([(1, 2, 3), (4, 5, 6), (7, 8, 9)]) },
        Data = "x",
        Crop = 396,
        Seed = ulong.MaxValue,
        Recipe = Recipe.Joint,
    };

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new TemporaryFolder();

    [TearDown]
    public void Delete() => _folder.Dispose();

    [Test]
    public void WhatARunWritesIsReadBack()
    {
        byte[] written = TrainingJson.ToBytes(Config);
        TrainingConfig read = ConfigText.Read(_folder.Write("config.json", written), data: null);
        Assert.That(Encoding.UTF8.GetString(TrainingJson.ToBytes(read)), Is.EqualTo(Encoding.UTF8.GetString(written)));
    }

    [Test]
    public void WhatIsLeftOutHasItsDefault()
    {
        TrainingConfig read = ConfigText.Read(_folder.Write("config.json", Small), data: null);
        var defaults = new TrainingConfig { Model = read.Model, Data = "somewhere", Optimizer = new OptimizerConfig { LearningRate = 0.5 }, Steps = 7 };
        Assert.That(Encoding.UTF8.GetString(TrainingJson.ToBytes(read)), Is.EqualTo(Encoding.UTF8.GetString(TrainingJson.ToBytes(defaults))));
        Assert.That(read.Model.FrontEnd!.FcChannels, Is.EqualTo(new FrontEndConfig { Classes = 2, Stages = [] }.FcChannels), "in the model, too");
    }

    [Test]
    public void ARunOfAnEarlierVersionIsOpenedWithDefaultsForWhatItDidNotKnow()
    {
        RunFolder.Create(_folder["run"], Config).Dispose();
        string text = File.ReadAllText(_folder["run/config.json"]);
        File.WriteAllText(_folder["run/config.json"], text.Replace("\"polyPower\": 0.9,", "", StringComparison.Ordinal).Replace("\"mirror\": true,", "", StringComparison.Ordinal));
        Assert.That(File.ReadAllText(_folder["run/config.json"]), Has.Length.LessThan(text.Length - 30));
        RunFolder.Open(_folder["run"], out TrainingConfig config).Dispose();
        Assert.That((config.Optimizer.PolyPower, config.Mirror), Is.EqualTo((0.9, true)));
    }

    [Test]
    public void TheArgumentsDatasetCounts()
    {
        string file = _folder.Write("config.json", Small);
        Assert.That(ConfigText.Read(file, "elsewhere").Data, Is.EqualTo("elsewhere"));
        _folder.Write("config.json", Small.Replace("\"data\": \"somewhere\",", "", StringComparison.Ordinal));
        Assert.That(ConfigText.Read(file, "elsewhere").Data, Is.EqualTo("elsewhere"));
        Assert.That(() => ConfigText.Read(file, null), Throws.TypeOf<UserInputException>().With.Message.Contains("line 1: the configuration lacks data, a text"));
    }

    [TestCase("\"steps\": 7", "\"stepps\": 7", "line 6: there is no setting stepps. Is it steps?")]
    [TestCase("\"learningRate\"", "\"LearningRate\"", "line 5: there is no setting optimizer.LearningRate. Is it learningRate?")]
    [TestCase("\"learningRate\"", "\"speed\"", "line 5: there is no setting optimizer.speed. Those of optimizer are kind, learningRate, momentum")]
    [TestCase("\"steps\": 7", "\"steps\": \"many\"", "line 6: steps is a whole number; it was \"many\".")]
    [TestCase("\"steps\": 7", "\"steps\": 1.5", "line 6: steps is a whole number; it was 1.5.")]
    [TestCase("\"steps\": 7", "\"seed\": -1", "line 6: seed is a whole number of 0 or more; it was -1.")]
    [TestCase("\"steps\": 7", "\"mirror\": 1", "line 6: mirror is true or false; it was 1.")]
    [TestCase("\"steps\": 7", "\"recipe\": \"Fine\"", "line 6: recipe is one of FrontEnd, Context, Joint; it was \"Fine\".")]
    [TestCase("\"steps\": 7", "\"recipe\": 1", "line 6: recipe is one of FrontEnd, Context, Joint; it was 1.")]
    [TestCase("\"steps\": 7", "\"crop\": 396", "line 6: crop is an object { height, width }; it was 396.")]
    [TestCase("\"steps\": 7", "\"optimizer\": null", "line 6: optimizer stands there twice.")]
    [TestCase("\"steps\": 7", "\"frozen\": [1]", "line 6: frozen[0] is a text; it was 1.")]
    [TestCase("0.5", "null", "line 5: optimizer.learningRate is a number; it was null.")]
    [TestCase("\"classes\": 2, ", "", "line 3: model.frontEnd lacks classes, a whole number.")]
    [TestCase("\"channels\": 4", "\"channels\": []", "line 3: model.frontEnd.stages[0].channels is a whole number; it was a list.")]
    [TestCase("\"somewhere\",", "\"somewhere\"", "line 5, byte 3: ")]
    [TestCase("\"steps\": 7\n}", "\"steps\": 7\n", "line 7, byte 1: ")]
    public void WhatIsWrongInAFileIsNamedWithItsLine(string right, string wrong, string message)
    {
        string changed = Small.Replace(right, wrong, StringComparison.Ordinal);
        Assert.That(changed, Is.Not.EqualTo(Small));
        string file = _folder.Write("config.json", changed);
        Assert.That(() => ConfigText.Read(file, null), Throws.TypeOf<UserInputException>().With.Message.StartsWith($"{file}, {message}"));
    }

    [TestCase("null")]
    [TestCase("[]")]
    [TestCase("7")]
    [TestCase("")]
    [TestCase("{} {}")]
    [TestCase("\"\\ud800\"")]
    public void WhatIsNoConfigurationIsRefused(string text)
    {
        string file = _folder.Write("config.json", text);
        Assert.That(() => ConfigText.Read(file, null), Throws.TypeOf<UserInputException>().With.Message.StartsWith(file));
    }

    [Test]
    public void SettingsChangeWhatTheyName()
    {
        TrainingConfig set = ConfigText.Set(Config, [
            "optimizer.learningRate=2e-3", "optimizer.kind=sgd", "crop={\"height\":404,\"width\":396}", "mirror=false", "validationSplit=null", "weights=a=b.safetensors",
            "model.context.dilations=1,2,4", "seed=3", "model.meanBgr=[1, 2, 3]", "trainingSplit=12", "steps=9", "steps=10",
        ]);
        TrainingConfig expected = Config with
        {
            Optimizer = new OptimizerConfig { LearningRate = 2e-3, Kind = OptimizerKind.Sgd },
            Crop = new Size2(404, 396),
            Mirror = false,
            ValidationSplit = null,
            Weights = "a=b.safetensors",
            Model = Config.Model with { Context = Config.Model.Context! with { Dilations = [1, 2, 4] }, MeanBgr = [1, 2, 3] },
            Seed = 3,
            TrainingSplit = "12",
            Steps = 10,
        };
        Assert.That(Encoding.UTF8.GetString(TrainingJson.ToBytes(set)), Is.EqualTo(Encoding.UTF8.GetString(TrainingJson.ToBytes(expected))));
    }

    [TestCase("steps", "--set takes a setting and its value, such as optimizer.learningRate=0.001; it was steps.")]
    [TestCase("=3", "--set takes a setting and its value")]
    [TestCase("step=3", "--set step=3: there is no setting step. Is it steps?")]
    [TestCase("optimizer.rate=3", "--set optimizer.rate=3: there is no setting optimizer.rate. Those of optimizer are kind,")]
    [TestCase("steps=", "--set steps=: steps is a whole number.")]
    [TestCase("steps=many", "--set steps=many: steps is a whole number.")]
    [TestCase("steps=3 4", "--set steps=3 4: steps is a whole number.")]
    [TestCase("steps=1e3", "--set steps=1e3: steps is a whole number; it was 1e3.")]
    [TestCase("steps=null", "--set steps=null: steps is a whole number; it was null.")]
    [TestCase("optimizer.learningRate=1e999", "--set optimizer.learningRate=1e999: optimizer.learningRate is a number; it was 1e999.")]
    [TestCase("model.frontEnd.dropout=-1e99999", "--set model.frontEnd.dropout=-1e99999: model.frontEnd.dropout is a number; it was -1e99999.")]
    [TestCase("optimizer.kind=rmsprop", "--set optimizer.kind=rmsprop: optimizer.kind is one of Sgd, Adam; it was \"rmsprop\".")]
    [TestCase("steps.most=3", "--set steps.most=3: steps has no settings of its own; it is a whole number.")]
    [TestCase("model.fcn.classes=3", "--set model.fcn.classes=3: model.fcn is null here; give all of it, as JSON: model.fcn={")]
    [TestCase("crop.height=3", null, Description = "it is there")]
    [TestCase("model.fcn={}", "--set model.fcn={}: model.fcn lacks classes, a whole number.")]
    [TestCase("model.palette=red", "--set model.palette=red: model.palette is a list of colours as \"#RRGGBB\".")]
    [TestCase("model.palette=[\"red\"]", "--set model.palette=[\"red\"]: A palette's colours are written \"#RRGGBB\"; 'red' is not.")]
    public void WhatIsWrongInASettingIsNamed(string assignment, string? message)
    {
        if (message is null)
        {
            Assert.That(ConfigText.Set(Config, [assignment]).Crop, Is.EqualTo(new Size2(3, 396)));
            return;
        }

        Assert.That(() => ConfigText.Set(Config, [assignment]), Throws.TypeOf<UserInputException>().With.Message.StartsWith(message));
    }

    [TestCase(-1, 0.1, "The poly schedule's exponent is 0 or more and below 1e6; it was -1.")]
    [TestCase(double.PositiveInfinity, 0.1, "The poly schedule's exponent")]
    [TestCase(0.9, 0, "The step schedule's factor is above 0 and below 1e6; it was 0.")]
    [TestCase(0.9, double.NaN, "The step schedule's factor")]
    public void AScheduleThatCannotBeFollowedIsRefused(double power, double gamma, string message)
    {
        TrainingConfig config = Config with { Optimizer = new OptimizerConfig { PolyPower = power, StepGamma = gamma } };
        Assert.That(config.Validate, Throws.TypeOf<UserInputException>().With.Message.StartsWith(message));
    }
}
