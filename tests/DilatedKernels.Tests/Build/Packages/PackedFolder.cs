using System.Diagnostics;
using DilatedKernels.Tests.Segmentation;

namespace DilatedKernels.Tests.Build.Packages;

/// <summary>
/// The packages of what the tests run on, in a folder of their own, and room for programs that use them. Their sources are that folder and what this
/// machine has restored before, so that no network is needed; their cache is in the folder, so that no older package of that version is taken.
/// </summary>
internal sealed class PackedFolder : IDisposable
{
    private static readonly string[] s_projects = ["DilatedKernels", "DilatedKernels.Segmentation", "DilatedKernels.Cli"];
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);
    private readonly TemporaryFolder _folder = new();

    public PackedFolder()
    {
        BuildPart.SkipUnless(SourceTree.Root is not null, BuildPart.Packages, "there is no tree to make packages from");
        BuildPart.SkipUnless(HasSdk(), BuildPart.Packages, "there is no .NET SDK to make packages with");
        // As the tests' own build made the files, which are not built again.
        bool managedCuda = File.Exists(Path.Combine(AppContext.BaseDirectory, "DilatedKernels.ManagedCuda.dll"));
        foreach (string project in s_projects)
        {
            Dotnet("msbuild", Source(project), "-target:Pack", "-property:NoBuild=true", $"-property:UseManagedCuda={managedCuda}",
                $"-property:Configuration={Configuration}", $"-property:PackageOutputPath={this["packages"]}", "-nologo", "-verbosity:quiet");
        }

        string restored = Dotnet("msbuild", Source(s_projects[1]), "-getProperty:NuGetPackageRoot").Trim();
        _folder.Write("nuget.config", $"""
            <configuration>
              <packageSources>
                <clear />
                <add key="packed" value="{this["packages"]}" />
                <add key="restored" value="{restored}" />
              </packageSources>
              <config>
                <add key="globalPackagesFolder" value="{this["cache"]}" />
              </config>
              <fallbackPackageFolders>
                <clear />
              </fallbackPackageFolders>
            </configuration>
            """);
    }

    /// <summary>The version of every package.</summary>
    public static string Version { get; } = typeof(Tensor).Assembly.GetName().Version!.ToString(3);

    /// <summary>The path of a name within the folder.</summary>
    public string this[string name] => _folder[name];

    public string Package(string name, string ending = "nupkg") => _folder[$"packages/{name}.{Version}.{ending}"];

    /// <summary>Copies a project's own files out of the tree, where none of the tree's settings reach it.</summary>
    public void CopyProject(string source, string name)
    {
        Directory.CreateDirectory(this[name]);
        foreach (string file in Directory.EnumerateFiles(Path.Combine(SourceTree.Root!, source)))
        {
            File.Copy(file, Path.Combine(this[name], Path.GetFileName(file)));
        }
    }

    /// <summary>Runs the SDK in the folder, expects it to end well, and returns what it wrote.</summary>
    public string Dotnet(params string[] arguments) => Run("dotnet", arguments);

    /// <summary>Runs a program in the folder, expects it to end well, and returns what it wrote.</summary>
    public string Run(string program, params string[] arguments)
    {
        (int code, string output) = Start(program, arguments);
        Assert.That(code, Is.Zero, $"{program} {string.Join(' ', arguments)}: {output}");
        return output;
    }

    public void Dispose() => _folder.Dispose();

    // The tests were built as this: artifacts/bin/DilatedKernels.Tests/release.
    private static string Configuration => Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    private static string Source(string project) => Path.Combine(SourceTree.Root!, "src", project);

    private bool HasSdk()
    {
        try
        {
            return Start("dotnet", ["--version"]).Code == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private (int Code, string Output) Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = _folder.Path, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in (ReadOnlySpan<(string, string)>)[("MSBUILDDISABLENODEREUSE", "1"), ("UseSharedCompilation", "false"), ("DOTNET_CLI_TELEMETRY_OPTOUT", "1"), ("DOTNET_NOLOGO", "1")])
        {
            start.Environment[name] = value;
        }

        // It would come before the configuration's folder.
        start.Environment.Remove("NUGET_PACKAGES");
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end.");
        }

        return (process.ExitCode, output.Result + error.Result);
    }
}
