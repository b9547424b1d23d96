using System.Reflection;
using System.Text;
using DilatedKernels.Distributed;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Makes sure that all processes of a group are about to do the same, before they begin.</summary>
internal static class SameTask
{
    private const char Separator = '\0';

    // Files that are the same may lie elsewhere; those that are not are found out by what is in them.
    private static readonly HashSet<string> s_mayDiffer = ["data", "weights"];

    /// <summary>Compares the settings of a training, its dataset and the step that was reached.</summary>
    /// <inheritdoc cref="Check(ProcessGroup, IEnumerable{ValueTuple{string, string}})"/>
    public static void Check(ProcessGroup group, TrainingConfig config, string training, string validation, long step) => Check(
        group,
        [
            .. ConfigSettings.Of(config).Where(setting => !s_mayDiffer.Contains(setting.Key)),
            ("the training split", training), ("the validation split", validation), ("the step to go on from", $"{step}"),
        ]);

    /// <summary>Compares programs, and what else there is.</summary>
    /// <exception cref="UserInputException">Some differ; the message names a process and what differs, the same on every process.</exception>
    public static void Check(ProcessGroup group, IEnumerable<(string Name, string Value)> traits)
    {
        string program = typeof(SameTask).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        string own = string.Join(Separator, traits.Prepend(("the program", program)).Select(trait => $"{trait.Item1} is {trait.Item2}"));
        byte[][] all = group.AllGather(Encoding.UTF8.GetBytes(own));
        int other = Array.FindIndex(all, theirs => !theirs.AsSpan().SequenceEqual(all[0]));
        if (other < 0)
        {
            return;
        }

        string[][] both = [.. new[] { all[0], all[other] }.Select(text => Encoding.UTF8.GetString(text).Split(Separator))];
        string here = both[0].Except(both[1]).FirstOrDefault() ?? "there is less";
        string there = both[1].Except(both[0]).FirstOrDefault() ?? "there is less";
        throw Together.Common(new UserInputException(
            $"{group.NameOf(other)} would do something else than {group.NameOf(0)}: there {there}, here {here}. All processes must have the same program, options and files."));
    }
}
