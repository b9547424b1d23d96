# Builds, tests, demonstrates: ./build.ps1 [VERB [ARGUMENT ...]]. The work is in build/Build.cs; ./build.ps1 --help lists the verbs.
Push-Location $PSScriptRoot
try {
    $found = Get-Command dotnet -ErrorAction SilentlyContinue
    if ($found) { dotnet --version *> $null }
    if (-not $found -or $LASTEXITCODE -ne 0) {
        [Console]::Error.WriteLine("The .NET SDK 10 is needed and was not found (looked for 'dotnet' in PATH).")
        [Console]::Error.WriteLine("Get it from https://dotnet.microsoft.com/download/dotnet/10.0 or with: winget install Microsoft.DotNet.SDK.10")
        exit 2
    }
    dotnet run build/Build.cs -- @args
    exit $LASTEXITCODE
}
finally {
    Pop-Location
}
