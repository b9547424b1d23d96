namespace DilatedKernels;

/// <summary>
/// How a GPU multiplies float32 in convolutions. Sums are float32 in all, and each gives the same bits in every run. Tensor cores take float32 from
/// compute capability 8.0 on; older GPUs compute as in <see cref="Strict"/> whatever was asked for.
/// </summary>
public enum Float32Precision
{
    /// <summary>float32 multiply-adds: a relative error below 1e-5.</summary>
    // The default until a GPU has measured that Split is as accurate there as it is on paper, and faster.
    Strict,

    /// <summary>
    /// Tensor cores, operands rounded to TF32 (11 significant bits): a relative error below 1e-3. On compute capability 9.0, where channels are many, weight gradients
    /// have operands as sums of two bfloat16 (16 bits), three products for one; that takes scratch memory of the operands' size, and infinite operands give NaN there.
    /// </summary>
    Tf32,

    /// <summary>
    /// Tensor cores, operands as sums of two TF32 numbers each, three products for one, or on compute capability 9.0, where channels are many, of three
    /// bfloat16, six products for one: a relative error below 1e-5. The latter takes scratch memory of 1.5 times the operands. Infinite operands give NaN, and
    /// so do those within 2⁻⁹ of the largest float32, which may round to infinity.
    /// </summary>
    Split,
}
