#!/usr/bin/env bash
# bench_overhead.sh [PAIRS] - what measuring costs: decode of the default model with every default collector on against none, in
# pairs of runs whose order alternates. Prints the table of docs/overhead.md; exit 1 when the median ratio is above 1 % (slower).
#   MELTBENCH=path of the binary (build/meltbench), THREADS=2, GEN=128
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
binary=${MELTBENCH:-$top/build/meltbench} pairs=${1:-24} threads=${THREADS:-2} gen=${GEN:-128}
[ -x "$binary" ] || { echo "bench_overhead.sh: no $binary: build first, or set MELTBENCH" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

plan() { # NAME COLLECT
  cat >"$work/$1.yaml" <<PLAN
name: overhead-$1
models: [smollm2-135m]
axes: {threads: [$threads]}
workloads:
  - micro: {prompt: 16, gen: $gen}
protocol: {repetitions: 1, warmup: 1, order: listed, seed: 42, timeout_s: 300, cooldown: 0}
collect: [$2]
PLAN
}
plan none none
plan all default

TIMEFORMAT='%U %S' # of the whole command, its worker included
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
for i in $(seq "$pairs"); do
  order="none all"
  if [ $((i % 2)) = 0 ]; then order="all none"; fi
  for which in $order; do
    { time "$binary" run "$work/$which.yaml" --db "$work/$which.db" --again --quiet --noise 0 2>"$work/said"; } 2>>"$work/$which.cpu" ||
      { cat "$work/said" >&2; exit 1; }
  done
  [ ! -t 2 ] || printf '\rpair %d of %d ' "$i" "$pairs" >&2
done

# One line a run, in the order of the runs: mean, median and fastest tenth of the times between two tokens, ns.
figures() {
  sqlite3 -separator ' ' "$1" "
    WITH gap AS (SELECT t.run_id, e.t_ns - lag(e.t_ns) OVER (PARTITION BY t.trial_id ORDER BY e.seq) AS ns
                 FROM v_trial t JOIN event e USING (trial_id) WHERE t.kind = 'measured' AND t.status = 'ok' AND e.kind = 'token'),
         ranked AS (SELECT run_id, ns, row_number() OVER (PARTITION BY run_id ORDER BY ns) AS k, count(*) OVER (PARTITION BY run_id) AS n
                    FROM gap WHERE ns IS NOT NULL)
    SELECT avg(ns), max(iif(k = (n + 1) / 2, ns, 0)), max(iif(k = (n + 9) / 10, ns, 0)) FROM ranked GROUP BY run_id ORDER BY run_id"
}
figures "$work/none.db" >"$work/none.txt"
figures "$work/all.db" >"$work/all.txt"
sampler_ns=$(sqlite3 "$work/all.db" "SELECT avg(value) FROM metric JOIN trial t ON t.id = trial_id WHERE t.kind = 'measured' AND name = 'sampler_cpu_ns'")

python3 - "$work" "$binary" "$load_before" "$sampler_ns" "$pairs" "$threads" "$gen" <<'PY'
import math, platform, statistics, subprocess, sys, datetime
work, binary, load_before, sampler_ns, pairs, threads, gen = sys.argv[1:]
read = lambda name: [tuple(map(float, l.split())) for l in open(f"{work}/{name}.txt")]
cpu_ns = lambda name: [sum(map(float, l.split())) * 1e9 for l in open(f"{work}/{name}.cpu")]
none, every = ([f + (c,) for f, c in zip(read(name), cpu_ns(name), strict=True)] for name in ("none", "all"))
if len(none) != int(pairs) or len(every) != int(pairs):
    sys.exit("bench_overhead.sh: some runs failed")

def interval(values):
    """Order statistics around the median that cover it with 95 % at least (binomial; Conover 1999, 3.2)."""
    v, n, k, tail = sorted(values), len(values), 0, 0.0
    while tail + math.comb(n, k) / 2**n <= 0.025:
        tail += math.comb(n, k) / 2**n
        k += 1
    return v[max(k - 1, 0)], v[n - max(k, 1)]

cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
version = subprocess.run([binary, "--version"], capture_output=True, text=True).stdout.splitlines()
print(f"{datetime.date.today()}, {cpu}, Linux {platform.release()}, {version[1]}, {threads} threads, {pairs} pairs of {gen} tokens, "
      f"load average before {load_before}, after {open('/proc/loadavg').read().split()[0]}\n")
print("| time | no collector, ms | default collectors, ms | median of the pairs' ratios | 95 % interval |\n| --- | ---: | ---: | ---: | ---: |")
worst = None
for i, name in enumerate(("between tokens, mean of a run", "between tokens, median", "between tokens, fastest tenth", "CPU time of the whole command")):
    ratios = [b[i] / a[i] for a, b in zip(none, every)]
    lo, hi = interval(ratios)
    worst = worst or statistics.median(ratios)
    print(f"| {name} | {statistics.median(a[i] for a in none) / 1e6:.3f} | {statistics.median(b[i] for b in every) / 1e6:.3f} | "
          f"{statistics.median(ratios):.4f} | {lo:.4f} .. {hi:.4f} |")
if sampler_ns:
    share = float(sampler_ns) / (statistics.median(b[0] for b in every) * int(gen))
    print(f"\nCPU time of the sampler thread: {float(sampler_ns) / 1e6:.2f} ms a run, {100 * share:.2f} % of the decode time.")
sys.exit(worst > 1.01)
PY
