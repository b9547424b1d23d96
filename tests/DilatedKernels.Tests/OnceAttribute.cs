using NUnit.Framework.Interfaces;

[assembly: DilatedKernels.Tests.Once]

namespace DilatedKernels.Tests;

/// <summary>
/// Lets a run go on where an earlier one, on a machine with fewer <see cref="BuildPart"/>s, ended: the environment variable DILATEDKERNELS_PASSED names a folder; tests whose names stand in its files are not
/// run, and those that pass are added, by each process to a file of its own. Without it all run.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class OnceAttribute : Attribute, ITestAction
{
    private const string Variable = "DILATEDKERNELS_PASSED";

    // What tests the build itself finds more to do where more is built.
    private static readonly string[] s_always = [$"{nameof(DilatedKernels)}.{nameof(Tests)}.Build.", $"{nameof(DilatedKernels)}.{nameof(Tests)}.Docs."];

    private static readonly string? s_folder = TakeFolder();
    private static readonly HashSet<string> s_passed = s_folder is not null ? [.. Directory.CreateDirectory(s_folder).EnumerateFiles().SelectMany(file => File.ReadLines(file.FullName))] : [];

    /// <inheritdoc/>
    public ActionTargets Targets => ActionTargets.Test;

    /// <inheritdoc/>
    public void BeforeTest(ITest test)
    {
        if (s_passed.Contains(NameOf(test)) && !Array.Exists(s_always, test.FullName.StartsWith))
        {
            Assert.Ignore("It passed in the run before.");
        }
    }

    /// <inheritdoc/>
    public void AfterTest(ITest test)
    {
        if (s_folder is not null && TestContext.CurrentContext.Result.Outcome.Status == TestStatus.Passed)
        {
            lock (s_passed)
            {
                File.AppendAllText(Path.Combine(s_folder, $"{Environment.ProcessId}.txt"), NameOf(test) + Environment.NewLine);
            }
        }
    }

    // Some tests start this program again, for other tests.
    private static string? TakeFolder()
    {
        string? folder = Environment.GetEnvironmentVariable(Variable);
        Environment.SetEnvironmentVariable(Variable, null);
        return string.IsNullOrEmpty(folder) ? null : folder;
    }

    private static string NameOf(ITest test) => test.FullName.ReplaceLineEndings(" ");
}
