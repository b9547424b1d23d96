using System.Text.RegularExpressions;

namespace DilatedKernels.Tests.Segmentation.Report;

/// <summary>Reads a page more strictly than any browser: every element is closed in its order, every attribute is in quotation marks and there once, and text has no loose brackets.</summary>
internal static partial class StrictHtml
{
    private static readonly HashSet<string> s_void = ["meta", "link", "input", "img", "br"];

    public sealed record Element(string Name, IReadOnlyDictionary<string, string> Attributes);

    /// <summary>All elements of the page, in order.</summary>
    public static IReadOnlyList<Element> Read(string page)
    {
        Assert.That(page, Does.StartWith("<!doctype html>\n"));
        var elements = new List<Element>();
        var open = new Stack<string>();
        int at = "<!doctype html>\n".Length;
        while (at < page.Length)
        {
            if (open.TryPeek(out string? inside) && inside is "style" or "script")
            {
                int end = page.IndexOf($"</{inside}>", at, StringComparison.Ordinal);
                Assert.That(end, Is.GreaterThan(0), $"{inside} is closed");
                at = end;
            }

            int next = page.IndexOf('<', at);
            string text = page[at..(next < 0 ? page.Length : next)];
            Assert.That(text, Does.Not.Contain(">"), "text has no loose bracket");
            Assert.That(LooseAmpersand().IsMatch(text), Is.False, text);
            if (next < 0)
            {
                break;
            }

            Match tag = Tag().Match(page, next);
            Assert.That(tag.Success && tag.Index == next, Is.True, page[next..Math.Min(page.Length, next + 120)]);
            at = next + tag.Length;
            string name = tag.Groups["name"].Value;
            if (tag.Groups["close"].Length > 0)
            {
                Assert.That(open.Count > 0 ? open.Pop() : "", Is.EqualTo(name), page[Math.Max(0, next - 120)..next]);
                continue;
            }

            var attributes = new Dictionary<string, string>();
            for (int i = 0; i < tag.Groups["key"].Captures.Count; i++)
            {
                string whole = tag.Groups["key"].Captures[i].Value;
                int equals = whole.IndexOf('=', StringComparison.Ordinal);
                string value = equals < 0 ? "" : whole[(equals + 2)..^1];
                Assert.That(attributes.TryAdd(equals < 0 ? whole : whole[..equals], System.Net.WebUtility.HtmlDecode(value)), Is.True, whole);
            }

            elements.Add(new Element(name, attributes));
            if (!s_void.Contains(name) && tag.Groups["self"].Length == 0)
            {
                open.Push(name);
            }
        }

        Assert.That(open, Is.Empty);
        return elements;
    }

    [GeneratedRegex("""<(?<close>/)?(?<name>[a-z0-9]+)(\s+(?<key>[a-zA-Z][a-zA-Z0-9-]*(="[^"<>]*")?))*(?<self>/)?>""", RegexOptions.ExplicitCapture)]
    private static partial Regex Tag();

    [GeneratedRegex("&(?!(#[0-9]+|#x[0-9A-Fa-f]+|[a-z]+);)")]
    private static partial Regex LooseAmpersand();
}
