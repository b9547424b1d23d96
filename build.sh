#!/bin/sh
# Builds, tests, demonstrates: ./build.sh [VERB [ARGUMENT ...]]. The work is in build/; ./build.sh --help lists the verbs.
cd "$(dirname "$0")" || exit 2
if ! dotnet --version >/dev/null 2>&1; then
  echo "The .NET SDK 10 is needed and was not found (looked for 'dotnet' in PATH)." >&2
  echo "Get it from https://dotnet.microsoft.com/download/dotnet/10.0 or your package manager (package dotnet-sdk-10.0)." >&2
  exit 2
fi
program=build/bin/Build.dll
if [ ! -f "$program" ] || [ -n "$(find build -name bin -prune -o -name obj -prune -o -type f -newer "$program" -print)" ]; then
  dotnet msbuild build/Build.csproj -restore -property:Configuration=Release -nologo -verbosity:quiet && touch "$program" || exit 1
fi
exec dotnet "$program" "$@"
