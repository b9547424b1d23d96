#!/usr/bin/env bash
# Trains on CamVid from scratch, front end alone and then with context, and writes what came out into a results folder.
# usage: bench/camvid.sh DATA WORK RESULTS
#   DATA     CamVid in pair layout at 480x360: train/ trainannot/ val/ valannot/ dataset.json
#   WORK     a folder for the runs; parts that are finished there are not run again
#   RESULTS  for example bench/results/camvid-cpu
# DILATED overrides the command; the default builds it from this tree.
set -euo pipefail
data=$1 work=$2 results=$3
tree=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${DILATED:-}" ]; then
  "$tree/build.sh" build
  DILATED="dotnet $tree/artifacts/bin/DilatedKernels.Cli/release/dilated.dll"
fi

front_end=(--width 0.125 --dropout 0 --steps 1600 --validate-every 400)
context=(--recipe context --weights "$work/frontend/last.safetensors" --batch 8 --steps 3000 --validate-every 500)
mkdir -p "$work" "$results"
[ -f "$work/frontend/last.safetensors" ] || $DILATED train "$data" --run "$work/frontend" "${front_end[@]}"
[ -f "$work/context/last.safetensors" ] || $DILATED train "$data" --run "$work/context" "${context[@]}"

for run in frontend context; do
  $DILATED eval "$work/$run/last.safetensors" "$data" --json > "$results/$run.json"
  cp "$work/$run/metrics.csv" "$results/$run-metrics.csv"
  cp "$work/$run/curves.svg" "$results/$run-curves.svg"
  rm -rf "$work/predictions-$run"
  $DILATED predict "$work/$run/last.safetensors" "$data"/val/{0016E5_07959,0016E5_08019,0016E5_08109}.png --out "$work/predictions-$run" > /dev/null
  # The masks alone: they are this program's output, the photographs are not ours to pass on.
  for mask in "$work/predictions-$run"/*.png; do
    case $mask in *-overlay.png) ;; *) cp "$mask" "$results/$run-$(basename "$mask")" ;; esac
  done
done

{
  echo "# CamVid from scratch on a CPU"
  echo
  echo "Written by \`bench/camvid.sh\` on $(date -u +%Y-%m-%d): $($DILATED --version), $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | xargs), $(nproc) cores, $($DILATED devices | head -1 | xargs)."
  echo "367 training and 101 validation images at 480x360, 11 classes, void ignored, scored at full resolution. The front end is VGG-16 at"
  echo "width 1/8, trained from random weights; the context module (Basic, identity initialisation) on its stored score maps."
  echo
  echo '```'
  echo "dilated train DATA --run frontend ${front_end[*]}"
  echo "dilated train DATA --run context ${context[*]//$work\//}"
  echo '```'
  echo
  echo "The last checkpoint of each run, on the validation split:"
  echo
  echo "| class | front end | with context |"
  echo "|---|---|---|"
  python3 - "$results/frontend.json" "$results/context.json" <<'EOF'
import json, sys
front, context = (json.load(open(path)) for path in sys.argv[1:])
row = lambda name, a, b: print(f"| {name} | {100 * a:.2f} % | {100 * b:.2f} % |")
for a, b in zip(front["classes"], context["classes"]):
    row(a["name"], a["iou"], b["iou"])
row("**mean IoU**", front["meanIoU"], context["meanIoU"])
row("pixel accuracy", front["pixelAccuracy"], context["pixelAccuracy"])
EOF
  echo
  echo "Loss and mean IoU over the steps: [front end](frontend-curves.svg), [context](context-curves.svg). Predicted masks of three validation"
  echo "images are beside this file; \`dilated predict\` also writes the overlays."
} > "$results/README.md"
