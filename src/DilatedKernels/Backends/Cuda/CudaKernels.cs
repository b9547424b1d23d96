using System.Collections.Concurrent;
using DilatedKernels.Cuda;

namespace DilatedKernels.Backends.Cuda;

/// <summary>Kernels by name. A module is loaded when the first of its kernels is asked for.</summary>
internal sealed class CudaKernels(ICudaContext context, IKernelImages images)
{
    // The shared memory of a block that needs no permission: the kernel's own arrays and what the launch asks for.
    private const int SharedBytesWithoutOptIn = 48 << 10;

    private readonly Lock _loading = new();
    private readonly ConcurrentDictionary<string, CudaKernel> _kernels = new(StringComparer.Ordinal);
    private readonly Dictionary<string, KernelModuleHandle> _modules = new(StringComparer.Ordinal);

    /// <summary>Whether the images hold a kernel of this name.</summary>
    public bool Has(string name) => images.FindModule(name) is not null;

    /// <summary>Whether a launch needs neither a module loaded nor a property set first.</summary>
    public bool IsReady(string name, int sharedBytes) => _kernels.TryGetValue(name, out CudaKernel? kernel) && sharedBytes <= kernel.SharedBytes;

    /// <summary>Finds a kernel and allows it the shared memory that the launch needs.</summary>
    /// <exception cref="InvalidOperationException">No image holds it.</exception>
    /// <exception cref="CudaUnavailableException">Its image has nothing for this device.</exception>
    public CudaKernel Get(string name, int sharedBytes)
    {
        CudaKernel kernel = _kernels.TryGetValue(name, out CudaKernel? known) ? known : Load(name);
        if (sharedBytes > kernel.SharedBytes)
        {
            context.SetProperty(kernel.Function, FunctionProperty.MaxDynamicSharedBytes, sharedBytes);
            kernel.SharedBytes = sharedBytes;
        }

        return kernel;
    }

    /// <summary>Unloads everything.</summary>
    public void Unload()
    {
        lock (_loading)
        {
            _kernels.Clear();
            foreach (KernelModuleHandle module in _modules.Values)
            {
                context.UnloadModule(module);
            }

            _modules.Clear();
        }
    }

    private CudaKernel Load(string name)
    {
        lock (_loading)
        {
            string image = images.FindModule(name) ?? throw new InvalidOperationException($"There is no kernel '{name}' among the library's kernels.");
            if (!_modules.TryGetValue(image, out KernelModuleHandle module))
            {
                module = context.LoadModule(images.ReadModule(image));
                _modules.Add(image, module);
            }

            if (!context.TryGetFunction(module, name, out FunctionHandle function))
            {
                throw new CudaUnavailableException($"The kernel module '{image}' has no kernel '{name}' for {context.Device}.");
            }

            int sharedBytes = SharedBytesWithoutOptIn - context.GetProperty(function, FunctionProperty.StaticSharedBytes);
            return _kernels.GetOrAdd(name, new CudaKernel(name, function) { SharedBytes = sharedBytes });
        }
    }
}
