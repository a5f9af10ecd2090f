#!/usr/bin/env bash
# What a GPU makes of this checkout, in one command, without network and in 8 minutes at most: is everything right there, how fast is it,
# and what bounds it. Writes one file a step under RESULTS, JSON where the step has it, and prints what each took. A step that fails or takes too
# long does not stop the others.
#
#   bash bench/gpu.sh [RESULTS] [STEP…]      RESULTS is bench/results/DEVICE when it is not given, by the adapter's own name
#
# Steps, in order: doctor spaces logits profile bench rows shaders toggles torch. It takes Node and the npm packages. `torch` runs the script that
# TORCH names, where it is set: another implementation on the same card, by its own means.
set -uo pipefail
cd "$(dirname "$0")/.."
wgpt() { node --import tsx cli/main.ts "$@"; }
export -f wgpt

doctor=$(wgpt doctor --json 2>/dev/null) || { wgpt doctor; exit 1; }
device=$(node -e 'const d = JSON.parse(process.argv[1]); const a = d.adapter ?? d; console.log(String(a.device || a.description || "gpu").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, ""))' "$doctor")
out=${1:-bench/results/$device}
[ $# -gt 0 ] && shift
mkdir -p "$out"
printf '%s\n' "$doctor" > "$out/doctor.json"
[ $# -gt 0 ] || set -- spaces logits profile bench rows shaders toggles torch

# NAME SECONDS FILE COMMAND…: runs it within so many seconds, into a file.
step() {
  local name=$1 limit=$2 file=$out/$3 began code; shift 3; began=$(date +%s)
  timeout "$limit" "$@" > "$file" 2> "$file.err"; code=$?
  [ -s "$file.err" ] || rm -f "$file.err"
  printf '%-9s exit %s, %s s, %s\n' "$name" "$code" "$(($(date +%s) - began))" "$file"
}

echo "on $device, into $out"
for s in "$@"; do
  case $s in
    # Every kernel in a sample of its configurations, and the draw, against their references.
    spaces) step spaces 110 spaces.txt node --import tsx test/run.ts codegen/spaces codegen/kernels.test codegen/sample-parts ;;
    # The whole model against logits in f64.
    logits) step logits 50 logits.txt node --import tsx test/run.ts model/reference ;;
    profile) step profile 50 profile.jsonl bash -c 'for m in "gpt2 --dtype f16" "gpt2-xl --dtype f16"; do wgpt profile $m --steps 50 --json; done' ;;
    bench) step bench 150 bench.jsonl bash -c 'for m in "gpt2 --dtype f32" "gpt2 --dtype f16" "gpt2-xl --dtype f16" "gpt2-xl --dtype f32"; do wgpt bench $m --runs 5 --max-new-tokens 128 --prefill 128,512 --json; done' ;;
    rows) step rows 40 rows.jsonl bash -c 'for d in f32 f16; do wgpt bench gpt2 --dtype $d --rows 8 --runs 3 --json; done' ;;
    shaders) step shaders 30 shaders.jsonl node --import tsx bench/shader-times.ts gpt2 gpt2-xl ;;
    # What Dawn's toggles would be worth; see bench/toggles.ts.
    toggles) step toggles 60 toggles.jsonl node --import tsx bench/toggles.ts gpt2 --rounds 3 ;;
    torch) [ -n "${TORCH:-}" ] && step torch 90 torch.txt python3 "$TORCH" ;;
    *) echo "there is no step $s" >&2; exit 1 ;;
  esac
done
