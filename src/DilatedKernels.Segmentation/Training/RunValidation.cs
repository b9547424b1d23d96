using DilatedKernels.Distributed;
using DilatedKernels.Segmentation.Data;
using DilatedKernels.Segmentation.Inference;
using DilatedKernels.Segmentation.Metrics;

namespace DilatedKernels.Segmentation.Training;

/// <summary>
/// A run's validations: one confusion matrix over the split, and pictures of the worst images and of those that the run follows in its folder. In a group, each process
/// predicts every Size-th image, and the first writes the pictures.
/// </summary>
internal sealed class RunValidation(RunFolder folder, IReadOnlyList<Sample> samples, ClassSet classes, int followedImages, ProcessGroup? group)
{
    private readonly FollowedImages _followed = new(folder.ValidationFolder, samples, followedImages, classes);

    /// <summary>Scores a predictor.</summary>
    /// <returns>The counts of all processes.</returns>
    /// <exception cref="OperationCanceledException">The run ends here.</exception>
    public ConfusionMatrix Run(Predictor predictor, long step, Ending ending)
    {
        (int rank, int size) = (group?.Rank ?? 0, group?.Size ?? 1);
        var pictures = new ValidationPictures(samples, classes);
        var matrix = new ConfusionMatrix(classes.Names.Count);
        for (int first = 0; first < samples.Count; first += size)
        {
            // Of the last images there may be fewer than processes, which keep step all the same.
            ending.ThrowIfDue();
            if (first + rank < samples.Count)
            {
                int index = first + rank;
                matrix.Merge(Evaluator.Run(
                    predictor, [samples[index]], classes,
                    (_, sample, prediction) =>
                    {
                        pictures.Add(index, prediction);
                        _followed.Add(sample, prediction);
                    },
                    ending.Token));
            }
        }

        if (group is not null)
        {
            matrix = ConfusionMatrix.FromCounts(classes.Names.Count, group.Sum([.. matrix.ToArray().Cast<long>()]));
            foreach (KeptPrediction[][] kept in group.Gather(KeptPrediction.ToBytes(pictures.Worst, _followed.Predictions)).Skip(1).Select(KeptPrediction.FromBytes))
            {
                Array.ForEach(kept[0], pictures.Add);
                Array.ForEach(kept[1], _followed.Add);
            }
        }

        if (rank == 0)
        {
            pictures.Write(folder.ValidationFolder, step, matrix);
            _followed.Write(step);
        }

        return matrix;
    }
}
