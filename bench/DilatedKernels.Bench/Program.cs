// The benchmarks of the tree: `./build.sh bench [ARGUMENT ...]` runs this.
//   --compare ...    ours against PyTorch and ONNX Runtime, interleaved, into a results folder
//   --crf ...        the dense CRF over image sizes, into a results folder
//   --peak ...       the direct convolution as a share of the processor's peak, into a results folder
//   --memory ...     what training steps take of the memory, ours and PyTorch's, into a results folder
//   --start ...      programs from the start of their process to its end, and their sizes, into a results folder
//   --worker ENGINE  one side of that, which the comparison starts
//   --exchange ...   sums over processes that mpirun starts, over their length, into a results folder
//   --scaling ...    training steps that such processes share, on one machine or over limited links, beside a model of them, into a results folder
//   anything else    BenchmarkDotNet's own arguments, such as --filter '*Conv2d*'

using DilatedKernels.Bench;

return args switch
{
    ["--compare", ..] => CompareCommand.Run(args[1..]),
    ["--crf", ..] => CrfCommand.Run(args[1..]),
    ["--peak", ..] => PeakCommand.Run(args[1..]),
    ["--memory", ..] => MemoryCommand.Run(args[1..]),
    ["--start", ..] => StartCommand.Run(args[1..]),
    ["--exchange", ..] => ExchangeCommand.Run(args[1..]),
    [ExchangeCommand.WorkerVerb, ..] => ExchangeCommand.RunWorker(args[1..]),
    ["--scaling", ..] => ScalingCommand.Run(args[1..]),
    [ScalingWorker.Verb, ..] => ScalingWorker.Run(args[1..]),
    ["--worker", ..] => Worker.Run(args[1..]),
    _ => BenchmarkCommand.Run(args),
};
