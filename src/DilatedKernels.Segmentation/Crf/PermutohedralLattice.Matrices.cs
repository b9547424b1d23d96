using System.Runtime.InteropServices;

namespace DilatedKernels.Segmentation.Crf;

internal sealed partial class PermutohedralLattice
{
    /// <summary>
    /// What <see cref="Apply"/> computes as matrices on a device, to be applied in this order: the splat, the blur along each axis, the slice. The factors
    /// of the pixels are in the weights of the first and the last; a lattice point that is missing has no entry.
    /// </summary>
    public IEnumerable<SparseMatrix> ToMatrices(Device device, float[]? before, float[]? after)
    {
        yield return Matrix(device, Points, _firstOf, k => new SparseEntry(_pointOf[k], before is null ? _weightOf[k] : _weightOf[k] * before[_pointOf[k]]));
        for (int axis = 0; axis < _corners; axis++)
        {
            yield return BlurMatrix(device, axis);
        }

        int[] firstOf = new int[Points + 1];
        for (int i = 0; i < Points; i++)
        {
            firstOf[i + 1] = firstOf[i] + _corners;
        }

        yield return Matrix(device, _vertices, firstOf, at => new SparseEntry(_vertexAt[at], _weightAt[at] * (after is null ? _amplitude : _amplitude * after[at / _corners])));
    }

    private SparseMatrix BlurMatrix(Device device, int axis)
    {
        int[] firstOf = new int[_vertices + 1];
        var entries = new List<SparseEntry>(2 * _vertices);
        int start = 2 * axis * _vertices;
        for (int v = 0; v < _vertices; v++)
        {
            entries.Add(new SparseEntry(v, 1));
            foreach (int neighbour in (ReadOnlySpan<int>)_neighbours.AsSpan(start + (2 * v), 2))
            {
                if (neighbour < _vertices)
                {
                    entries.Add(new SparseEntry(neighbour, 0.5f));
                }
            }

            firstOf[v + 1] = entries.Count;
        }

        return SparseMatrix.FromRows(device, _vertices, firstOf, CollectionsMarshal.AsSpan(entries));
    }

    private SparseMatrix Matrix(Device device, int columns, int[] firstOf, Func<int, SparseEntry> entry)
    {
        var entries = new SparseEntry[firstOf[^1]];
        _pieces.For(entries.Length, Rows.Grain, (begin, end) =>
        {
            for (int k = begin; k < end; k++)
            {
                entries[k] = entry(k);
            }
        });
        return SparseMatrix.FromRows(device, columns, firstOf, entries);
    }
}
