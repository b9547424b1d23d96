using System.Diagnostics;
using System.Text.Json;

namespace DilatedKernels.Measuring;

/// <summary>One side of a comparison: the library itself or another one, each in a process of its own, so that all are treated alike.</summary>
public interface IPeer : IDisposable
{
    /// <summary>What runs there.</summary>
    PeerGreeting Greeting { get; }

    /// <summary>Measures a pass.</summary>
    PeerReply Measure(PeerRequest request);
}

/// <summary>A peer that reads requests from its standard input and answers each with one line.</summary>
public sealed class PeerProcess : IPeer
{
    private readonly Process _process;
    private readonly List<string> _errors = [];

    private PeerProcess(Process process, string name)
    {
        _process = process;
        process.ErrorDataReceived += (_, e) =>
        {
            lock (_errors)
            {
                _errors.Add(e.Data ?? "");
            }
        };
        process.BeginErrorReadLine();
        string line = process.StandardOutput.ReadLine() ?? throw new PeerException($"{name} cannot be compared with: {LastWords()}");
        Greeting = Read(line, name, ProtocolJson.Default.PeerGreeting);
    }

    /// <inheritdoc/>
    public PeerGreeting Greeting { get; }

    /// <summary>The number of the process.</summary>
    public int Id => _process.Id;

    /// <summary>Starts a peer.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables to set on top of this process's.</param>
    /// <exception cref="PeerException">It does not start, or says nothing; the message has its last words.</exception>
    public static PeerProcess Start(string name, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string variable, string value) in environment)
        {
            start.Environment[variable] = value;
        }

        try
        {
            return new PeerProcess(Process.Start(start)!, name);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new PeerException($"{name} cannot be compared with: {program} does not start: {e.Message}");
        }
    }

    /// <inheritdoc/>
    /// <exception cref="PeerException">The process ended.</exception>
    public PeerReply Measure(PeerRequest request)
    {
        try
        {
            _process.StandardInput.WriteLine(JsonSerializer.Serialize(request, ProtocolJson.Default.PeerRequest));
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            throw new PeerException($"{Greeting.Engine} ended: {LastWords()}");
        }

        string line = _process.StandardOutput.ReadLine() ?? throw new PeerException($"{Greeting.Engine} ended at {request.Name}, {request.Pass}: {LastWords()}");
        return Read(line, Greeting.Engine, ProtocolJson.Default.PeerReply);
    }

    /// <summary>Ends the process: it ends by itself when its input does.</summary>
    public void Dispose()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already.
        }

        if (!_process.WaitForExit(TimeSpan.FromSeconds(10)))
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private static T Read<T>(string line, string name, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(line, type) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new PeerException($"{name} said '{line}', which is no answer: {e.Message}");
        }
    }

    private string LastWords()
    {
        if (_process.WaitForExit(TimeSpan.FromSeconds(10)))
        {
            // Without a limit it waits for the last of standard error, too.
            _process.WaitForExit();
        }

        lock (_errors)
        {
            return _errors.LastOrDefault(line => line.Trim().Length > 0)?.Trim() ?? "it ended and said nothing";
        }
    }
}

/// <summary>A peer cannot be had, or ended.</summary>
public sealed class PeerException(string message) : Exception(message);
