using DilatedKernels.Backends.Cuda;
using DilatedKernels.Cuda;
using DilatedKernels.Nn;
using DilatedKernels.Optim;
using DilatedKernels.Tests.Backends.Cuda.Driver.Faulty;
using DilatedKernels.Tests.Backends.Cuda.Driver.Host;
using DilatedKernels.Tests.Oracles;

namespace DilatedKernels.Tests.Backends.Cuda;

/// <summary>Memory runs out anywhere in a training step, with the real kernels: nothing has changed, nothing is lost, and the step can be run again or a smaller one.</summary>
[NonParallelizable]
public sealed class OutOfMemoryTests
{
    private const int Steps = 3;

    private FaultyDriver _driver = null!;

    private FaultyContext Context => _driver.Opened;

    [SetUp]
    public void Open()
    {
        HostDriver? driver = HostDriver.TryOpen("plain", out string reason);
        BuildPart.SkipUnless(driver is not null, BuildPart.Host, reason);
        _driver = new FaultyDriver(driver!);
    }

    [Test]
    public void AStepThatHadNoMemoryIsRunAgainToTheSameBits([Values] bool record)
    {
        float[][] expected;
        int allocations;
        using (Device device = OpenDevice())
        using (var network = new StepNetwork(device, adam: true))
        using (RecordedStep step = network.Step(record))
        {
            Context.Calls.Clear();
            for (ulong i = 0; i < Steps; i++)
            {
                Run(step, i);
            }

            allocations = Context.Calls.Count(call => call == "Allocate");
            expected = network.Everything();
        }

        Assert.That(allocations, Is.GreaterThan(20));
        var messages = new List<string>();
        for (int index = 0; index < allocations; index++)
        {
            using Device device = OpenDevice();
            using (var network = new StepNetwork(device, adam: true))
            using (RecordedStep step = network.Step(record))
            {
                // Once to be refused, and once more after everything unused was given back.
                Context.Fail(CudaException.OutOfMemory, index, "Allocate", times: 2);
                for (ulong i = 0; i < Steps; i++)
                {
                    long before = device.Memory.LiveBytes;
                    long gradients = network.Optimizer.Parameters.Sum(p => p.Value.Shape.Count * sizeof(float));
                    try
                    {
                        Run(step, i);
                    }
                    catch (CudaException e)
                    {
                        messages.Add(e.Message);
                        Assert.That(e.IsFatal, Is.False);
                        Assert.That(Tape.Current, Is.Null);
                        Assert.That(network.Optimizer.StepCount, Is.EqualTo((long)i));
                        // Gradients that have come into being stay for the next step, as do a few tables.
                        Assert.That(device.Memory.LiveBytes, Is.LessThanOrEqualTo(before + gradients + 4096), e.Message);
                        i--;
                    }
                }

                Assert.That(Context.HasFailed, Is.True);
                Assert.That(network.Everything(), Is.EqualTo(expected), $"allocation {index}");
            }

            device.Dispose();
            Assert.That(Context.LiveBytes, Is.Zero, $"allocation {index}");
        }

        Assert.That(messages, Has.All.Match(@"\d+ bytes were asked for; \d+ of the device's \d+ bytes are free\. \d+ bytes are in \d+ tensors"));
        string all = string.Join('\n', messages);
        Assert.That(all, Does.Contain("It was for the result of Conv2d (first), [2, 6, ").And.Contain("It was for what MaxPool2d keeps for its gradient."), "forward");
        Assert.That(all, Does.Contain("That was in the backward pass of Conv2d (first, bias).").And.Contain("It was for the gradient of 'second', [5, 6, 1, 1]"), "backward");
    }

    [Test]
    public void ASmallerBatchFitsWhereALargerOneDidNot()
    {
        using Device device = OpenDevice();
        using var weight = new Parameter("weight", Array4.Random(new Shape(8, 3, 3, 3), "weight").ToTensor(device));
        using var optimizer = new Sgd([weight]);
        long resident = Context.LiveBytes;
        Context.Limit = resident + (400 << 10);
        for (int round = 0; round < 20; round++)
        {
            using var large = new RecordedStep(new Shape(8, 3, 24, 24), new Size2(24, 24), optimizer, Loss, seed: 1);
            Assert.That(() => large.Run(0, new float[8 * 3 * 24 * 24], new byte[8 * 24 * 24], 0.1f), Throws.TypeOf<CudaException>());
            large.Dispose();
            using var small = new RecordedStep(new Shape(1, 3, 24, 24), new Size2(24, 24), optimizer, Loss, seed: 1);
            for (ulong step = 0; step < 3; step++)
            {
                Assert.That(small.Run(step, new float[3 * 24 * 24], new byte[24 * 24], 0.1f), Is.Positive);
            }

            small.Dispose();
            Assert.That(device.Memory.LiveBytes, Is.LessThan(resident + 4096), $"round {round}");
        }

        Tensor Loss(Tensor x, LabelMap labels, ForwardContext context) =>
            Ops.SoftmaxCrossEntropy(Ops.Conv2d(x, weight.Value, options: new Conv2dOptions { Padding = 1 }), labels);
    }

    [Test]
    public void TensorsThatNobodyDisposedMakeRoom()
    {
        using Device device = OpenDevice();
        Context.Limit = Context.LiveBytes + 100_000;
        for (int i = 0; i < 50; i++)
        {
            Forget();
        }

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        void Forget() => Tensor.Zeros(device, new Shape(1, 1, 100, 100));
    }

    [Test]
    public void TheProcessorsMemoryRunsOutWithNumbersToo()
    {
        using Device device = Device.CreateCpu(1);
        using Tensor small = Tensor.Zeros(device, new Shape(1, 1, 10, 10));
        // 4 EiB: more than any address space.
        InsufficientMemoryException e = Assert.Throws<InsufficientMemoryException>(() => Tensor.Zeros(device, new Shape(int.MaxValue, 1, 1 << 15, 1 << 14)))!;
        Assert.That(e.Message, Does.Match(@"^The system has no \d+ bytes of memory left\. 400 bytes are in 1 tensors; .* It was for a tensor \[2147483647, 1, 32768, 16384\] of float32\.$"));
        Assert.That((device.Memory.LiveBytes, device.Memory.LiveBuffers), Is.EqualTo((400L, 1)));
    }

    private Device OpenDevice() => new(new CudaBackend(_driver.Open(0), new StubImages()));

    private static void Run(RecordedStep step, ulong number) =>
        step.Run(number, StepNetwork.Input(number), StepNetwork.Labels(number), StepNetwork.Rate(number));
}
