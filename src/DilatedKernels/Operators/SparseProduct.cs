namespace DilatedKernels;

public static partial class Ops
{
    /// <summary>
    /// A sparse matrix over the positions of an image, the same for every channel:
    /// <c>y(n, c, i) = addend(n, c, i) + scale · Σ_j A(i, j) · x(n, c, j)</c>, positions counted row by row.
    /// </summary>
    /// <param name="matrix">A, of as many columns as the input has positions. It gets no gradient.</param>
    /// <param name="x">Input <c>[N, C, H, W]</c>, float32.</param>
    /// <param name="scale">A factor of the product.</param>
    /// <param name="addend"><c>[N, C, 1, rows]</c>, float32, or null for zeros.</param>
    /// <returns><c>[N, C, 1, rows]</c>.</returns>
    /// <remarks>The first backward pass through a matrix reads it back to transpose it; the transpose is kept with the matrix.</remarks>
    /// <exception cref="ArgumentException">The shapes or devices do not fit each other, or a tensor is not float32.</exception>
    /// <exception cref="ObjectDisposedException">The matrix has been disposed.</exception>
    public static Tensor SparseProduct(SparseMatrix matrix, Tensor x, float scale = 1, Tensor? addend = null)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        Guard.SameDevice(x, addend);
        CheckSparseProduct(matrix, x, addend);
        Shape shape = x.Shape;
        Tensor y = Tape.NewOutput(x, new Shape(shape.N, shape.C, 1, matrix.Rows));
        matrix.Multiply(shape.N, shape.C, x.Buffer, addend?.Buffer, scale, y.Buffer);

        if (Tape.WillRecord(x, addend))
        {
            Tape.RecordNode(y, addend is null ? [x] : [x, addend], (dy, gradients) =>
            {
                gradients.Write(0, dx => matrix.Transpose().Multiply(shape.N, shape.C, dy, addend: null, scale, dx));
                if (addend is not null)
                {
                    gradients.Give(1);
                }
            });
        }

        return y;
    }

    private static void CheckSparseProduct(SparseMatrix matrix, Tensor x, Tensor? addend)
    {
        if (matrix.Device != x.Device)
        {
            throw new ArgumentException($"The matrix on {matrix.Device} and the tensor {x.Shape} on {x.Device} are on different devices.", nameof(matrix));
        }

        foreach (Tensor tensor in addend is null ? [x] : (ReadOnlySpan<Tensor>)[x, addend])
        {
            if (tensor.ElementType != ElementType.Float32)
            {
                throw new ArgumentException($"A sparse product is of float32; this {tensor.Shape} is {tensor.ElementType.Name()}, and Ops.Cast brings it to float32.");
            }
        }

        if ((long)x.Shape.H * x.Shape.W != matrix.Columns)
        {
            throw new ArgumentException($"The matrix has {matrix.Columns} columns, so the input has as many positions; {x.Shape} has {(long)x.Shape.H * x.Shape.W}.", nameof(x));
        }

        if (addend is not null && addend.Shape != new Shape(x.Shape.N, x.Shape.C, 1, matrix.Rows))
        {
            throw new ArgumentException($"The product is {new Shape(x.Shape.N, x.Shape.C, 1, matrix.Rows)}, and so is what is added; it was {addend.Shape}.", nameof(addend));
        }
    }
}
