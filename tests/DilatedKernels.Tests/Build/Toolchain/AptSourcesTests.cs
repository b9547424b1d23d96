using DilatedKernels.Build.Toolchain;

namespace DilatedKernels.Tests.Build.Toolchain;

internal sealed class AptSourcesTests
{
    private static readonly string[] s_bookworm = ["bookworm"];

    [Test]
    public void ReadsParagraphs()
    {
        AptSource[] sources =
        [
            .. AptSources.ParseStanzas("""
                # the machine's own
                Types: deb deb-src
                URIs: http://one.example/debian http://two.example/debian
                Suites: bookworm bookworm-updates
                Components: main
                Signed-By: /usr/share/keyrings/key.gpg

                Types: deb
                Enabled: no
                URIs: http://off.example/debian
                Suites: bookworm

                Types: deb-src
                URIs: http://source.example/debian
                Suites: bookworm
                """),
        ];
        Assert.That(sources.Select(s => s.Uri), Is.EqualTo(new[] { "http://one.example/debian", "http://two.example/debian" }));
        Assert.That(sources[0].Suites, Is.EqualTo(new[] { "bookworm", "bookworm-updates" }));
        Assert.That(sources[0].SignedBy, Is.EqualTo("/usr/share/keyrings/key.gpg"));
    }

    [Test]
    public void KeepsAKeyThatIsWrittenOut()
    {
        AptSource source = AptSources.ParseStanzas("Types: deb\nURIs: http://a.example\nSuites: sid\nSigned-By:\n -----BEGIN\n .\n abc\n").Single();
        Assert.That(source.SignedBy, Is.EqualTo("\n -----BEGIN\n .\n abc"));
    }

    [Test]
    public void ReadsLines()
    {
        AptSource[] sources =
        [
            .. AptSources.ParseList("""
                # deb http://comment.example/debian bookworm main
                deb [arch=amd64 signed-by=/key.gpg] http://a.example/debian bookworm main contrib # note
                deb-src http://a.example/debian bookworm main
                deb http://b.example/debian-security bookworm-security main
                """),
        ];
        Assert.That(sources.Select(s => s.Uri), Is.EqualTo(new[] { "http://a.example/debian", "http://b.example/debian-security" }));
        Assert.That(sources[0].SignedBy, Is.EqualTo("/key.gpg"));
        Assert.That(sources[0].Suites, Is.EqualTo(s_bookworm));
        Assert.That(sources[1].SignedBy, Is.Null);
    }

    [Test]
    public void TheMainArchiveIsTheOneWithAWholeRelease()
    {
        AptSource[] sources =
        [
            new("cdrom:[Debian]/", s_bookworm, null),
            new("http://a.example/debian-security", ["bookworm-security"], null),
            new("http://a.example/debian", ["bookworm", "bookworm-updates"], null),
        ];
        Assert.That(AptSources.DebianArchive(sources, "bookworm"), Is.SameAs(sources[2]));
        Assert.That(AptSources.DebianArchive(sources[..2], "bookworm"), Is.Null);
    }
}
