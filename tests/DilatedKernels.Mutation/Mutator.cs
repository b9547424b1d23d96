using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;

namespace DilatedKernels.Mutation;

/// <summary>
/// Finds the places of a file where one operator, constant, condition or call can be changed. Texts of messages, attributes and what is thrown are left alone; so are hints
/// to the garbage collector, and default values of parameters, which the tests' calls took over when they were compiled. Not every change compiles: who uses one finds out.
/// </summary>
internal static class Mutator
{
    // Each operator, and what stands in its place.
    private static readonly Dictionary<string, string[]> Operators = Table(
        "+ -", "- +", "* /", "/ *", "% *", "<< >>", ">> <<", "& |", "| &", "^ &", "&& ||", "|| &&",
        "== !=", "!= ==", "< <= >=", "<= < >", "> >= <=", ">= > <", "++ --", "-- ++",
        "+= -=", "-= +=", "*= /=", "/= *=", "%= *=", "<<= >>=", ">>= <<=", "&= |=", "|= &=", "^= &=");

    private static readonly Dictionary<string, string[]> Functions = Table("Min Max", "Max Min", "Floor Ceiling", "Ceiling Floor");

    public static IEnumerable<Mutant> Find(string area, string file, SyntaxTree tree)
    {
        SourceText text = tree.GetText();
        var repeats = new Dictionary<(int, string, string), int>();
        foreach (SyntaxNode node in tree.GetRoot().DescendantNodes(n => !IsLeftAlone(n)))
        {
            foreach ((TextSpan span, string replacement) in Changes(node))
            {
                LinePosition at = text.Lines.GetLinePosition(span.Start);
                string change = replacement.Length == 0 || replacement == ";" ? $"{OneLine(text.ToString(span))} removed" : $"{OneLine(text.ToString(span))} → {OneLine(replacement)}";
                string source = OneLine(text.Lines[at.Line].ToString());
                int repeat = repeats.GetValueOrDefault((at.Character, source, change));
                repeats[(at.Character, source, change)] = repeat + 1;
                yield return new Mutant(area, file, at.Line + 1, at.Character + 1, repeat, source, change, span, replacement);
            }
        }
    }

    private static bool IsLeftAlone(SyntaxNode node) =>
        node is AttributeListSyntax or ThrowStatementSyntax or ThrowExpressionSyntax or InterpolatedStringExpressionSyntax or UsingDirectiveSyntax or
            EqualsValueClauseSyntax { Parent: ParameterSyntax } ||
        (node is ExpressionStatementSyntax statement && statement.ToString().StartsWith("GC.", StringComparison.Ordinal));

    private static IEnumerable<(TextSpan Span, string Text)> Changes(SyntaxNode node) => node switch
    {
        BinaryExpressionSyntax binary => Swaps(binary.OperatorToken),
        AssignmentExpressionSyntax assignment => Swaps(assignment.OperatorToken),
        RelationalPatternSyntax pattern => Swaps(pattern.OperatorToken),
        PostfixUnaryExpressionSyntax postfix => Swaps(postfix.OperatorToken),
        PrefixUnaryExpressionSyntax prefix when prefix.OperatorToken.Text is "!" or "-" or "~" => [(prefix.OperatorToken.Span, "")],
        PrefixUnaryExpressionSyntax prefix => Swaps(prefix.OperatorToken),
        LiteralExpressionSyntax literal => Constants(literal),
        ConditionalExpressionSyntax choice => [(choice.Span, $"{choice.Condition} ? {choice.WhenFalse} : {choice.WhenTrue}")],
        IfStatementSyntax { Condition: not BinaryExpressionSyntax and not PrefixUnaryExpressionSyntax } branch => [(branch.Condition.Span, $"!({branch.Condition})")],
        IdentifierNameSyntax { Parent: MemberAccessExpressionSyntax { Parent: InvocationExpressionSyntax } access } name
            when access.Name == name && Functions.ContainsKey(name.Identifier.Text) => Swaps(name.Identifier, Functions),
        ExpressionStatementSyntax { Expression: InvocationExpressionSyntax } call when !IsLeftAlone(call) => [(call.Span, ";")],
        _ => [],
    };

    private static IEnumerable<(TextSpan Span, string Text)> Swaps(SyntaxToken token, Dictionary<string, string[]>? table = null) =>
        (table ?? Operators).TryGetValue(token.Text, out string[]? others) ? others.Select(other => (token.Span, other)) : [];

    // A whole number grows by 1, any other doubles.
    private static IEnumerable<(TextSpan Span, string Text)> Constants(LiteralExpressionSyntax literal)
    {
        string? text = literal.Token.Value switch
        {
            true => "false",
            false => "true",
            int value => Whole(value, ""),
            uint value => Whole(value, "u"),
            long value => Whole(value, "L"),
            float value => (value == 0 ? 1 : 2 * value).ToString("R", CultureInfo.InvariantCulture) + "f",
            double value => (value == 0 ? 1 : 2 * value).ToString("R", CultureInfo.InvariantCulture) + "d",
            _ => null,
        };
        return text is null ? [] : [(literal.Span, text)];

        static string Whole(long value, string suffix) => (value + 1).ToString(CultureInfo.InvariantCulture) + suffix;
    }

    private static Dictionary<string, string[]> Table(params string[] rows) => rows.Select(r => r.Split(' ')).ToDictionary(r => r[0], r => r[1..]);

    private static string OneLine(string text) => string.Join(' ', text.Split((char[])[' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries));
}
