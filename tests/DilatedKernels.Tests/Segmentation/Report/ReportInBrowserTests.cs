using System.Text.Json;
using DilatedKernels.Segmentation.Models;
using DilatedKernels.Segmentation.Report;

namespace DilatedKernels.Tests.Segmentation.Report;

/// <summary>The pages as a browser shows them: no message on the console, nothing wider than a telephone, controls that work.</summary>
public sealed class ReportInBrowserTests
{
    // What is wider than the window, but for what scrolls by itself.
    private const string Overflow = """
        const wide = [...page.querySelectorAll("body *")].filter(e => !e.closest(".scroll, .hidden, svg") && e.getBoundingClientRect().right > view.innerWidth + 0.5);
        return { window: view.innerWidth, page: page.documentElement.scrollWidth, wide: wide.map(e => e.outerHTML.slice(0, 80)) };
        """;

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void Create()
    {
        BuildPart.SkipUnless(Browser.Find() is not null, BuildPart.Browser, "there is no Chromium on PATH to show reports in (Debian: apt-get install chromium)");
        _folder = new TemporaryFolder();
    }

    [TearDown]
    public void Delete() => _folder?.Dispose();

    [Test]
    public void TheGalleryAndItsSliderWork()
    {
        ReportRun.Train(_folder, "run", hostile: true);
        JsonElement answer = Browser.Run(_folder["run/report.html"], 1000, """
            const masks = [...page.querySelectorAll(".mask")], slider = page.getElementById("opacity");
            const before = masks.map(m => view.getComputedStyle(m).opacity);
            slider.focus();
            slider.value = 20;
            slider.dispatchEvent(new view.Event("input", { bubbles: true }));
            const after = masks.map(m => view.getComputedStyle(m).opacity);
            const cell = page.querySelector(".confusion td"), shown = () => [...cell.children].filter(e => view.getComputedStyle(e).display !== "none").map(e => e.className);
            const shares = shown();
            page.getElementById("as-counts").click();
            return {
              before, after, shares, counts: shown(), said: page.getElementById("opacity-value").textContent,
              loaded: masks.every(m => m.naturalWidth > 0), behind: [...page.querySelectorAll(".stack")].every(s => view.getComputedStyle(s).backgroundImage.startsWith("url")),
              focused: page.activeElement === slider || page.activeElement.id === "as-counts", foreign: page.querySelectorAll("img:not(.mask), script:not([src])").length,
            };
            """);
        Assert.That(Texts(answer, "before"), Has.Length.EqualTo(9).And.All.EqualTo("0.65"));
        Assert.That(Texts(answer, "after"), Has.Length.EqualTo(9).And.All.EqualTo("0.2"));
        Assert.That(answer.GetProperty("said").GetString(), Is.EqualTo("20 %"));
        Assert.That((Texts(answer, "shares").Single(), Texts(answer, "counts").Single()), Is.EqualTo(("share", "count")));
        Assert.That(answer.GetProperty("loaded").GetBoolean() && answer.GetProperty("behind").GetBoolean() && answer.GetProperty("focused").GetBoolean(), answer.ToString());
        Assert.That(answer.GetProperty("foreign").GetInt32(), Is.EqualTo(1), "the page's own script and no more");
    }

    [Test]
    public void TheLayersOfTheContextModuleAreShownOneByOne()
    {
        string run = ReportRun.Pretend(_folder, "run", steps: 20, classes: 3, pictures: 1, ContextConfig.Basic(3) with { Dilations = [1, 2, 4] });
        ReportPage.Write([run], _folder["page.html"]);
        JsonElement answer = Browser.Run(_folder["page.html"], 500, """
            const slider = page.getElementById("layer"), play = page.getElementById("layer-play");
            const shown = () => [...page.querySelectorAll(".layer")].map((g, i) => view.getComputedStyle(g).display !== "none" ? slider.dataset.texts.split("|")[i] : null).filter(t => t);
            const said = () => page.getElementById("layer-value").textContent;
            const states = [[...shown(), said()]];
            slider.value = 2;
            slider.dispatchEvent(new view.Event("input"));
            states.push([...shown(), said()]);
            play.click();
            states.push([...shown(), play.textContent]);
            slider.value = 1;
            slider.dispatchEvent(new view.Event("input"));
            states.push([...shown(), play.textContent]);
            play.click();
            states.push([...shown(), play.textContent]);
            return { states: states.map(s => s.join("|")) };
            """);
        Assert.That(Texts(answer, "states"), Is.EqualTo(new[]
        {
            "layer 3 of 3, dilation 4, 15×15 cells|layer 3 of 3, dilation 4, 15×15 cells",
            "layer 2 of 3, dilation 2, 7×7 cells|layer 2 of 3, dilation 2, 7×7 cells",
            "layer 3 of 3, dilation 4, 15×15 cells|Play",
            "layer 1 of 3, dilation 1, 3×3 cells|Play",
            "layer 2 of 3, dilation 2, 7×7 cells|Pause",
        }));
    }

    [Test]
    public void FollowedImagesChangeWithTheSlider()
    {
        ReportRun.Train(_folder, "run", config => config with { FollowedImages = 2 }, hostile: true);
        JsonElement answer = Browser.Run(_folder["run/report.html"], 500, """
            const slider = page.getElementById("step"), play = page.getElementById("step-play");
            const shown = () => [...page.querySelectorAll(".frame")].filter(f => view.getComputedStyle(f).display !== "none").map(f => f.alt.split(" ").pop());
            const said = () => page.getElementById("step-value").textContent.split(",")[0];
            const states = [[...shown(), said()]];
            slider.focus();
            const focused = page.activeElement === slider;
            slider.stepDown();
            slider.dispatchEvent(new view.Event("input"));
            states.push([...shown(), said(), slider.getAttribute("aria-valuetext").split(",")[0]]);
            play.click();
            states.push([...shown(), said(), play.textContent]);
            const wide = page.documentElement.scrollWidth;
            return { states: states.map(s => s.join("|")), focused, wide, loaded: [...page.querySelectorAll(".frame")].every(f => f.naturalWidth > 0) };
            """);
        Assert.That(Texts(answer, "states"), Is.EqualTo(new[] { "12|12|step 12", "8|8|step 8|step 8", "12|12|step 12|Play" }));
        Assert.That(answer.GetProperty("focused").GetBoolean() && answer.GetProperty("loaded").GetBoolean(), answer.ToString());
        Assert.That(answer.GetProperty("wide").GetInt32(), Is.LessThanOrEqualTo(500));
    }

    [Test]
    public void APointerReadsNumbersOffTheCharts()
    {
        string[] runs = [ReportRun.Pretend(_folder, "a", 30, 2, 0), ReportRun.Pretend(_folder, "b", 15, 2, 0)];
        ReportPage.Write(runs, _folder["page.html"]);
        JsonElement answer = Browser.Run(_folder["page.html"], 700, """
            const chart = page.querySelector(".chart svg"), box = chart.getBoundingClientRect(), line = chart.querySelector(".line");
            const x = step => box.left + box.width * Number(line.getAttribute("points").split(" ")[step - 1].split(",")[0]) / chart.viewBox.baseVal.width;
            const said = [], figure = chart.parentElement;
            const move = (kind, step) => {
              chart.dispatchEvent(new view.PointerEvent(kind, { clientX: x(step) }));
              said.push([figure.querySelector(".readout"), ...figure.querySelectorAll(".at")].map(e => e.textContent).join("|"));
            };
            move("pointermove", 10); move("pointerdown", 25); move("pointerleave", 25);
            return { said };
            """);
        Assert.That(Texts(answer, "said"), Is.EqualTo(new[] { "step 10|0.2|0.2", "step 25|0.08|", "||" }));
        ReportPage.Write(runs[..1], _folder["page.html"]);
        answer = Browser.Run(_folder["page.html"], 700, """
            const chart = page.querySelector(".chart svg"), box = chart.getBoundingClientRect();
            chart.dispatchEvent(new view.PointerEvent("pointermove", { clientX: box.right }));
            return { said: [chart.parentElement.querySelector(".readout").textContent] };
            """);
        Assert.That(Texts(answer, "said"), Is.EqualTo(new[] { "step 30: 0.06667" }));
    }

    [TestCase(360)]
    [TestCase(320)]
    [TestCase(1280)]
    public void NoPageIsWiderThanItsWindow(int width)
    {
        string hostile = ReportRun.Train(_folder, "run", hostile: true);
        string many = ReportRun.Pretend(_folder, "a-run-with-a-name-that-does-not-end-where-a-telephone-does", steps: 1000, classes: 21, pictures: 2, ContextConfig.Basic(21));
        ReportPage.Write([many], _folder["many.html"]);
        ReportPage.Write([hostile, many, hostile], _folder["compared.html"]);
        foreach (string page in (string[])[_folder["run/report.html"], _folder["many.html"], _folder["compared.html"]])
        {
            JsonElement answer = Browser.Run(page, width, Overflow);
            Assert.That(answer.GetProperty("window").GetInt32(), Is.EqualTo(width));
            Assert.That(answer.GetProperty("page").GetInt32(), Is.LessThanOrEqualTo(width), answer.ToString());
            Assert.That(Texts(answer, "wide"), Is.Empty, page);
        }
    }

    private static string[] Texts(JsonElement answer, string name) => [.. answer.GetProperty(name).EnumerateArray().Select(e => e.GetString()!)];
}
