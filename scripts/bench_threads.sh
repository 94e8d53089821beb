#!/usr/bin/env bash
# bench_threads.sh MODEL [BUILD_DIR] [ROUNDS] - how prefill grows from 1 to 2 threads, against how the machine's int8 peak grows in the same
# minutes; and what twice as many threads as processors cost. Rounds alternate; medians of the rounds' ratios with their range.
#
# Exit 1 when prefill scales by less than 0.95 x the peak, or when 4 threads lose more than 20 % against 2 (prefill or decode): the bars
# of a machine with 2 processors. On a machine with more, taskset gives it two.
set -euo pipefail
model=${1:?usage: bench_threads.sh MODEL [BUILD_DIR] [ROUNDS]} build=${2:-build} rounds=${3:-5}
exec python3 - "$model" "$build/meltbench" "$rounds" <<'PY'
import json, os, statistics, subprocess, sys

model, meltbench, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
two = sorted(os.sched_getaffinity(0))[:2]
os.sched_setaffinity(0, two)

def output(*args):
    r = subprocess.run([meltbench, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if r.returncode:
        sys.exit('%s: %s' % (args[0], r.stderr[-300:]))
    return json.loads(r.stdout)

def speeds(threads):
    rows = output('bench', '-m', model, '-p', '512', '-n', '64', '-t', str(threads), '-r', '1', '-o', 'json')
    return {('prefill' if row['n_prompt'] else 'decode'): row['avg_ts'] for row in rows}

def peaks():
    rows = output('calibrate', '-t', '1,2', '-r', '3', '--limits', 'int8', '-q', '-o', 'json')
    best = max(rows, key=lambda r: r['median'])['isa']
    return {r['threads']: r['median'] for r in rows if r['isa'] == best}

seen = {'peak 2/1': [], 'prefill 2/1': [], 'decode 2/1': [], 'prefill 4/2': [], 'decode 4/2': []}
for i in range(rounds):
    peak = peaks()
    seen['peak 2/1'].append(peak[2] / peak[1])
    order = (1, 2, 4) if i % 2 == 0 else (4, 2, 1)
    got = {t: speeds(t) for t in order}
    for phase in ('prefill', 'decode'):
        seen[phase + ' 2/1'].append(got[2][phase] / got[1][phase])
        seen[phase + ' 4/2'].append(got[4][phase] / got[2][phase])

print('%s on processors %s, %d rounds, load %.1f' % (os.path.basename(model), two, rounds, os.getloadavg()[0]))
median = {k: statistics.median(v) for k, v in seen.items()}
for k, v in seen.items():
    print('%-12s %.3f (%.3f to %.3f)' % (k, median[k], min(v), max(v)))
share = median['prefill 2/1'] / median['peak 2/1']
print('prefill scales by %.3f of the int8 peak' % share)
sys.exit(0 if share >= 0.95 and min(median['prefill 4/2'], median['decode 4/2']) >= 0.8 else 1)
PY
