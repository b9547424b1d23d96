using System.Globalization;
using System.IO.Compression;
using System.Xml.Linq;
using DilatedKernels.Consumer;
using DilatedKernels.Segmentation.Imaging;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Tests.Build.Packages;

/// <summary>The packages as their users get them: what is in them, a program that restores them and trains, and the installed tool.</summary>
public class PackagesTests
{
    private PackedFolder _packed = null!;

    [OneTimeSetUp]
    public void Pack() => _packed = new PackedFolder();

    [OneTimeTearDown]
    public void Delete() => _packed?.Dispose();

    [TestCase("DilatedKernels")]
    [TestCase("DilatedKernels.Segmentation")]
    [TestCase("DilatedKernels.Cli")]
    public void APackageHasReadmeIconLicenceAndSymbols(string name)
    {
        using ZipArchive package = ZipFile.OpenRead(_packed.Package(name));
        XElement metadata = Metadata(package);
        string? Value(string element) => metadata.Elements().SingleOrDefault(e => e.Name.LocalName == element)?.Value;
        Assert.That((Value("id"), Value("version")), Is.EqualTo((name, PackedFolder.Version)));
        Assert.That(Value("license"), Is.EqualTo("MIT"));
        Assert.That(Value("description"), Is.Not.Empty);
        Assert.That(package.GetEntry(Value("readme")!)!.Length, Is.GreaterThan(100));
        Assert.That(package.GetEntry(Value("icon")!)!.Length, Is.InRange(100, 20_000));

        using ZipArchive symbols = ZipFile.OpenRead(_packed.Package(name, "snupkg"));
        Assert.That(symbols.Entries.Select(e => Path.GetExtension(e.Name)), Does.Contain(".pdb"));
    }

    [TestCase("DilatedKernels")]
    [TestCase("DilatedKernels.Segmentation")]
    public void ALibraryBringsItsDocumentation(string name)
    {
        using ZipArchive package = ZipFile.OpenRead(_packed.Package(name));
        Assert.That(package.GetEntry($"lib/net10.0/{name}.dll"), Is.Not.Null);
        using Stream documentation = package.GetEntry($"lib/net10.0/{name}.xml")!.Open();
        Assert.That(XDocument.Load(documentation).Descendants("member").Count(), Is.GreaterThan(100));
    }

    [Test]
    public void TheCorePackageDependsOnNothingAndIsSmall()
    {
        using ZipArchive package = ZipFile.OpenRead(_packed.Package("DilatedKernels"));
        Assert.That(Metadata(package).Descendants().Where(e => e.Name.LocalName == "dependency"), Is.Empty);
        Assert.That(new FileInfo(_packed.Package("DilatedKernels")).Length, Is.LessThan(5 << 20));
    }

    [Test]
    public void ThePackageOfNetworksDependsOnWhatItUsesAndNoAnalyzer()
    {
        using ZipArchive package = ZipFile.OpenRead(_packed.Package("DilatedKernels.Segmentation"));
        Assert.That(
            Metadata(package).Descendants().Where(e => e.Name.LocalName == "dependency").Select(e => (string?)e.Attribute("id")),
            Is.EquivalentTo((string[])["DilatedKernels", "Google.Protobuf", "OxyPlot.Core", "StbImageSharp"]));
    }

    [Test]
    public void AProgramThatRestoresThePackagesTrainsTenStepsToTheSameBits()
    {
        _packed.CopyProject("tests/DilatedKernels.Consumer", "consumer");
        _packed.Dotnet("msbuild", "consumer", "-restore", "-target:Build", $"-property:PackedVersion={PackedFolder.Version}", $"-property:OutputPath={_packed["consumer/out"]}/", "-nologo", "-verbosity:quiet");
        float[] losses = [.. _packed.Dotnet(_packed["consumer/out/consumer.dll"]).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => float.Parse(line, CultureInfo.InvariantCulture))];
        Assert.That(losses, Has.Length.EqualTo(10));
        Assert.That(losses[9], Is.LessThan(0.9f * losses[0]));
        Assert.That(losses, Is.EqualTo(TenSteps.Losses()));
        Assert.That(File.ReadAllBytes(_packed["consumer/out/DilatedKernels.dll"]), Is.EqualTo(File.ReadAllBytes(typeof(Tensor).Assembly.Location)));
    }

    [Test]
    public void TheToolInstallsAndPredicts()
    {
        _packed.Dotnet("tool", "install", "DilatedKernels.Cli", "--tool-path", _packed["tools"], "--version", PackedFolder.Version, "--configfile", _packed["nuget.config"]);
        using (Device device = Device.CreateCpu(1))
        using (SegmentationModel model = SegmentationModel.Create(device, new ModelConfig { Name = "front end", FrontEnd = FrontEndConfig.Vgg16(3, 1.0 / 16) }, seed: 1))
        {
            ModelFile.Save(_packed["model.safetensors"], model);
        }

        PngWriter.Write(_packed["photo.png"], new RgbImage(40, 30));
        _packed.Run(_packed["tools/dilated"], "predict", "model.safetensors", "photo.png", "--out", "masks");
        Assert.That(MaskFile.Read(_packed["masks/photo.png"]), Has.Property("Width").EqualTo(40).And.Property("Height").EqualTo(30));
    }

    private static XElement Metadata(ZipArchive package)
    {
        using Stream nuspec = package.Entries.Single(e => e.FullName.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        return XDocument.Load(nuspec).Root!.Elements().Single(e => e.Name.LocalName == "metadata");
    }
}
