using DilatedKernels.Measuring;

namespace DilatedKernels.Tests;

/// <summary>
/// Parts that a build leaves out, most where the machine has no compiler for them, a browser, MPI, limited links, and what packages need. Their tests are skipped then, with the reason; the environment
/// variable DILATEDKERNELS_REQUIRE lists the parts, separated by commas, whose absence is a failure instead.
/// </summary>
internal static class BuildPart
{
    /// <summary>The GPU kernels, compiled by nvcc.</summary>
    public const string Kernels = "kernels";

    /// <summary>The kernels compiled for the CPU.</summary>
    public const string Host = "host";

    /// <summary>Chromium, which is no part of the build but shows its pages.</summary>
    public const string Browser = "browser";

    /// <summary>The tree and an SDK, which make packages and a program that uses them.</summary>
    public const string Packages = "packages";

    /// <summary>The command as a native executable, which ./build.sh aot makes.</summary>
    public const string Native = "aot";

    /// <summary>Open MPI and MPICH, each with its mpirun, which is no part of the build.</summary>
    public const string Mpi = "mpi";

    /// <summary>Hosts on this machine that limited links join: Linux, the rights of root, iproute2 and util-linux.</summary>
    public const string Links = "links";

    private static readonly Lazy<string?> s_whyNoLinks = new(LinkedHosts.WhyNot);

    public static void SkipUnlessLinks() => SkipUnless(s_whyNoLinks.Value is null, Links, s_whyNoLinks.Value ?? "");

    public static void SkipUnless(bool present, string part, string reason)
    {
        if (present)
        {
            return;
        }

        if (IsRequired(part))
        {
            Assert.Fail(Missing(part, reason));
        }

        Assert.Ignore(reason);
    }

    /// <summary>For sources of fixtures, which cannot fail a test: refuses to list any.</summary>
    public static void ThrowIfRequired(string part, string reason)
    {
        if (IsRequired(part))
        {
            throw new InvalidOperationException(Missing(part, reason));
        }
    }

    private static bool IsRequired(string part) =>
        (Environment.GetEnvironmentVariable("DILATEDKERNELS_REQUIRE") ?? "").Split(',', StringSplitOptions.TrimEntries).Contains(part);

    private static string Missing(string part, string reason) => $"DILATEDKERNELS_REQUIRE asks for '{part}', and {reason}";
}
