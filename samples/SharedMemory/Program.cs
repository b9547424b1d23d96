// Memory shared with ManagedCuda, without a copy. A tensor of this library becomes a CudaDeviceVariable that ManagedCuda's calls take, and a variable of
// ManagedCuda's becomes a tensor that operators take. The library's work is queued on a stream, so the sample waits for it before ManagedCuda reads. It needs a
// GPU and a build with ManagedCuda (./build.sh build says whether it found the packages), and says what is missing otherwise. ManagedCuda is under the GPL.
//
//     dotnet run --project samples/SharedMemory
#if MANAGEDCUDA
using DilatedKernels;
using DilatedKernels.Cuda;
using ManagedCuda;

ManagedCudaDriver.Register();
if (!CudaDrivers.TrySelect(ManagedCudaDriver.DriverName, out _, out string reason))
{
    Console.WriteLine($"There is no GPU to share memory on: {reason}.");
    return;
}

using Device device = Device.CreateCuda(driver: ManagedCudaDriver.DriverName);
using Tensor image = Tensor.FromChannelsLast(device, new Shape(1, 1, 2, 3), [1, -2, 3, -4, 5, -6]);

// Ours, in their hands: the same address, no copy.
CudaDeviceVariable<float> variable = image.AsDeviceVariable();
Console.WriteLine($"The tensor {image.Shape} is the device variable of {(long)variable.Size} floats at {(ulong)variable.DevicePointer.Pointer:x}.");

// Theirs, in ours: an operator reads memory that ManagedCuda allocated, in the context that the library opened.
CudaInterop.GetContext(device).MakeCurrent();
using var theirs = new CudaDeviceVariable<float>(6);
device.Synchronize();
theirs.CopyToDevice(variable);
using Tensor tensor = theirs.AsTensor(device, image.Shape);
using Tape tape = Tape.Inference();
Console.WriteLine($"ReLU of it: {string.Join(", ", Ops.Relu(tensor).ToChannelsLast())}");
#else
Console.WriteLine("This build is without ManagedCuda: no package source carried ManagedCuda-12 and ManagedCuda-CUBLAS, or UseManagedCuda was false.");
Console.WriteLine("With it, a tensor and a CudaDeviceVariable share memory: tensor.AsDeviceVariable(), variable.AsTensor(device, shape).");
#endif
