// What a program with the packages does: trains ten steps, and prints each step's loss so that every bit can be compared.
using System.Globalization;
using DilatedKernels.Consumer;

foreach (float loss in TenSteps.Losses())
{
    Console.WriteLine(loss.ToString("R", CultureInfo.InvariantCulture));
}
