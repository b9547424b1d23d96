using DilatedKernels.Build.Kernels;

namespace DilatedKernels.Tests.Kernels;

/// <summary>What ptxas and the machine code say of every compiled kernel; it needs nvcc and no GPU.</summary>
internal sealed class PtxasAuditTests
{
    private static readonly string[] s_atomics = ["RED", "REDG", "ATOM", "ATOMG", "ATOMS", "UTMAREDG", "UBLKRED"];
    private static readonly string[] s_floats = ["F16", "F16x2", "BF16", "BF16_V2", "F32", "F64"];

    private KernelReport[] _reports = [];

    [OneTimeSetUp]
    public void ReadReports()
    {
        string path = Path.Combine(AppContext.BaseDirectory, "kernels", "ptxas.json");
        BuildPart.SkipUnless(File.Exists(path), BuildPart.Kernels, "the GPU kernels were not compiled: there was no nvcc; ./build.sh kernels gets it");
        _reports = KernelReport.Read(path);
    }

    [Test]
    public void EveryKernelHasMachineCodeForEveryArchitectureThatItsNameAllows()
    {
        Assert.That(_reports, Is.Not.Empty);
        foreach (IGrouping<(string File, string Name), KernelReport> kernel in _reports.GroupBy(r => (r.File, r.Name)))
        {
            string[] expected = kernel.Key.File.EndsWith("_sm90.cu", StringComparison.Ordinal) ? ["sm_90a"] : ["sm_80", "sm_90a"];
            Assert.That(kernel.Select(r => r.Architecture), Is.SupersetOf(expected), $"{kernel.Key.Name} in {kernel.Key.File}");
        }
    }

    [Test]
    public void RegistersAreNeverSpilled() => ExpectNone(r => r.SpillStoreBytes + r.SpillLoadBytes > 0, r => $"{r.SpillStoreBytes} bytes stored, {r.SpillLoadBytes} loaded");

    [Test]
    public void NoKernelUsesLocalMemory() =>
        ExpectNone(r => r.StackBytes > 0 || Local(r) > 0, r => $"{r.StackBytes} bytes of stack, {Local(r)} local loads and stores");

    [Test]
    public void NoKernelAddsFloatsAtomically() => ExpectNone(r => FloatAtomics(r).Any(), r => string.Join(", ", FloatAtomics(r)));

    [Test]
    public void ConvolutionsLoad128BitsAtATime()
    {
        RequireMachineCode();
        ExpectNone(r => r.File.StartsWith("conv2d/", StringComparison.Ordinal) && !LoadsSingleChannels(r) && WideLoads(r) == 0, r => $"its loads: {string.Join(", ", r.Opcodes.Keys.Where(o => o.StartsWith("LDG", StringComparison.Ordinal)))}");
    }

    [Test]
    public void KernelsOf128BitUnitsLoadThem()
    {
        RequireMachineCode();
        Assert.That(_reports.Where(HasWideUnits).Select(r => r.Name), Does.Contain("sparse_product_f32x4"));
        ExpectNone(r => HasWideUnits(r) && (WideLoads(r) == 0 || r.Count("STG", "128") == 0), _ => "no loads or no stores of 128 bits");
    }

    [Test]
    public void TensorCoreConvolutionsMultiplyThereAndCopyAsynchronously()
    {
        RequireMachineCode();
        Assert.That(_reports.Where(OnTensorCores), Is.Not.Empty);
        ExpectNone(r => OnTensorCores(r) && r.Count("HMMA", "F32", r.Name.Contains("_bf16_", StringComparison.Ordinal) ? "BF16" : "TF32") == 0, r => "no HMMA of its type");
        ExpectNone(r => OnTensorCores(r) && r.Count("LDGSTS", "128") == 0, r => "no asynchronous copies of 128 bits");
        ExpectNone(r => OnTensorCores(r) && r.Count("STG", "128") == 0, r => "no stores of 128 bits");
    }

    [Test]
    public void HopperConvolutionsMultiplyByWarpgroupsAndCopyByTensorMaps()
    {
        RequireMachineCode();
        KernelReport[] kernels = [.. _reports.Where(OnHopper)];
        Assert.That(kernels, Is.Not.Empty);
        Assert.That(kernels.Select(r => r.Name), Has.Some.Contains("_gather_").And.Some.Contains("_wgrad_"));
        // The products of a step, four or what a last block of channels needs: 4 + 3 + 2 + 1; of parts of float32 six for each.
        ExpectNone(r => OnHopper(r) && r.Opcodes.Where(o => o.Key.StartsWith($"HGMMA.64x{ConsumerColumns(r)}x{(Multiplies(r) == "tf32" ? "8.F32.TF32" : "16.F32.BF16")}", StringComparison.Ordinal)).Sum(o => o.Value)
            < (r.Name.Contains("_gather_", StringComparison.Ordinal) ? 10 : 4) * Multiplies(r) switch { "bf16x3" => 3, "bf16x6" => 6, _ => 1 }, r => "no HGMMA of its tile");
        ExpectNone(r => OnHopper(r) && r.Count("UTMALDG", "IM2COL") == 0, _ => "no im2col loads");
        ExpectNone(r => OnHopper(r) && r.Name.Contains("_gather_", StringComparison.Ordinal) && r.Count("UTMALDG", "3D") == 0, _ => "no loads of boxes");
        ExpectNone(r => OnHopper(r) && r.Count("USETMAXREG", "DEALLOC") == 0, _ => "the producer keeps its registers");
        ExpectNone(r => OnHopper(r) && r.Count("STG", "128") == 0, _ => "no stores of 128 bits");
        ExpectNone(r => OnHopper(r) && r.SerializesProducts, _ => "every product waits for the one before");
    }

    [Test]
    public void PairsOfBlocksShareByMulticastAndMeetTwice()
    {
        RequireMachineCode();
        KernelReport[] pairs = [.. _reports.Where(InPairs)];
        foreach (string pass in (string[])["_gather_", "_wgrad_"])
        {
            Assert.That(Widths(pass, "bf16"), Is.EquivalentTo(new[] { 256, 224, 168, 128 }));
        }

        Assert.That(Widths("_gather_", "tf32"), Is.EquivalentTo(new[] { 256, 168, 128 }));
        Assert.That(Widths("_wgrad_", "bf16x3"), Is.EquivalentTo(new[] { 256, 128 }));
        Assert.That(Widths("_gather_", "bf16x6"), Is.EquivalentTo(new[] { 128, 112 }));
        Assert.That(Widths("_wgrad_", "bf16x6"), Is.EquivalentTo(new[] { 128 }));

        ExpectNone(r => InPairs(r) && r.Count("UTMALDG", r.Name.Contains("_gather_", StringComparison.Ordinal) ? "3D" : "IM2COL", "MULTICAST") == 0, _ => "nothing is brought to both blocks");
        ExpectNone(r => OnHopper(r) && !InPairs(r) && r.Count("UTMALDG", "MULTICAST") + r.Count("UCGABAR_ARV") > 0, _ => "a block by itself has none to share with");
        ExpectNone(r => InPairs(r) && (r.Count("UCGABAR_ARV"), r.Count("UCGABAR_WAIT")) != (2, 2), _ => "the pair meets before the first copy and after the last");
        // .release.cluster at an mbarrier would be one a step.
        ExpectNone(r => InPairs(r) && r.Count("MEMBAR", "GPU") > 0, r => $"{r.Count("MEMBAR", "GPU")} fences of the whole GPU");

        IEnumerable<int> Widths(string pass, string multiplies) => pairs.Where(r => r.Name.Contains(pass, StringComparison.Ordinal) && Multiplies(r) == multiplies).Select(ConsumerColumns);
    }

    [Test]
    public void MachineCodeWasRead() => RequireMachineCode();

    private static int Local(KernelReport r) => r.Count("LDL") + r.Count("STL");

    // By vector loads, asynchronous copies, or the tensor memory accelerator, which moves whole boxes.
    private static int WideLoads(KernelReport r) => r.Count("LDG", "128") + r.Count("LDGSTS", "128") + r.Count("UTMALDG") + r.Count("UBLKCP");

    // max_pool_forward_f32x4, upsample_bilinear_forward_bf16x8.
    private static bool HasWideUnits(KernelReport r) => r.Name.EndsWith("_f32x4", StringComparison.Ordinal) || r.Name.EndsWith("_bf16x8", StringComparison.Ordinal);

    // For channel counts that are no multiple of four (eight in bfloat16): conv2d_fprop_f32_128x24_c1, conv2d_wgrad_f32_32x128_k1c1, and what pads and packs.
    private static bool LoadsSingleChannels(KernelReport r) =>
        r.Name.EndsWith("_c1", StringComparison.Ordinal) || r.Name.EndsWith("_k1c1", StringComparison.Ordinal) || r.File == "conv2d/conv2d_pack_sm80.cu";

    // conv2d_gather_bf16_sm80_128x64, conv2d_wgrad_tf32x3_sm80_64x128.
    private static bool OnTensorCores(KernelReport r) => r.Name.StartsWith("conv2d_", StringComparison.Ordinal) && r.Name.Contains("_sm80_", StringComparison.Ordinal);

    private static bool OnHopper(KernelReport r) => r.Name.StartsWith("conv2d_", StringComparison.Ordinal) && r.Name.Contains("_sm90_", StringComparison.Ordinal);

    // bf16x6 in conv2d_gather_bf16x6_sm90_128x112.
    private static string Multiplies(KernelReport r) => r.Name.Split('_')[2];

    private static bool InPairs(KernelReport r) => OnHopper(r) && r.Name.Contains("_pair_", StringComparison.Ordinal);

    // conv2d_gather_bf16_sm90_128x168, conv2d_gather_bf16_sm90_pair_128x168, and conv2d_wgrad_bf16_sm90_64x384, whose two consumers have half of the columns each.
    private static int ConsumerColumns(KernelReport r)
    {
        string[] tile = r.Name.Split('_')[^1].Split('x');
        return int.Parse(tile[1], System.Globalization.CultureInfo.InvariantCulture) / (tile[0] == "64" ? 2 : 1);
    }

    private static IEnumerable<string> FloatAtomics(KernelReport r) =>
        r.Opcodes.Keys.Where(o => o.Split('.') is [string name, .. string[] rest] && s_atomics.Contains(name) && rest.Intersect(s_floats).Any());

    private void RequireMachineCode() => ExpectNone(r => r.Opcodes.Count == 0, _ => "no instructions listed: was cuobjdump missing beside nvcc?");

    private void ExpectNone(Func<KernelReport, bool> offends, Func<KernelReport, string> why) =>
        Assert.That(_reports.Where(offends).Select(r => $"{r.Name} ({r.Architecture}, {r.File}): {why(r)}"), Is.Empty);
}
