using System.Runtime.InteropServices;

namespace DilatedKernels;

/// <summary>An element of a <see cref="SparseMatrix"/>; its row is known from its place.</summary>
/// <param name="Column">The column, from 0.</param>
/// <param name="Weight">The value.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly record struct SparseEntry(int Column, float Weight);
