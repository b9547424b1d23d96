using System.Diagnostics;
using System.Text.Json;

namespace DilatedKernels.Tests.Segmentation.Report;

/// <summary>Headless Chromium, where the machine has one.</summary>
internal static class Browser
{
    private static readonly string[] s_names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    /// <summary>The program, or null.</summary>
    public static string? Find() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .SelectMany(folder => s_names.Select(name => Path.Combine(folder, OperatingSystem.IsWindows() ? name + ".exe" : name)))
        .FirstOrDefault(File.Exists);

    /// <summary>
    /// Opens a page in a frame of a width, runs a script on it and returns what the script's value is as JSON; <c>page</c> is the frame's document and
    /// <c>view</c> its window. Every message on the console is a failure.
    /// </summary>
    public static JsonElement Run(string page, int width, string script)
    {
        using var folder = new TemporaryFolder();
        // The frame's text is an attribute: it has the page's own policy, and the page outside can look into it.
        string harness = folder.Write("harness.html", $$"""
            <!doctype html><meta charset="utf-8"><title>waiting</title><iframe id="frame" style="width:{{width}}px;height:900px;border:0"
            srcdoc="{{System.Net.WebUtility.HtmlEncode(File.ReadAllText(page))}}"></iframe><pre id="answer"></pre>
            <script>
            const frame = document.getElementById("frame");
            frame.addEventListener("load", () => {
              const view = frame.contentWindow, page = frame.contentDocument;
              let answer;
              try { answer = (() => { {{script}} })(); } catch (error) { answer = { error: String(error) }; }
              document.getElementById("answer").textContent = "ANSWER" + encodeURIComponent(JSON.stringify(answer)) + "END";
            });
            </script>
            """);
        var start = new ProcessStartInfo(Find()!, [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking",
            $"--user-data-dir={folder["profile"]}", "--enable-logging=stderr", "--v=0", "--window-size=1400,1000", "--virtual-time-budget=10000", "--dump-dom", new Uri(harness).AbsoluteUri,
        ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail("Chromium did not end.");
        }

        string[] console = [.. error.Result.Split('\n').Where(line => line.Contains(":CONSOLE", StringComparison.Ordinal))];
        Assert.That(console, Is.Empty);
        string dom = output.Result;
        int from = dom.IndexOf("ANSWER", dom.IndexOf("id=\"answer\"", StringComparison.Ordinal), StringComparison.Ordinal) + "ANSWER".Length;
        Assert.That(from, Is.GreaterThan("ANSWER".Length), $"the page was loaded: {error.Result}");
        return JsonDocument.Parse(Uri.UnescapeDataString(dom[from..dom.IndexOf("END", from, StringComparison.Ordinal)])).RootElement;
    }
}
