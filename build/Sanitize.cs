using System.Globalization;

namespace DilatedKernels.Build;

/// <summary>
/// Runs every test that runs on a device with the kernels compiled for the processor in place of a GPU: by AddressSanitizer and UndefinedBehaviorSanitizer, and by
/// the runtime's own checks of races, bounds and uninitialised memory, each in several orders of threads and blocks.
/// </summary>
internal static class Sanitize
{
    // Fixtures are named by their device; what tests the runtime itself opens the builds that it needs.
    private const string OnHost = "FullyQualifiedName~host&FullyQualifiedName!~Host";
    private const int DefaultOrders = 5;

    /// <param name="arguments">How many orders, 5 by default.</param>
    /// <param name="compile">Builds everything.</param>
    /// <param name="test">Runs the test program with arguments.</param>
    public static int Run(string[] arguments, Func<int> compile, Func<string[], int> test)
    {
        int orders = DefaultOrders;
        if (arguments.Length > 1 || (arguments.Length == 1 && !(int.TryParse(arguments[0], NumberStyles.None, CultureInfo.InvariantCulture, out orders) && orders >= 1)))
        {
            throw new BuildException("usage: ./build.sh sanitize [ORDERS], the number of orders in which threads and blocks run, 1 or more; 5 by default.");
        }

        if (!OperatingSystem.IsLinux())
        {
            throw new BuildException("The sanitizers' libraries are loaded before the program by LD_PRELOAD, which only Linux has.");
        }

        string preload = $"{Library("libasan.so")} {Library("libubsan.so")}";
        int failed = compile();
        if (failed != 0)
        {
            return failed;
        }

        foreach (string build in (string[])["address", "checked"])
        {
            bool isAddress = build == "address";
            Environment.SetEnvironmentVariable("LD_PRELOAD", isAddress ? preload : null);
            // .NET handles its own faults and stacks, and what is found becomes a launch's error.
            Environment.SetEnvironmentVariable("ASAN_OPTIONS", "detect_leaks=0:handle_segv=0:use_sigaltstack=0:halt_on_error=0");
            Environment.SetEnvironmentVariable("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1");
            Environment.SetEnvironmentVariable("DILATEDKERNELS_REQUIRE", "host");
            Environment.SetEnvironmentVariable("DILATEDKERNELS_HOST_BUILD", build);
            for (int order = 0; order < orders; order++)
            {
                Environment.SetEnvironmentVariable("DILATEDKERNELS_HOST_ORDER", order.ToString(CultureInfo.InvariantCulture));
                Console.WriteLine($"== {build} build, order {order}");
                failed |= test(["--filter", OnHost]);
            }
        }

        return failed;
    }

    private static string Library(string name)
    {
        string compiler = Environment.GetEnvironmentVariable("CXX") ?? "g++";
        string path = Command.Find(compiler) is null ? "" : Command.Capture(compiler, [$"-print-file-name={name}"]).Output.Trim();
        return File.Exists(path)
            ? path
            : throw new BuildException($"{compiler} has no {name}; on Debian it comes with g++.");
    }
}
