#!/bin/sh
# Builds, tests, demonstrates: ./build.sh [VERB [ARGUMENT ...]]. The work is in build/Build.cs; ./build.sh --help lists the verbs.
cd "$(dirname "$0")" || exit 2
if ! dotnet --version >/dev/null 2>&1; then
  echo "The .NET SDK 10 is needed and was not found (looked for 'dotnet' in PATH)." >&2
  echo "Get it from https://dotnet.microsoft.com/download/dotnet/10.0 or your package manager (package dotnet-sdk-10.0)." >&2
  exit 2
fi
exec dotnet run build/Build.cs -- "$@"
