// Splits a photograph into the planes of the algorithme à trous, writes them as pictures, and puts them together again.
//
//     dotnet run --project samples/ATrous -- photo.jpg planes 5
using System.Globalization;
using ATrous;
using DilatedKernels;
using DilatedKernels.Segmentation.Imaging;

if (args.Length is < 2 or > 3 || args[1].Length == 0 || !int.TryParse(args.ElementAtOrDefault(2) ?? "5", NumberStyles.None, CultureInfo.InvariantCulture, out int scales) || scales is < 1 or > Starlet.MostScales)
{
    Console.Error.WriteLine($"usage: atrous IMAGE FOLDER [SCALES]   (1 to {Starlet.MostScales} scales; 5 by default)");
    return 2;
}

try
{
    RgbImage image = ImageFile.Read(args[0]);
    if (image.Width < 2 || image.Height < 2)
    {
        Console.Error.WriteLine($"{args[0]}: the image is {image.Width}×{image.Height} (width×height); it is mirrored at its borders and needs 2 pixels or more each way.");
        return 2;
    }

    Directory.CreateDirectory(args[1]);
    var shape = new Shape(3, 1, image.Height, image.Width);
    int pixels = image.Width * image.Height;
    float[] colors = [.. Enumerable.Range(0, 3 * pixels).Select(i => (float)image.Pixels[(3 * (i % pixels)) + (i / pixels)])];

    using Tape tape = Tape.Inference();
    using Tensor maps = Tensor.FromArray(Device.Cpu, shape, colors);
    IReadOnlyList<Tensor> planes = Starlet.Decompose(maps, scales);
    for (int j = 0; j < planes.Count; j++)
    {
        float[] values = planes[j].ToArray();
        bool isSmooth = j == scales;
        string file = Path.Combine(args[1], isSmooth ? "smooth.png" : $"detail-{j + 1}.png");
        // Differences are small and of both signs.
        PngWriter.Write(file, Picture(image, values, isSmooth ? 1 : 4, isSmooth ? 0 : 128));
        double deviation = Math.Sqrt(values.Sum(v => (double)v * v) / values.Length);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{file,-32}  {(isSmooth ? "what is left" : $"dilation {1 << j}"),-14}  root mean square {deviation:F2}"));
    }

    float[] again = Starlet.Reconstruct(planes).ToArray();
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Together again, the planes differ from the image by at most {again.Zip(colors, (a, b) => Math.Abs(a - b)).Max():G2} of 255."));
    return 0;
}
catch (Exception error) when (error is ImageFormatException or IOException or UnauthorizedAccessException or ArgumentException)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}

static RgbImage Picture(RgbImage like, float[] planes, float gain, float zero)
{
    int pixels = like.Width * like.Height;
    byte[] bytes = [.. Enumerable.Range(0, 3 * pixels).Select(i => (byte)Math.Clamp(MathF.Round((gain * planes[(i % 3 * pixels) + (i / 3)]) + zero), 0, 255))];
    return new RgbImage(like.Width, like.Height, bytes);
}
