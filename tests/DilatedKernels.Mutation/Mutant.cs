using Microsoft.CodeAnalysis.Text;

namespace DilatedKernels.Mutation;

/// <summary>One change to one place of the source.</summary>
/// <param name="Area">The part of the library that it is counted under.</param>
/// <param name="File">Path from the root of the tree, with slashes.</param>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1.</param>
/// <param name="Repeat">0, or how many lines above it in the file are the same and changed in the same way.</param>
/// <param name="Source">The line as it stands, without its indentation.</param>
/// <param name="Change">What becomes of which piece of it.</param>
/// <param name="Span">The characters that are replaced.</param>
/// <param name="Text">What stands there instead.</param>
internal sealed record Mutant(string Area, string File, int Line, int Column, int Repeat, string Source, string Change, TextSpan Span, string Text)
{
    /// <summary>Names the mutant whatever lines are added or removed above it.</summary>
    public string Key => $"{File}\t{Column}\t{Change}\t{Source}" + (Repeat == 0 ? "" : $"\t{Repeat}");
}

internal enum Outcome
{
    /// <summary>A test failed, or the test program crashed.</summary>
    Killed,

    /// <summary>The tests did not end in the time that is many times theirs.</summary>
    TimedOut,

    /// <summary>Every test passed.</summary>
    Survived,
}

/// <summary>What became of a mutant, and the commit whose tests decided it.</summary>
internal readonly record struct Verdict(Mutant Mutant, Outcome Outcome, string Commit);
