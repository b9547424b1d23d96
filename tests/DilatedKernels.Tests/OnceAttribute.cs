using NUnit.Framework.Interfaces;

[assembly: DilatedKernels.Tests.Once]

namespace DilatedKernels.Tests;

/// <summary>
/// Lets a run go on where an earlier one, on a machine with fewer <see cref="BuildPart"/>s, ended: the environment variable DILATEDKERNELS_PASSED names a file; tests whose names stand in it are not run,
/// and those that pass are added. Without it all run.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class OnceAttribute : Attribute, ITestAction
{
    private const string Variable = "DILATEDKERNELS_PASSED";

    // What tests the build itself finds more to do where more is built.
    private static readonly string[] s_always = [$"{nameof(DilatedKernels)}.{nameof(Tests)}.Build.", $"{nameof(DilatedKernels)}.{nameof(Tests)}.Docs."];

    private static readonly string? s_file = TakeFile();
    private static readonly HashSet<string> s_passed = s_file is not null && File.Exists(s_file) ? [.. File.ReadLines(s_file)] : [];

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
        if (s_file is not null && TestContext.CurrentContext.Result.Outcome.Status == TestStatus.Passed)
        {
            lock (s_passed)
            {
                File.AppendAllText(s_file, NameOf(test) + Environment.NewLine);
            }
        }
    }

    // Some tests start this program again, for other tests.
    private static string? TakeFile()
    {
        string? file = Environment.GetEnvironmentVariable(Variable);
        Environment.SetEnvironmentVariable(Variable, null);
        return string.IsNullOrEmpty(file) ? null : file;
    }

    private static string NameOf(ITest test) => test.FullName.ReplaceLineEndings(" ");
}
