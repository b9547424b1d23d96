// Draws a small dataset as people have them: JPEG photographs in photos/, masks whose colours mean classes in labels/, nothing that says which are for validation.
//
//     dotnet run --project samples/Leaves -- leaves 30
using System.Globalization;
using DilatedKernels.Segmentation.Imaging;
using Leaves;
using StbImageWriteSharp;

const int Quality = 90;

if (args.Length is < 1 or > 2 || args[0].Length == 0 || !int.TryParse(args.ElementAtOrDefault(1) ?? "30", NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count is < 1 or > 999)
{
    Console.Error.WriteLine("usage: leaves FOLDER [COUNT]   (1 to 999 photographs; 30 by default)");
    return 2;
}

try
{
    (string photos, string labels) = (Path.Combine(args[0], "photos"), Path.Combine(args[0], "labels"));
    Directory.CreateDirectory(photos);
    Directory.CreateDirectory(labels);
    for (int i = 1; i <= count; i++)
    {
        (RgbImage photo, RgbImage mask) = Scene.Draw(i);
        using (FileStream file = File.Create(Path.Combine(photos, string.Create(CultureInfo.InvariantCulture, $"leaf{i:D3}.jpg"))))
        {
            new ImageWriter().WriteJpg(photo.Pixels, photo.Width, photo.Height, ColorComponents.RedGreenBlue, file, Quality);
        }

        PngWriter.Write(Path.Combine(labels, string.Create(CultureInfo.InvariantCulture, $"leaf{i:D3}_mask.png")), mask);
    }

    Console.WriteLine($"{count} photographs are in {photos}, their masks in {labels}.");
    string dilated = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../DilatedKernels.Cli/release/dilated.dll"));
    string here = Environment.CurrentDirectory + Path.DirectorySeparatorChar;
    Console.WriteLine($"Next: {(File.Exists(dilated) ? $"dotnet {(dilated.StartsWith(here, StringComparison.Ordinal) ? dilated[here.Length..] : dilated)}" : "dilated")} check-data {args[0]}");
    return 0;
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine($"{args[0]}: {e.Message}");
    return 2;
}
