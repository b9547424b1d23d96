namespace DilatedKernels.Cli;

/// <summary>The device that was asked for cannot be had.</summary>
internal sealed class DeviceUnavailableException(string message) : Exception(message);
