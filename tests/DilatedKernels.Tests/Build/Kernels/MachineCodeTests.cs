using DilatedKernels.Build.Kernels;

namespace DilatedKernels.Tests.Build.Kernels;

internal sealed class MachineCodeTests
{
    private const string Sass = """
        Fatbin elf code:
        ================
        arch = sm_80

        	code for sm_80
        		Function : copy
        	.headerflags	@"EF_CUDA_SM80"
                /*0000*/                   LDG.E.128.CONSTANT R4, [R2.64] ;  /* 0x0000 */
                                                                             /* 0x0000 */
                /*0010*/              @!P0 LDG.E R8, [R2.64+0x10] ;          /* 0x0000 */
                /*0020*/                   LDGSTS.E.BYPASS.128 [R9], [R2] ;  /* 0x0000 */
                /*0030*/              @UP1 UIADD3 UR4, UR4, 0x1, URZ ;       /* 0x0000 */
                /*0040*/                   EXIT ;                            /* 0x0000 */
        	code for sm_90a
        		Function : copy
                /*0000*/                   LDG.E.128.CONSTANT R4, [R2.64] ;  /* 0x0000 */
                /*0010*/                   LDG.E.128.CONSTANT R8, [R2.64] ;  /* 0x0000 */
                /*0020*/                   HGMMA.64x16x16.F32.BF16 R24, gdesc[UR4], R24, gsb0 ;  /* 0x0000 */
        """;

    private const string Elf = """
        Fatbin elf code:
        ================
        arch = sm_90a

        .nv.info.copy
        	<0x1>
        	Attribute:	EIATTR_CBANK_PARAM_SIZE
        	Format:	EIFMT_HVAL
        	Value:	0x190
        	<0x2>
        	Attribute:	EIATTR_MAX_THREADS
        	Format:	EIFMT_SVAL
        	Value:	0x80 0x2 0x1
        """;

    [Test]
    public void CountsOpcodesOfEachKernelAndArchitecture()
    {
        var counts = MachineCode.CountOpcodes(Sass);
        Assert.That(counts[("copy", "sm_80")], Is.EquivalentTo(new Dictionary<string, int>
        {
            ["EXIT"] = 1,
            ["LDG.E"] = 1,
            ["LDG.E.128.CONSTANT"] = 1,
            ["LDGSTS.E.BYPASS.128"] = 1,
            ["UIADD3"] = 1,
        }));
        Assert.That(counts[("copy", "sm_90a")]["LDG.E.128.CONSTANT"], Is.EqualTo(2));
        Assert.That(counts[("copy", "sm_90a")]["HGMMA.64x16x16.F32.BF16"], Is.EqualTo(1));
    }

    [Test]
    public void AnInstructionIsCountedByNameAndModifiers()
    {
        var report = new KernelReport("copy", "a.cu", "sm_80", 0, 0, 0, 0, 0, 0, MachineCode.CountOpcodes(Sass)[("copy", "sm_80")]);
        Assert.That((report.Count("LDG"), report.Count("LDG", "128"), report.Count("LDGSTS", "128"), report.Count("LD")), Is.EqualTo((2, 1, 1, 0)));
    }

    [Test]
    public void ReadsLaunchBounds() => Assert.That(MachineCode.ReadMaxThreads(Elf)[("copy", "sm_90a")], Is.EqualTo(256));
}
