#!/usr/bin/env bash
# bench_threads.sh MODEL [BUILD_DIR] [ROUNDS] - how prefill grows from 1 to 2 threads against how the machine's int8 peak grows, in turns within
# one process (tests/harness/threads_share.c, 5 x ROUNDS); and what twice as many threads as processors cost, ROUNDS rounds of both.
#
# Exit 1 when prefill grows by less than 0.95 x the peak, or when 4 threads lose more than 20 % against 2 (prefill or decode): the bars
# of a machine with 2 processors; 3 when the host took the processors away too often to tell. On a larger machine, taskset gives it two.
set -euo pipefail
model=${1:?usage: bench_threads.sh MODEL [BUILD_DIR] [ROUNDS]} build=${2:-build} rounds=${3:-9}
cmake --build "$build" --target threads_share meltbench >/dev/null
two=$(python3 -c 'import os; print(",".join(map(str, sorted(os.sched_getaffinity(0))[:2])))')
echo "$(basename "$model") on processors $two, load $(cut -d' ' -f1 /proc/loadavg)"
echo
rc=0
taskset -c "$two" "$(find "$build" -name threads_share -type f | head -1)" "$model" 2 $((5 * rounds)) || rc=$?
echo
taskset -c "$two" python3 - "$model" "$build/meltbench" "$rounds" <<'PY' || rc=1
import json, statistics, subprocess, sys

model, meltbench, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])

def speeds(threads):
    r = subprocess.run([meltbench, 'bench', '-m', model, '-p', '512', '-n', '64', '-t', str(threads), '-r', '1', '-o', 'json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if r.returncode:
        sys.exit('bench: %s' % r.stderr[-300:])
    return {('prefill' if row['n_prompt'] else 'decode'): row['avg_ts'] for row in json.loads(r.stdout)}

seen = {'prefill': [], 'decode': []}
for i in range(rounds):
    got = {t: speeds(t) for t in ((2, 4) if i % 2 == 0 else (4, 2))}
    for phase, ratios in seen.items():
        ratios.append(got[4][phase] / got[2][phase])
for phase, ratios in seen.items():
    print('%s, 4 threads to 2: %.3f (%.3f to %.3f)' % (phase, statistics.median(ratios), min(ratios), max(ratios)))
sys.exit(0 if min(statistics.median(r) for r in seen.values()) >= 0.8 else 1)
PY
exit "$rc"
