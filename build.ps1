# Builds, tests, demonstrates: ./build.ps1 [VERB [ARGUMENT ...]]. The work is in build/; ./build.ps1 --help lists the verbs.
Push-Location $PSScriptRoot
try {
    $found = Get-Command dotnet -ErrorAction SilentlyContinue
    if ($found) { dotnet --version *> $null }
    if (-not $found -or $LASTEXITCODE -ne 0) {
        [Console]::Error.WriteLine("The .NET SDK 10 is needed and was not found (looked for 'dotnet' in PATH).")
        [Console]::Error.WriteLine("Get it from https://dotnet.microsoft.com/download/dotnet/10.0 or with: winget install Microsoft.DotNet.SDK.10")
        exit 2
    }
    $program = "build/bin/Build.dll"
    $built = if (Test-Path $program) { (Get-Item $program).LastWriteTimeUtc } else { [DateTime]::MinValue }
    $changed = Get-ChildItem build -Recurse -File | Where-Object { $_.FullName -notmatch '[\\/]build[\\/](bin|obj)[\\/]' -and $_.LastWriteTimeUtc -gt $built }
    if ($changed) {
        dotnet msbuild build/Build.csproj -restore -property:Configuration=Release -nologo -verbosity:quiet
        if ($LASTEXITCODE -ne 0) { exit 1 }
        (Get-Item $program).LastWriteTimeUtc = [DateTime]::UtcNow
    }
    dotnet $program @args
    exit $LASTEXITCODE
}
finally {
    Pop-Location
}
