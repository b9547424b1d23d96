// The least that a program with TorchSharp does to predict once: torchsharp-start MODEL HEIGHT WIDTH makes the front end of width 1/8 with random
// weights, runs it on noise of that size, and prints the class of the middle cell. It reads no MODEL: TorchSharp reads no ONNX.
// ./build.sh bench --start --torchsharp times it from the start of its process to its end.
using System.Globalization;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

(long Channels, int Convolutions, int Dilation, bool Pool)[] blocks = [(8, 2, 1, true), (16, 2, 1, true), (32, 3, 1, true), (64, 3, 1, false), (64, 3, 2, false)];

torch.random.manual_seed(1);
using var noGradients = torch.no_grad();
var layers = new List<nn.Module<Tensor, Tensor>>();
long channels = 3;
foreach ((long to, int convolutions, int dilation, bool pool) in blocks)
{
    for (int i = 0; i < convolutions; i++)
    {
        Add(to, 3, dilation);
    }

    if (pool)
    {
        layers.Add(nn.MaxPool2d(2, 2));
    }
}

Add(512, 7, 4);
Add(512, 1, 1);
layers.Add(nn.Conv2d(channels, 11, 1));
using Sequential network = nn.Sequential(layers);
network.eval();
using Tensor image = torch.rand(1, 3, long.Parse(args[1], CultureInfo.InvariantCulture), long.Parse(args[2], CultureInfo.InvariantCulture)) * 255;
using Tensor scores = network.forward(image);
using Tensor best = scores.argmax(1);
Console.WriteLine(best[0, best.shape[1] / 2, best.shape[2] / 2].ToInt64());

void Add(long to, int size, int dilation)
{
    layers.Add(nn.Conv2d(channels, to, size, dilation: dilation));
    layers.Add(nn.ReLU());
    channels = to;
}
