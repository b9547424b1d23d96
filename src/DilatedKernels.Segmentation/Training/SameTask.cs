using System.Reflection;
using System.Text;
using DilatedKernels.Distributed;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Makes sure that all processes of a group are about to train the same, before they begin.</summary>
internal static class SameTask
{
    private const char Separator = '\0';

    // Files that are the same may lie elsewhere; those that are not are found out by what is in them.
    private static readonly HashSet<string> s_mayDiffer = ["data", "weights"];

    /// <summary>Compares programs, settings, datasets and the step that was reached.</summary>
    /// <exception cref="UserInputException">Some differ; the message names a process and what differs, the same on every process.</exception>
    public static void Check(ProcessGroup group, TrainingConfig config, string training, string validation, long step)
    {
        (string Name, string Value)[] own =
        [
            ("the program", typeof(SameTask).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? ""),
            .. ConfigSettings.Of(config).Where(setting => !s_mayDiffer.Contains(setting.Key)).Select(setting => (setting.Key, setting.Value)),
            ("the training split", training), ("the validation split", validation), ("the step to go on from", $"{step}"),
        ];
        byte[][] all = group.AllGather(Encoding.UTF8.GetBytes(string.Join(Separator, own.Select(trait => $"{trait.Name} is {trait.Value}"))));
        int other = Array.FindIndex(all, traits => !traits.AsSpan().SequenceEqual(all[0]));
        if (other < 0)
        {
            return;
        }

        string[][] both = [.. new[] { all[0], all[other] }.Select(traits => Encoding.UTF8.GetString(traits).Split(Separator))];
        string here = both[0].Except(both[1]).FirstOrDefault() ?? "there is less";
        string there = both[1].Except(both[0]).FirstOrDefault() ?? "there is less";
        throw Together.Common(new UserInputException(
            $"{group.NameOf(other)} would train something else than {group.NameOf(0)}: there {there}, here {here}. All processes must have the same program, options and files."));
    }
}
