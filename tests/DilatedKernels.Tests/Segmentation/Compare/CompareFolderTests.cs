using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Compare;

namespace DilatedKernels.Tests.Segmentation.Compare;

/// <summary>What a comparison keeps, and what it makes of a folder that somebody else changed.</summary>
public class CompareFolderTests
{
    private static readonly CompareConfig Config = new() { Data = "x" };

    [Test]
    public void AKeptScoreIsRead([Values] bool refined, [Values] bool timed)
    {
        using var folder = new TemporaryFolder();
        CompareFolder compared = CompareFolder.Open(folder.Path, Config, "a", "b");
        Assert.That(compared.Score("front-end", 1, 2), Is.Null);
        var score = new KeptScore(timed ? 1.5 : null, [1, 2, 3, 4], refined ? [4, 3, 2, 1] : null);
        compared.Keep("front-end", 1, score);
        KeptScore read = CompareFolder.Open(folder.Path, Config, "a", "b").Score("front-end", 1, 2)!;
        Assert.That((read.TrainingSeconds, read.Plain, read.Refined), Is.EqualTo((score.TrainingSeconds, score.Plain, score.Refined)));
    }

    [TestCase("")]
    [TestCase("{}")]
    [TestCase("null")]
    [TestCase("""{ "trainingSeconds": 1, "plain": null, "refined": null }""")]
    [TestCase("""{ "trainingSeconds": 1, "plain": [1, 2, 3], "refined": null }""")]
    [TestCase("""{ "trainingSeconds": 1, "plain": [1, 2, 3, -4], "refined": null }""")]
    [TestCase("""{ "trainingSeconds": 1, "plain": [1, 2, 3, 4], "refined": [1] }""")]
    public void ADamagedScoreIsNamed(string json)
    {
        using var folder = new TemporaryFolder();
        CompareFolder compared = CompareFolder.Open(folder.Path, Config, "a", "b");
        folder.Write("scores/front-end-seed1.json", json);
        Assert.That(
            () => compared.Score("front-end", 1, 2), Throws.TypeOf<UserInputException>().With.Message.Contains("front-end-seed1.json").And.Message.Contains("delete it"));
    }

    [Test]
    public void ScoresOfOtherImagesAreNotMixed()
    {
        using var folder = new TemporaryFolder();
        CompareFolder.Open(folder.Path, Config, "2 images, a", "b");
        CompareFolder.Open(folder.Path, Config, "2 images, a", "b");
        Assert.That(
            () => CompareFolder.Open(folder.Path, Config, "3 images, c", "b"), Throws.TypeOf<UserInputException>().With.Message.Contains("of data that have changed since"));
        Assert.That(() => CompareFolder.Open(folder.Path, Config, "2 images, a", "d"), Throws.TypeOf<UserInputException>());
    }

    [Test]
    public void ImagesInFoldersHaveMasksOfTheirOwn()
    {
        using var folder = new TemporaryFolder();
        CompareFolder compared = CompareFolder.Open(folder.Path, Config, "a", "b");
        string[] names = ["a/1", "a_1", "b/1", "b/c/1"];
        foreach (Func<string, string> of in (Func<string, string>[])[name => compared.MaskOf("front-end", Refinement.Crf, name), compared.PictureOf])
        {
            string[] files = [.. names.Select(of)];
            Assert.That(files, Is.Unique);
            Assert.That(files, Has.All.Matches<string>(file => Directory.Exists(Path.GetDirectoryName(file))));
        }
    }
}
