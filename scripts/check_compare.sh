#!/usr/bin/env bash
# check_compare.sh [COMPARISONS] [REPETITIONS] - how often `compare` is right, through the whole program: plan, worker processes, database, verdicts. Runs of the null
# runner scatter like a machine (simulated: runners/README.md), each comparison has fresh draws and a database of its own. Prints how many of COMPARISONS (200)
# of equal runs ended with exit 3 or called anything better, and how many decode rates were called worse when B was 3 % and 5 % slower.
# Exit 1 when there are more false alarms than a rate of 5 % allows (binomial, 1e-4; for 200). The table for more cases: cmake --build build --target compare_rates
#   MELTBENCH=path of the binary (build/meltbench)     200 x 10 take some four minutes
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
binary=${MELTBENCH:-$top/build/meltbench} comparisons=${1:-200} repetitions=${2:-10}
[ -x "$binary" ] || { echo "check_compare.sh: no $binary: build first, or set MELTBENCH" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scatter="trial_sd=0.01,token_sd=0.05,outlier=0.05,outlier_by=1.3,drift=0.02,process_sd=0.003"
cat >"$work/plan.yaml" <<PLAN
name: noisy
models: ["null:virtual=1,prompt_token_us=100,token_us=2000,$scatter"]
workloads:
  - micro: {prompt: [64, 256], gen: [32, 128]}
protocol: {repetitions: $repetitions, warmup: 1, order: listed, seed: 42, timeout_s: 60, cooldown: 0}
collect: [latency]
PLAN

draw=0
measure() { # database, factor of all times
  draw=$((draw + 1))
  MELTBENCH_NULL="draw=$draw,slow=$2" "$binary" run "$work/plan.yaml" --db "$1" --again --quiet --noise 0 2>"$work/said" || { cat "$work/said" >&2; exit 1; }
}

# FACTOR -> "comparisons with an alarm, decode rows worse, decode rows"
count() {
  local alarms=0 worse=0 rows=0 i code
  for ((i = 0; i < comparisons; i++)); do
    rm -f "$work/pair.db"*
    measure "$work/pair.db" 1
    measure "$work/pair.db" "$1"
    code=0
    "$binary" compare last~1 last --db "$work/pair.db" --metric prefill,decode,ttft >"$work/page" || code=$?
    case $code in 0 | 3) ;; *) exit 1 ;; esac
    if ! grep -q '^# meltbench compare: 0 worse, 0 better,' "$work/page"; then alarms=$((alarms + 1)); fi
    worse=$((worse + $(grep -c '| decode_tps .*| \*\*worse\*\*' "$work/page" || true)))
    rows=$((rows + $(grep -c '| decode_tps ' "$work/page")))
  done
  echo "$alarms $worse $rows"
}

read -r alarms _ _ < <(count 1)
echo "equal runs: $alarms of $comparisons comparisons raised an alarm; stated: at most 5 %"
for slow in 1.03 1.05; do
  read -r any worse rows < <(count "$slow")
  echo "$(awk -v s="$slow" 'BEGIN { printf "%g", 100 * (s - 1) }') % slower: $worse of $rows decode rates called worse, $any of $comparisons comparisons alarmed"
done
if [ "$comparisons" -le 200 ] && [ "$alarms" -gt 23 ]; then exit 1; fi
