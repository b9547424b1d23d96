using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Cli;

/// <summary>Training from a configuration file and changed settings, through the command.</summary>
public sealed class ConfigOptionTests
{
    private TemporaryFolder _folder = null!;
    private string _data = null!;

    [SetUp]
    public void Create()
    {
        _folder = new TemporaryFolder();
        _data = SmallDataset.Create(_folder);
    }

    [TearDown]
    public void Delete() => _folder.Dispose();

    [Test]
    public void AFileAndSettingsGiveTheRunThatOptionsGive()
    {
        string[] options = ["train", _data, .. SmallDataset.TinyTraining, "--val-split", "none"];
        DilatedProcess.Result printed = Run([.. options, "--steps", "9", "--print-config"]);
        Assert.That(printed.ExitCode, Is.Zero, printed.Error);
        Assert.That(Directory.GetFileSystemEntries(_folder.Path), Is.EqualTo(new[] { _data }), "nothing was written");
        _folder.Write("base.json", printed.Output);
        Assert.That(Run([.. options, "--run", "a", "--steps", "2"]).ExitCode, Is.Zero);

        DilatedProcess.Result fromFile = Run("train", "--config", "base.json", "--run", "b", "--set", "steps=2");
        Assert.That(fromFile.ExitCode, Is.Zero, fromFile.Error);
        DilatedProcess.Result fromRun = Run("train", _data, "--config", "b/config.json", "--run", "c");
        Assert.That(fromRun.ExitCode, Is.Zero, fromRun.Error);
        DilatedProcess.Result fromOptions = Run([.. options, "--run", "d", "--steps", "5", "--set", "steps=3", "--set", "steps=2"]);
        Assert.That(fromOptions.ExitCode, Is.Zero, fromOptions.Error);
        _folder.Write("relative.json", printed.Output.Replace(System.Text.Json.JsonSerializer.Serialize(_data), "\"data\"", StringComparison.Ordinal));
        Assert.That(Run("train", "--config", "relative.json", "--run", "e", "--set", "steps=2").ExitCode, Is.Zero);
        foreach (string run in (string[])["b", "c", "d", "e"])
        {
            Assert.That(File.ReadAllText(_folder[$"{run}/config.json"]), Is.EqualTo(File.ReadAllText(_folder["a/config.json"])), run);
            Assert.That(File.ReadAllBytes(_folder[$"{run}/last.safetensors"]), Is.EqualTo(File.ReadAllBytes(_folder["a/last.safetensors"])), run);
        }
    }

    [Test]
    public void WhatIsWrongIsNamedAndNothingIsWritten()
    {
        _folder.Write("wrong.json", Run(["train", _data, .. SmallDataset.TinyTraining, "--print-config"]).Output.Replace("\"seed\"", "\"sead\"", StringComparison.Ordinal));
        DilatedProcess.AssertRefused(_folder, ["train", "--config", "wrong.json", "--run", "run"], "wrong.json, line ", "there is no setting sead. Is it seed?");
        DilatedProcess.AssertRefused(_folder, ["train", "--config", "none.json", "--run", "run"], "There is no file none.json");
        DilatedProcess.AssertRefused(_folder, ["train", "--config", "data", "--run", "run"], "data is a folder");
        DilatedProcess.AssertRefused(_folder, ["train", _data, "--run", "run", "--set", "batchSize=two"], "--set batchSize=two: batchSize is a whole number");
        DilatedProcess.AssertRefused(_folder, ["train", _data, "--run", "run", "--set", "weights="], "weights is an empty text");
        DilatedProcess.AssertRefused(_folder, ["train", _data, "--run", "run", "--set", "batchSize=0"], "batch size is 1 or more; it was 0");
        DilatedProcess.AssertRefused(_folder, ["train", "--config", "wrong.json", "--run", "run", "--steps", "3", "--width", "1"], "--steps, --width would have no effect", "--set");
        DilatedProcess.AssertRefused(_folder, ["train", "--resume", "run", "--set", "steps=3"], "--set would have no effect");
        Assert.That(Directory.Exists(_folder["run"]), Is.False);
    }

    private DilatedProcess.Result Run(params string[] arguments) => DilatedProcess.Run(_folder.Path, arguments);
}
