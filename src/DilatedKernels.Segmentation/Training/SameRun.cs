namespace DilatedKernels.Segmentation.Training;

/// <summary>Refuses to go on from a checkpoint of other settings: it may fit in its shapes, and the run would be neither of both.</summary>
internal static class SameRun
{
    private const int Shown = 3;
    private const string Missing = "null";

    // What a run may go on with otherwise: where its files are, how long it takes, what it writes.
    private static readonly HashSet<string> s_mayChange = ["data", "weights", "steps", "validateEvery", "followedImages", "earlyStop", "checkpointEvery"];

    /// <summary>Compares the configuration in a checkpoint with the run's.</summary>
    /// <exception cref="UserInputException">They differ; the message says in what.</exception>
    public static void Check(string checkpoint, TrainingConfig config, string configFile)
    {
        if (Checkpoint.ConfigOf(checkpoint) is not { } stored)
        {
            return;
        }

        Dictionary<string, string> there = ByName(stored);
        Dictionary<string, string> here = ByName(config);
        string[] differences =
        [
            .. here.Keys.Union(there.Keys)
                .Where(key => !s_mayChange.Contains(key))
                .Select(key => (Key: key, There: there.GetValueOrDefault(key, Missing), Here: here.GetValueOrDefault(key, Missing)))
                .Where(setting => setting.There != setting.Here)
                .Select(setting => $"{setting.Key} is {setting.There} there and {setting.Here} here"),
        ];
        if (differences.Length > 0)
        {
            string more = differences.Length > Shown ? $"; and {differences.Length - Shown} more differ" : "";
            throw new UserInputException(
                $"{checkpoint} is not of the run that {configFile} describes: {string.Join("; ", differences.Take(Shown))}{more}. Put the run's own file back, or start a new run with --weights {checkpoint}.");
        }
    }

    private static Dictionary<string, string> ByName(TrainingConfig config) => ConfigSettings.Of(config).ToDictionary(setting => setting.Key, setting => setting.Value);
}
