using System.Globalization;
using DilatedKernels.Segmentation.Imaging;
using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace DilatedKernels.Segmentation.Training;

/// <summary>Draws <c>metrics.csv</c> as <c>curves.svg</c>: the loss, smoothed, and the validations' mean IoU over the steps.</summary>
internal static class CurvePlot
{
    private const int SmoothedOver = 40;

    public static void Write(string metricsFile, string svgFile)
    {
        var loss = new LineSeries { Title = $"loss, mean of {SmoothedOver} steps", Color = OxyColor.FromRgb(0x2E, 0x5A, 0xAC), YAxisKey = "loss" };
        var meanIoU = new LineSeries { Title = "mean IoU", Color = OxyColor.FromRgb(0xC8, 0x55, 0x1B), YAxisKey = "iou", MarkerType = MarkerType.Circle, MarkerSize = 3 };
        var window = new Queue<double>();
        foreach (string line in File.ReadLines(metricsFile).Skip(1))
        {
            string[] cells = line.Split(',');
            double step = double.Parse(cells[0], CultureInfo.InvariantCulture);
            window.Enqueue(double.Parse(cells[1], CultureInfo.InvariantCulture));
            if (window.Count > SmoothedOver)
            {
                window.Dequeue();
            }

            loss.Points.Add(new DataPoint(step, window.Average()));
            if (cells[4].Length > 0)
            {
                meanIoU.Points.Add(new DataPoint(step, 100 * double.Parse(cells[4], CultureInfo.InvariantCulture)));
            }
        }

        var plot = new PlotModel { Background = OxyColors.White, PlotMargins = new OxyThickness(60, 10, 60, 45) };
        plot.Axes.Add(new LinearAxis { Position = AxisPosition.Bottom, Title = "step", Minimum = 0 });
        plot.Axes.Add(new LinearAxis { Position = AxisPosition.Left, Title = "loss", Key = "loss", Minimum = 0, TextColor = loss.Color, TitleColor = loss.Color });
        plot.Axes.Add(new LinearAxis { Position = AxisPosition.Right, Title = "mean IoU in %", Key = "iou", Minimum = 0, Maximum = 100, TextColor = meanIoU.Color, TitleColor = meanIoU.Color });
        plot.Series.Add(loss);
        plot.Series.Add(meanIoU);
        using var svg = new MemoryStream();
        new SvgExporter { Width = 800, Height = 420 }.Export(plot, svg);
        AtomicFile.Write(svgFile, svg.ToArray());
    }
}
