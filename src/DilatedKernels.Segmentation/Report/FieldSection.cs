using System.Globalization;
using System.Text;
using DilatedKernels.Segmentation.Figures;
using DilatedKernels.Segmentation.Models;

namespace DilatedKernels.Segmentation.Report;

/// <summary>How a run's context module widens what a score depends on, layer by layer: a slider, or played.</summary>
internal static class FieldSection
{
    public static void Append(StringBuilder page, RunData run)
    {
        if (run.Config.Model.Context is not { } context)
        {
            return;
        }

        IReadOnlyList<DilatedStack> stacks = DilatedStack.Of(context.Dilations);
        string pixels = run.Config.Model.HasTrunk
            ? string.Create(CultureInfo.InvariantCulture, $" With the network before it, a score depends on {Pixels(run.Config.Model)} pixels along a side.")
            : "";
        string gaps = stacks[^1].Gaps == 0 ? "No cell within is left out." : "Hatched cells within are never touched: gridding.";
        page.Append(CultureInfo.InvariantCulture, $"""
            <section aria-labelledby="field"><h2 id="field">What context adds</h2>
            <p>The score cells that one output of the context module depends on (area), and the taps of each 3×3 layer (dots). {gaps}{pixels}</p>
            <div class="growth"><svg viewBox="0 0 {DilationFigure.Panel} {DilationFigure.Panel}" role="img" aria-labelledby="layer-value"><defs>{DilationFigure.GapPattern}</defs>

            """);
        string[] texts = [.. stacks.Select((stack, i) => string.Create(CultureInfo.InvariantCulture, $"layer {i + 1} of {stacks.Count}, dilation {context.Dilations[i]}, {stack.Field}×{stack.Field} cells"))];
        for (int i = 0; i < stacks.Count; i++)
        {
            page.Append(CultureInfo.InvariantCulture, $"<g class=\"layer\"{(i + 1 < stacks.Count ? " hidden" : "")}>");
            DilationFigure.Draw(page, stacks[i], stacks[^1].Field);
            page.Append("</g>\n");
        }

        page.Append(CultureInfo.InvariantCulture, $"""
            </svg><div class="player"><button type="button" id="layer-play">Play</button><label for="layer" class="hidden">Layer</label><input type="range" id="layer" min="1" max="{stacks.Count}" value="{stacks.Count}" data-texts="{string.Join('|', texts)}"><output for="layer" id="layer-value">{texts[^1]}</output></div></div></section>

            """);
    }

    private static string Pixels(ModelConfig model) =>
        Html.Count(new Architecture(model).Nodes[^1].Placement.Field);
}
