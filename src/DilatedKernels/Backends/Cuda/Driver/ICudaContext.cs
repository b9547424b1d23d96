namespace DilatedKernels.Cuda;

/// <summary>
/// A device opened by a driver. Every call makes the context current on the calling thread first; every call that fails throws
/// <see cref="CudaException"/>, and so may a call that succeeds itself when work queued before it has failed.
/// </summary>
/// <remarks>
/// Safe to call from any thread. Streams, events, modules and memory that are still there when it is disposed are no longer valid
/// once the last user of the primary context has gone. Disposing twice is allowed; any other call after that throws <see cref="ObjectDisposedException"/>.
/// </remarks>
public unsafe interface ICudaContext : IDisposable
{
    /// <summary>The driver that opened it.</summary>
    ICudaDriver Driver { get; }

    /// <summary>The device.</summary>
    CudaDeviceDescription Device { get; }

    /// <summary>The driver's own handle (<c>CUcontext</c>), for use with other libraries.</summary>
    nint Handle { get; }

    /// <summary>Makes the context current on the calling thread, whatever other code has done there.</summary>
    void MakeCurrent();

    /// <summary>Waits for everything queued on the device by this process and reports the first fault.</summary>
    void Synchronize();

    /// <summary>Takes memory from the stream-ordered pool, ready for work queued on <paramref name="stream"/> after this call. Its contents are undefined.</summary>
    /// <param name="bytes">More than 0.</param>
    /// <param name="stream">The stream whose order counts.</param>
    DevicePointer Allocate(long bytes, StreamHandle stream);

    /// <summary>Gives memory back once the work queued on <paramref name="stream"/> before this call is done.</summary>
    /// <param name="pointer">What <see cref="Allocate"/> returned.</param>
    /// <param name="stream">The stream whose order counts.</param>
    void Free(DevicePointer pointer, StreamHandle stream);

    /// <summary>Free and total memory of the device in bytes.</summary>
    (long Free, long Total) GetMemory();

    /// <summary>What the stream-ordered pool holds.</summary>
    PoolStatistics GetPool();

    /// <summary>How much the pool keeps when a stream is synchronised, in bytes; <see cref="long.MaxValue"/> keeps everything.</summary>
    /// <param name="bytes">0 or more.</param>
    void SetPoolThreshold(long bytes);

    /// <summary>Gives unused memory of the pool back to the device.</summary>
    /// <param name="keepBytes">How much may stay.</param>
    void TrimPool(long keepBytes);

    /// <summary>Takes page-locked memory of the host, which copies reach without a detour.</summary>
    /// <param name="bytes">More than 0.</param>
    void* AllocatePinned(long bytes);

    /// <summary>Gives page-locked memory back.</summary>
    /// <param name="memory">What <see cref="AllocatePinned"/> returned.</param>
    void FreePinned(void* memory);

    /// <summary>Queues a copy from the host. Page-locked memory must stay untouched until the stream has passed the copy.</summary>
    void CopyToDevice(void* source, DevicePointer target, long bytes, StreamHandle stream);

    /// <summary>Queues a copy to the host. The data is there once the stream has passed the copy.</summary>
    void CopyToHost(DevicePointer source, void* target, long bytes, StreamHandle stream);

    /// <summary>Queues a copy within the device; the two ranges do not overlap.</summary>
    void CopyOnDevice(DevicePointer source, DevicePointer target, long bytes, StreamHandle stream);

    /// <summary>Queues the writing of <paramref name="count"/> copies of a 32-bit word.</summary>
    void Fill(DevicePointer target, uint word, long count, StreamHandle stream);

    /// <summary>Loads kernels: a fat binary, a cubin, or PTX text in ASCII.</summary>
    /// <param name="image">The bytes; they are copied.</param>
    /// <exception cref="CudaException">The image is damaged or has nothing for this device; the message carries the driver's own log.</exception>
    KernelModuleHandle LoadModule(ReadOnlySpan<byte> image);

    /// <summary>Unloads kernels. Nothing of the module may be running.</summary>
    void UnloadModule(KernelModuleHandle module);

    /// <summary>Finds a kernel.</summary>
    /// <param name="module">The module to look in.</param>
    /// <param name="name">The kernel's name as compiled.</param>
    /// <param name="function">The kernel, when it is there.</param>
    /// <returns>False when the module has no such kernel.</returns>
    bool TryGetFunction(KernelModuleHandle module, string name, out FunctionHandle function);

    /// <summary>One property of a kernel.</summary>
    int GetProperty(FunctionHandle function, FunctionProperty property);

    /// <summary>Sets a property of a kernel.</summary>
    void SetProperty(FunctionHandle function, FunctionProperty property, int value);

    /// <summary>How many blocks of a kernel fit on a multiprocessor at once.</summary>
    /// <param name="function">The kernel.</param>
    /// <param name="threads">Threads in a block.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block in bytes.</param>
    int GetResidentBlocks(FunctionHandle function, int threads, long sharedBytes);

    /// <summary>Queues a kernel. Allocates no managed memory.</summary>
    /// <param name="function">The kernel.</param>
    /// <param name="configuration">Grid, block, shared memory, stream and attributes.</param>
    /// <param name="arguments">The address of each argument, in order; the driver copies the values before it returns.</param>
    void Launch(FunctionHandle function, in LaunchConfiguration configuration, ReadOnlySpan<nint> arguments);

    /// <summary>Makes a stream that does not wait for the default stream.</summary>
    StreamHandle CreateStream();

    /// <summary>Destroys a stream once its work is done.</summary>
    void DestroyStream(StreamHandle stream);

    /// <summary>Waits until a stream's work is done and reports the first fault.</summary>
    void Synchronize(StreamHandle stream);

    /// <summary>Queues a wait for an event, without stopping the host.</summary>
    void Wait(StreamHandle stream, EventHandle @event);

    /// <summary>Makes an event.</summary>
    /// <param name="timing">Whether <see cref="GetMilliseconds"/> may be asked of it.</param>
    EventHandle CreateEvent(bool timing);

    /// <summary>Destroys an event.</summary>
    void DestroyEvent(EventHandle @event);

    /// <summary>Queues the event: it happens when the stream's work so far is done.</summary>
    void Record(EventHandle @event, StreamHandle stream);

    /// <summary>Waits until the event has happened.</summary>
    void Synchronize(EventHandle @event);

    /// <summary>Whether the event has happened, without a wait. One that was never recorded has.</summary>
    bool HasHappened(EventHandle @event);

    /// <summary>The time between two events that have happened, in milliseconds, with a resolution of about half a microsecond.</summary>
    float GetMilliseconds(EventHandle start, EventHandle end);

    /// <summary>Starts to record what is queued on a stream instead of running it.</summary>
    void BeginCapture(StreamHandle stream);

    /// <summary>Ends a recording.</summary>
    GraphHandle EndCapture(StreamHandle stream);

    /// <summary>Makes a recording ready to run.</summary>
    GraphExecHandle Instantiate(GraphHandle graph);

    /// <summary>Queues a whole recording.</summary>
    void Launch(GraphExecHandle graph, StreamHandle stream);

    /// <summary>Destroys a recording.</summary>
    void DestroyGraph(GraphHandle graph);

    /// <summary>Destroys a recording that was made ready.</summary>
    void DestroyGraph(GraphExecHandle graph);

    /// <summary>Describes a tensor to the copy engine, for loads of rectangular boxes.</summary>
    /// <param name="description">The tensor.</param>
    /// <param name="box">The box's extents in elements, fastest axis first.</param>
    /// <exception cref="NotSupportedException">The driver has no tensor maps.</exception>
    TensorMap EncodeTiled(in TensorMapDescription description, ReadOnlySpan<uint> box);

    /// <summary>Describes an activation to the copy engine, for loads of a column of pixels under one tap of a convolution.</summary>
    /// <param name="description">The tensor: channels, then 1 to 3 spatial axes, then the batch.</param>
    /// <param name="lowerCorner">The offset of the first pixel along every spatial axis, fastest first.</param>
    /// <param name="upperCorner">The offset of the last pixel along every spatial axis, fastest first.</param>
    /// <param name="channelsPerPixel">Channels in a load.</param>
    /// <param name="pixelsPerColumn">Pixels in a load.</param>
    /// <exception cref="NotSupportedException">The driver has no tensor maps.</exception>
    TensorMap EncodeIm2col(
        in TensorMapDescription description, ReadOnlySpan<int> lowerCorner, ReadOnlySpan<int> upperCorner, int channelsPerPixel, int pixelsPerColumn);

    /// <summary>Opens the vendor's matrix multiplication.</summary>
    /// <param name="reason">Why it cannot be had, in one line; empty when it can.</param>
    /// <returns>Null when it cannot be had; everything else works without it.</returns>
    ICudaGemm? OpenGemm(out string reason);
}
