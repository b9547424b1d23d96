using DilatedKernels.Cuda;

namespace DilatedKernels.Tests.Backends.Cuda.Driver;

public abstract unsafe partial class CudaDriverContract
{
    [Test]
    public void ReplaysReadWhatWasWrittenBetweenThem()
    {
        DevicePointer x = Upload(new float[Count]);
        DevicePointer sum = Upload(new float[Count]);
        GraphExecHandle exec = Record(() => Add(x, x, sum, Count));
        float[] values = Values(Count);
        for (int run = 1; run <= 3; run++)
        {
            float[] now = [.. values.Select(v => v * run)];
            fixed (float* p = now)
            {
                _context.CopyToDevice(p, x, Count * sizeof(float), _stream);
                _context.Launch(exec, _stream);
                _context.Synchronize(_stream);
            }

            Assert.That(Download(sum, Count), Is.EqualTo(now.Select(v => v + v)));
        }

        _context.DestroyGraph(exec);
    }

    [Test]
    public void TwoRecordingsTakeTurns()
    {
        DevicePointer one = Upload([1]);
        DevicePointer ten = Upload([10]);
        DevicePointer sum = Upload([0]);
        GraphExecHandle ones = Record(() => Add(sum, one, sum, 1));
        GraphExecHandle tens = Record(() => Add(sum, ten, sum, 1));
        for (int run = 0; run < 3; run++)
        {
            _context.Launch(ones, _stream);
            _context.Launch(tens, _stream);
            Add(sum, one, sum, 1);
        }

        _context.DestroyGraph(ones);
        _context.Launch(tens, _stream);
        Assert.That(Download(sum, 1), Is.EqualTo(new[] { 46f }));
        _context.DestroyGraph(tens);
    }

    [Test]
    public void ARecordingThatIsWaitedForIsSpoiltAndTheStreamIsNot()
    {
        DevicePointer one = Upload([1]);
        DevicePointer sum = Upload([0]);
        _context.BeginCapture(_stream);
        Add(sum, one, sum, 1);
        Assert.Throws<CudaException>(() => _context.Synchronize(_stream));
        try
        {
            // Drivers differ in whether the recording can still be ended; it is over in any case.
            _context.DestroyGraph(_context.EndCapture(_stream));
        }
        catch (CudaException e)
        {
            Assert.That(e.IsFatal, Is.False);
        }

        Assert.That(Download(sum, 1), Is.EqualTo(new[] { 0f }));
        GraphExecHandle exec = Record(() => Add(sum, one, sum, 1));
        _context.Launch(exec, _stream);
        Assert.That(Download(sum, 1), Is.EqualTo(new[] { 1f }));
        _context.DestroyGraph(exec);
    }

    // The graph goes before what was made of it.
    private GraphExecHandle Record(Action queue)
    {
        _context.BeginCapture(_stream);
        queue();
        GraphHandle graph = _context.EndCapture(_stream);
        GraphExecHandle exec = _context.Instantiate(graph);
        _context.DestroyGraph(graph);
        return exec;
    }
}
