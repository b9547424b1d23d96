using System.Text.RegularExpressions;
using DilatedKernels.Segmentation;
using DilatedKernels.Segmentation.Report;
using DilatedKernels.Segmentation.Training;
using Element = DilatedKernels.Tests.Segmentation.Report.StrictHtml.Element;

namespace DilatedKernels.Tests.Segmentation.Report;

/// <summary>The page of a run by its text: whole, strict HTML, of one file, and with nothing of what users name taken for markup.</summary>
public sealed class ReportPageTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new TemporaryFolder();

    [TearDown]
    public void Delete() => _folder.Dispose();

    [Test]
    public void ATrainingEndsWithItsReport()
    {
        ReportRun.Train(_folder, "run");
        string page = File.ReadAllText(_folder["run/report.html"]);
        IReadOnlyList<Element> elements = StrictHtml.Read(page);
        AssertNeedsNothingElse(page, elements);
        Assert.That(elements.Count(e => e.Name == "svg"), Is.EqualTo(3), "loss, mean IoU, learning rate");
        Assert.That(elements.Count(e => e is { Name: "figure" } && e.Attributes["class"] == "example"), Is.EqualTo(3), "as many as there are images");
        Assert.That(elements.Count(e => e is { Name: "img" }), Is.EqualTo(9), "truth, prediction, errors");
        Assert.That(elements.Count(e => e is { Name: "circle" }), Is.EqualTo(3), "validations");
        KeptValidation validation = KeptValidation.Read(_folder["run/validation"])!;
        Assert.That(page, Does.Contain($"<b>{Html.Percent(validation.Matrix.MeanIoU)}<small> %</small></b>"));
        Assert.That(page, Does.Contain("optimizer.learningRate").And.Contain("<dt>Device</dt><dd>cpu</dd>").And.Contain("Peak memory").And.Contain("Images per second"));
        double[] errors = [.. validation.Pictures.Select(picture => picture.Errors)];
        Assert.That(errors, Is.Ordered.Descending, "worst first");
        Assert.That(errors.Average(), Is.EqualTo(1 - validation.Matrix.PixelAccuracy).Within(1e-9), "images of one size without void");
    }

    [Test]
    public void WhatUsersNameIsText()
    {
        ReportRun.Train(_folder, "run", hostile: true);
        string page = File.ReadAllText(_folder["run/report.html"]);
        IReadOnlyList<Element> elements = StrictHtml.Read(page);
        AssertNeedsNothingElse(page, elements);
        Assert.That(elements.Count(e => e.Name == "script"), Is.EqualTo(1));
        Assert.That(page, Does.Not.Contain("<img src=x").And.Not.Contain("alert('1')"));
        Assert.That(elements.Where(e => e.Name == "img").Select(e => e.Attributes["alt"]), Has.Some.EqualTo($"{ReportRun.HostileImage}: truth"));
        Assert.That(page, Does.Contain($"<bdi>{Html.Text(ReportRun.HostileClass)}</bdi>"));
    }

    [Test]
    public void OfThreePicturesTheWorstAreKeptAndTheFolderStaysBounded()
    {
        var classes = new DilatedKernels.Segmentation.Data.ClassSet { Name = "two", Names = ["a", "b"], Palette = DilatedKernels.Segmentation.Imaging.Palette.Voc, VoidLabel = 255, MeanBgr = (0, 0, 0) };
        string folder = _folder["validation"];
        foreach (long step in (long[])[1, 2])
        {
            var samples = new List<DilatedKernels.Segmentation.Data.Sample>();
            var pictures = new ValidationPictures(samples, classes);
            for (int i = 0; i < 30; i++)
            {
                // Image i has i·40 wrong pixels of 1600; the right half of the last is void.
                var sample = new DilatedKernels.Segmentation.Data.Sample($"{i}", _folder[$"{i}.png"], _folder[$"{i}-mask.png"]);
                var truth = new DilatedKernels.Segmentation.Imaging.IndexMask(40, 40);
                var prediction = new DilatedKernels.Segmentation.Imaging.IndexMask(40, 40);
                prediction.Indices.AsSpan(0, 40 * i).Fill(1);
                for (int p = 0; i == 29 && p < 1600; p++)
                {
                    truth.Indices[p] = p % 40 >= 20 ? (byte)255 : (byte)0;
                }

                DilatedKernels.Segmentation.Imaging.PngWriter.Write(sample.ImagePath, new DilatedKernels.Segmentation.Imaging.RgbImage(40, 40));
                DilatedKernels.Segmentation.Imaging.PngWriter.Write(sample.MaskPath!, truth, classes.Palette);
                samples.Add(sample);
                pictures.Add(i, prediction);
            }

            pictures.Write(folder, step, DilatedKernels.Segmentation.Metrics.ConfusionMatrix.FromCounts(2, [1, 2, 3, 4]));
        }

        KeptValidation kept = KeptValidation.Read(folder)!;
        Assert.That(kept.Pictures.Select(picture => picture.Name), Is.EqualTo(Enumerable.Range(18, 12).Reverse().Select(i => $"{i}")));
        Assert.That(kept.Pictures[0].Errors, Is.EqualTo(29.0 / 40).Within(1e-12), "void does not count");
        Assert.That(Directory.EnumerateFiles(folder).Count(), Is.EqualTo(1 + (3 * 12)), "the first validation's are gone");
    }

    [Test]
    public void ALongRunsPageIsBounded()
    {
        ReportRun.Pretend(_folder, "run", steps: 200_000, classes: 21, pictures: 40);
        ReportPage.Write([_folder["run"]], _folder["page.html"]);
        string page = File.ReadAllText(_folder["page.html"]);
        StrictHtml.Read(page);
        Assert.That(page.Length, Is.LessThan(Gallery.MostBytes + (1 << 20)));
        Assert.That(Regex.Count(page, "class=\"example\""), Is.InRange(5, 39), "noise of 440 kB an image");
        Assert.That(Regex.Replace(page, "data:image/png;base64,[^\")]*", "").Length, Is.LessThan(400_000), "curves are thinned out");
    }

    [Test]
    public void SeveralRunsAreCompared()
    {
        ReportRun.Train(_folder, "slow");
        ReportRun.Train(_folder, "fast", config => config with { Optimizer = config.Optimizer with { LearningRate = 1e-2 }, Steps = 8 });
        ReportRun.Train(_folder, "blind", config => config with { ValidationSplit = null });
        ReportPage.Write([_folder["slow"], _folder["fast"], _folder["blind"]], _folder["compared.html"]);
        string page = File.ReadAllText(_folder["compared.html"]);
        IReadOnlyList<Element> elements = StrictHtml.Read(page);
        AssertNeedsNothingElse(page, elements);
        Assert.That(elements.Count(e => e is { Name: "polyline" } && e.Attributes["class"].StartsWith("line", StringComparison.Ordinal)), Is.EqualTo(8), "three runs in a chart, two of them validated");
        string[] settings = [.. Regex.Matches(page, "<tr><th scope=\"row\">([a-zA-Z.]+)</th>").Select(match => match.Groups[1].Value)];
        Assert.That(settings, Is.EquivalentTo(new[] { "validationSplit", "steps", "optimizer.learningRate" }), "nothing that is the same");
        ReportPage.Write([_folder["slow"], _folder["slow"]], _folder["compared.html"]);
        Assert.That(File.ReadAllText(_folder["compared.html"]), Does.Contain("the configurations are the same"));
    }

    [Test]
    public void WhatTheContextModuleSeesIsDrawn()
    {
        string run = ReportRun.Pretend(_folder, "run", 40, 3, 0, DilatedKernels.Segmentation.Models.ContextConfig.Basic(3) with { Dilations = [2, 2] });
        ReportPage.Write([run], _folder["page.html"]);
        string page = File.ReadAllText(_folder["page.html"]);
        IReadOnlyList<Element> elements = StrictHtml.Read(page);
        AssertNeedsNothingElse(page, elements);
        Assert.That(elements.Count(e => e.Attributes.GetValueOrDefault("class") == "tap"), Is.EqualTo(18));
        Assert.That(page, Does.Contain("layer 2 of 2, dilation 2, 9×9 cells").And.Contain("gridding"));
        int field = DilatedKernels.Segmentation.Models.ModelSummary.Of(RunData.Read(run).Config.Model, 900).ReceptiveField;
        Assert.That(page, Does.Contain($"a score depends on {field} pixels"));
    }

    [Test]
    public void RunsOfOneNameAreToldApartByTheirPaths()
    {
        string[] runs = [ReportRun.Pretend(_folder, "a/run", 40, 2, 0), ReportRun.Pretend(_folder, "b/run", 40, 2, 0), ReportRun.Pretend(_folder, "b/other", 40, 2, 0)];
        ReportPage.Write(runs, _folder["compared.html"]);
        string page = File.ReadAllText(_folder["compared.html"]);
        Assert.That(page, Does.Contain($"<bdi>{Html.Text(runs[0])}</bdi>").And.Contain($"<bdi>{Html.Text(runs[1])}</bdi>").And.Contain("<bdi>other</bdi>").And.Not.Contain("<bdi>run</bdi>"));
    }

    [Test]
    public void TheLossIsSmoothedOverAsManyStepsInEveryRun()
    {
        (IReadOnlyList<(double X, double Y)> mean, IReadOnlyList<(double X, double Low, double High)> band) = LineChart.Smooth([(1, 4), (2, 2), (3, 0), (4, 6), (5, 10)], 3);
        Assert.That(mean, Is.EqualTo(new[] { (2.0, 2.0), (4.0, 8.0) }));
        Assert.That(band, Is.EqualTo(new[] { (2.0, 0.0, 4.0), (4.0, 6.0, 10.0) }));
        ReportPage.Write([ReportRun.Pretend(_folder, "long", 3200, 2, 0), ReportRun.Pretend(_folder, "short", 1600, 2, 0)], _folder["compared.html"]);
        string page = File.ReadAllText(_folder["compared.html"]);
        int[] points = [.. Regex.Matches(page, "class=\"line s.\" points=\"([^\"]*)\"").Take(2).Select(match => match.Groups[1].Value.Split(' ').Length)];
        Assert.That(page, Does.Contain("mean of 26 steps"));
        Assert.That(points, Is.EqualTo(new[] { 124, 62 }));
    }

    [Test]
    public void ARunThatHasNotValidatedOrBegunHasAPage()
    {
        ReportRun.Train(_folder, "run", config => config with { ValidationSplit = null });
        Assert.That(File.ReadAllText(_folder["run/report.html"]), Does.Contain("No validation was made"));
        foreach (string file in (string[])["run/metrics.csv", "run/run.json", "run/report.html"])
        {
            File.Delete(_folder[file]);
        }

        ReportPage.Write([_folder["run"]], _folder["run/report.html"]);
        StrictHtml.Read(File.ReadAllText(_folder["run/report.html"]));
    }

    [Test]
    public void PicturesThatAreGoneAreLeftOutAndDamagedFilesNamed()
    {
        ReportRun.Train(_folder, "run");
        File.Delete(Directory.EnumerateFiles(_folder["run/validation"], "*-01-truth.png").Single());
        ReportPage.Write([_folder["run"]], _folder["page.html"]);
        Assert.That(Regex.Count(File.ReadAllText(_folder["page.html"]), "class=\"example\""), Is.EqualTo(2));
        foreach (string file in (string[])["validation/validation.json", "run.json", "config.json"])
        {
            string path = _folder[$"run/{file}"];
            byte[] whole = File.ReadAllBytes(path);
            File.WriteAllText(path, "{ \"step\": \"x\" }");
            Assert.That(() => ReportPage.Write([_folder["run"]], _folder["page.html"]), Throws.TypeOf<UserInputException>().With.Message.StartsWith(path));
            File.WriteAllBytes(path, whole);
        }
    }

    [TestCase("\"class 0\"", "null")]
    [TestCase("\"0-00\"", "\"a\\u0000\"")]
    [TestCase("\"pictures\": [", "\"pictures\": [ null,")]
    [TestCase("    3\n", "    9223372036854775807\n")]
    public void AValidationThatHoldsSomethingElseIsNamed(string right, string wrong)
    {
        ReportRun.Pretend(_folder, "run", steps: 0, classes: 2, pictures: 1);
        string path = _folder[$"run/validation/{KeptValidation.FileName}"];
        string changed = File.ReadAllText(path).Replace(right, wrong, StringComparison.Ordinal);
        Assert.That(changed, Is.Not.EqualTo(File.ReadAllText(path)));
        File.WriteAllText(path, changed);
        Assert.That(() => ReportPage.Write([_folder["run"]], _folder["page.html"]), Throws.TypeOf<UserInputException>().With.Message.StartsWith(path));
    }

    [Test]
    public void ARunThatStoppedEarlySaysSo()
    {
        var idle = new OptimizerConfig { LearningRate = 1e-12, Schedule = ScheduleKind.Constant };
        string run = ReportRun.Train(_folder, "run", config => config with { Steps = 40, ValidateEvery = 2, EarlyStop = 2, Optimizer = idle });
        Assert.That(File.ReadAllText(Path.Combine(run, "report.html")), Does.Contain("stopped early at step 6 of 40"));
    }

    [Test]
    public void WhatARunTookBeforeItWentOnIsNotTakenForItsEnd()
    {
        ReportRun.Train(_folder, "run");
        ReportPage.Write([_folder["run"]], _folder["page.html"]);
        Assert.That(File.ReadAllText(_folder["page.html"]), Does.Contain(", complete</p>").And.Not.Contain("it has gone on since"));
        RunFacts facts = RunFacts.Read(_folder["run/run.json"])!;
        (facts with { Steps = 5, IsComplete = false }).Write(_folder["run/run.json"]);
        File.WriteAllLines(_folder["run/metrics.csv"], [.. File.ReadLines(_folder["run/metrics.csv"]).Take(11)]);
        ReportPage.Write([_folder["run"]], _folder["page.html"]);
        string page = File.ReadAllText(_folder["page.html"]);
        StrictHtml.Read(page);
        Assert.That(page, Does.Contain(", step 10 of 12</p>").And.Contain("cpu, to step 5").And.Contain("As it was at step 5, where the run was interrupted; it has gone on since."));
    }

    [Test]
    public void ATrainingIsDoneWhereItsPageCannotBeWritten()
    {
        ReportRun.Train(_folder, "run");
        File.WriteAllText(_folder["run/report.html"], "<p>mine</p>");
        using Trainer trainer = Trainer.Resume(_folder["run"], Device.Cpu);
        TrainingResult result = trainer.Run();
        Assert.That((result.IsComplete, result.Steps), Is.EqualTo((true, 12L)));
        Assert.That(result.ReportProblem, Does.Contain("report.html exists and is no report"));
        Assert.That(File.ReadAllText(_folder["run/report.html"]), Is.EqualTo("<p>mine</p>"));
    }

    [Test]
    public void NothingButAReportIsOverwritten()
    {
        ReportRun.Train(_folder, "run");
        string notes = _folder.Write("notes.html", "<p>mine</p>");
        Assert.That(() => ReportPage.Write([_folder["run"]], notes), Throws.TypeOf<UserInputException>().With.Message.Contains("is no report"));
        Assert.That(() => ReportPage.Write([_folder["run"]], _folder["data"]), Throws.TypeOf<UserInputException>().With.Message.Contains("is a folder"));
        Assert.That(() => ReportPage.Write([_folder["data"]], _folder["page.html"]), Throws.TypeOf<UserInputException>().With.Message.Contains("holds no run"));
        Assert.That(File.ReadAllText(notes), Is.EqualTo("<p>mine</p>"));
        ReportPage.Write([_folder["run"]], _folder["run/report.html"]);
    }

    [Test]
    public void ASingleHighStepDoesNotPressTheLineToTheGround()
    {
        var page = new System.Text.StringBuilder();
        var line = new ChartLine("", [(1, 1), (2, 0.5)]) { Band = [(1, 0.9, 500), (2, 0.4, 0.6)] };
        LineChart.Append(page, "Loss", "", [line], Html.Short, "");
        Assert.That(page.ToString(), Does.Contain("class=\"band s0\" points=\"207.0,12.0 368.0,85.6 "), "the top of the chart is 1");
    }

    [TestCase(0, 1600, 5, true, new[] { 0.0, 500, 1000, 1500, 2000 })]
    [TestCase(0, 3, 5, true, new[] { 0.0, 1, 2, 3 })]
    [TestCase(0, 2.3, 4, false, new[] { 0.0, 1, 2, 3 })]
    [TestCase(0, 0.001, 4, false, new[] { 0.0, 0.0005, 0.001 })]
    public void TicksAreRoundNumbers(double low, double high, int about, bool whole, double[] expected) =>
        Assert.That(LineChart.Ticks(low, high, about, whole), Is.EqualTo(expected).Within(1e-9));

    private static void AssertNeedsNothingElse(string page, IReadOnlyList<Element> elements)
    {
        foreach (Element element in elements)
        {
            foreach ((string name, string value) in element.Attributes)
            {
                Assert.That(name is not ("src" or "href") || value.StartsWith("data:", StringComparison.Ordinal), Is.True, $"{element.Name} {name}={value}");
                Assert.That(name, Does.Not.StartWith("on"));
            }
        }

        Assert.That(Regex.Matches(page, "url\\(([^#].{4})").Select(match => match.Groups[1].Value), Is.All.EqualTo("data:"));
        Assert.That(Regex.IsMatch(page, "https?://|@import"), Is.False);
        Assert.That(elements.Single(e => e.Attributes.GetValueOrDefault("http-equiv") == "Content-Security-Policy").Attributes["content"], Does.StartWith("default-src 'none'"));
        string[] ids = [.. elements.Where(e => e.Attributes.ContainsKey("id")).Select(e => e.Attributes["id"])];
        Assert.That(ids, Is.Unique);
        Assert.That(elements.Select(e => e.Attributes.GetValueOrDefault("aria-labelledby") ?? e.Attributes.GetValueOrDefault("for")).OfType<string>().Distinct(), Is.SubsetOf(ids));
    }
}
