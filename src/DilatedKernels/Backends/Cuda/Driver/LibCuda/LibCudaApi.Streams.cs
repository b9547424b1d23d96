namespace DilatedKernels.Cuda;

// Entry points for streams.
internal sealed unsafe partial class LibCudaApi
{
    /// <summary><c>cuStreamCreate</c>.</summary>
    public delegate* unmanaged<nint*, uint, int> StreamCreate { get; private set; }

    /// <summary><c>cuStreamDestroy_v2</c>.</summary>
    public delegate* unmanaged<nint, int> StreamDestroy { get; private set; }

    /// <summary><c>cuStreamSynchronize</c>.</summary>
    public delegate* unmanaged<nint, int> StreamSynchronize { get; private set; }

    /// <summary><c>cuStreamWaitEvent</c>.</summary>
    public delegate* unmanaged<nint, nint, uint, int> StreamWaitEvent { get; private set; }

    /// <summary><c>cuEventCreate</c>.</summary>
    public delegate* unmanaged<nint*, uint, int> EventCreate { get; private set; }

    /// <summary><c>cuEventDestroy_v2</c>.</summary>
    public delegate* unmanaged<nint, int> EventDestroy { get; private set; }

    /// <summary><c>cuEventRecord</c>.</summary>
    public delegate* unmanaged<nint, nint, int> EventRecord { get; private set; }

    /// <summary><c>cuEventSynchronize</c>.</summary>
    public delegate* unmanaged<nint, int> EventSynchronize { get; private set; }

    /// <summary><c>cuEventQuery</c>.</summary>
    public delegate* unmanaged<nint, int> EventQuery { get; private set; }

    /// <summary><c>cuEventElapsedTime</c>.</summary>
    public delegate* unmanaged<float*, nint, nint, int> EventElapsedTime { get; private set; }

    /// <summary><c>cuStreamBeginCapture_v2</c>.</summary>
    public delegate* unmanaged<nint, int, int> StreamBeginCapture { get; private set; }

    /// <summary><c>cuStreamEndCapture</c>.</summary>
    public delegate* unmanaged<nint, nint*, int> StreamEndCapture { get; private set; }

    /// <summary><c>cuGraphInstantiateWithFlags</c>.</summary>
    public delegate* unmanaged<nint*, nint, ulong, int> GraphInstantiate { get; private set; }

    /// <summary><c>cuGraphLaunch</c>.</summary>
    public delegate* unmanaged<nint, nint, int> GraphLaunch { get; private set; }

    /// <summary><c>cuGraphDestroy</c>.</summary>
    public delegate* unmanaged<nint, int> GraphDestroy { get; private set; }

    /// <summary><c>cuGraphExecDestroy</c>.</summary>
    public delegate* unmanaged<nint, int> GraphExecDestroy { get; private set; }

    private void BindStreams()
    {
        StreamCreate = (delegate* unmanaged<nint*, uint, int>)Required("cuStreamCreate");
        StreamDestroy = (delegate* unmanaged<nint, int>)Required("cuStreamDestroy_v2");
        StreamSynchronize = (delegate* unmanaged<nint, int>)Required("cuStreamSynchronize");
        StreamWaitEvent = (delegate* unmanaged<nint, nint, uint, int>)Required("cuStreamWaitEvent");
        EventCreate = (delegate* unmanaged<nint*, uint, int>)Required("cuEventCreate");
        EventDestroy = (delegate* unmanaged<nint, int>)Required("cuEventDestroy_v2");
        EventRecord = (delegate* unmanaged<nint, nint, int>)Required("cuEventRecord");
        EventSynchronize = (delegate* unmanaged<nint, int>)Required("cuEventSynchronize");
        EventQuery = (delegate* unmanaged<nint, int>)Required("cuEventQuery");
        EventElapsedTime = (delegate* unmanaged<float*, nint, nint, int>)Required("cuEventElapsedTime");
        StreamBeginCapture = (delegate* unmanaged<nint, int, int>)Required("cuStreamBeginCapture_v2");
        StreamEndCapture = (delegate* unmanaged<nint, nint*, int>)Required("cuStreamEndCapture");
        GraphInstantiate = (delegate* unmanaged<nint*, nint, ulong, int>)Required("cuGraphInstantiateWithFlags");
        GraphLaunch = (delegate* unmanaged<nint, nint, int>)Required("cuGraphLaunch");
        GraphDestroy = (delegate* unmanaged<nint, int>)Required("cuGraphDestroy");
        GraphExecDestroy = (delegate* unmanaged<nint, int>)Required("cuGraphExecDestroy");
    }
}
