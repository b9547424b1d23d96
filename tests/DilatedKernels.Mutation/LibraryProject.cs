using System.Text.Json;
using DilatedKernels.Build;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.CodeAnalysis.Text;

namespace DilatedKernels.Mutation;

/// <summary>A project of the library in memory, ready to be compiled with one file changed. The compiler's arguments, sources and generators are those of the build.</summary>
internal sealed class LibraryProject
{
    private readonly CSharpCompilation _compilation;
    private readonly IEnumerable<ResourceDescription> _resources;

    private LibraryProject(string name, CSharpCompilation compilation, IEnumerable<ResourceDescription> resources) =>
        (Name, _compilation, _resources) = (name, compilation, resources);

    public string Name { get; }

    /// <summary>Loads a project that has been built.</summary>
    public static LibraryProject Load(string name)
    {
        string folder = Path.GetFullPath(Path.Combine("src", name));
        CSharpCommandLineArguments arguments = CSharpCommandLineParser.Default.Parse(CompilerArguments(Path.Combine(folder, $"{name}.csproj")), folder, sdkDirectory: null);

        // Only whether it compiles counts here: no warnings, and no documentation, which takes a third of the time.
        CSharpParseOptions parse = arguments.ParseOptions.WithDocumentationMode(DocumentationMode.None);
        CSharpCompilationOptions options = arguments.CompilationOptions
            .WithGeneralDiagnosticOption(ReportDiagnostic.Default)
            .WithSpecificDiagnosticOptions([]);
        Compilation compilation = CSharpCompilation.Create(
            arguments.CompilationName,
            arguments.SourceFiles.Select(f => CSharpSyntaxTree.ParseText(SourceText.From(File.ReadAllText(f.Path), System.Text.Encoding.UTF8), parse, f.Path)),
            arguments.MetadataReferences.Select(r => MetadataReference.CreateFromFile(r.Reference, r.Properties)),
            options);
        var loader = new GeneratorLoader();
        IEnumerable<ISourceGenerator> generators = arguments.AnalyzerReferences
            .Where(r => r.FilePath.Contains("Microsoft.NETCore.App.Ref", StringComparison.Ordinal))
            .SelectMany(r => new AnalyzerFileReference(r.FilePath, loader).GetGenerators(LanguageNames.CSharp));
        CSharpGeneratorDriver.Create(generators, parseOptions: parse).RunGeneratorsAndUpdateCompilation(compilation, out compilation, out _);
        var project = new LibraryProject(name, (CSharpCompilation)compilation, arguments.ManifestResources);
        return project.Compile(project._compilation, out string error) is not null
            ? project
            : throw new BuildException($"{name} does not compile unchanged: {error}");
    }

    /// <summary>The file's tree as it stands.</summary>
    public SyntaxTree Tree(string file) => _compilation.SyntaxTrees.First(t => t.FilePath == Path.GetFullPath(file));

    /// <summary>The assembly with one change, or null where the change does not compile.</summary>
    public byte[]? Compile(Mutant mutant)
    {
        SyntaxTree tree = Tree(mutant.File);
        SyntaxTree changed = tree.WithChangedText(tree.GetText().WithChanges(new TextChange(mutant.Span, mutant.Text)));
        return Compile(_compilation.ReplaceSyntaxTree(tree, changed), out _);
    }

    private byte[]? Compile(CSharpCompilation compilation, out string error)
    {
        using var stream = new MemoryStream();
        EmitResult result = compilation.Emit(stream, manifestResources: _resources);
        error = string.Join(Environment.NewLine, result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Take(3));
        return result.Success ? stream.ToArray() : null;
    }

    private static string[] CompilerArguments(string project)
    {
        // A file that never exists makes the compiler's step due whatever has been built; the step itself is skipped.
        CommandOutput run = Command.Capture("dotnet",
        [
            "msbuild", project, "-nologo", "-target:Compile", "-property:Configuration=Release", "-property:BuildProjectReferences=false", "-property:NonExistentFile=none",
            "-property:SkipCompilerExecution=true", "-property:ProvideCommandLineArgs=true", "-getItem:CscCommandLineArgs",
        ]);
        if (run.ExitCode != 0)
        {
            throw new BuildException($"The compiler's arguments for {project} cannot be had: {run.Output}{run.Error}");
        }

        using JsonDocument json = JsonDocument.Parse(run.Output);
        return [.. json.RootElement.GetProperty("Items").GetProperty("CscCommandLineArgs").EnumerateArray().Select(a => a.GetProperty("Identity").GetString()!)];
    }

    private sealed class GeneratorLoader : IAnalyzerAssemblyLoader
    {
        public void AddDependencyLocation(string fullPath)
        {
        }

        public System.Reflection.Assembly LoadFromPath(string fullPath) => System.Reflection.Assembly.LoadFrom(fullPath);
    }
}
