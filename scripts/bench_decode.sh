#!/usr/bin/env bash
# bench_decode.sh MODEL [BUILD_DIR] [ROUNDS] [TYPE...] - decode speed of one model in several formats (llama-bench names; "file" is the model as
# it is), as the bytes that a token has to read against what `calibrate` reads from memory, both in each round. THREADS=2, GEN=128.
#
# Bytes of a token: what the matrices and the attention of `profile` read, without the vectors of activations.
# The share of a round is its own bandwidth over the mean of the read limits measured before and after it; medians of the rounds with their range.
# Exit 1 when a format stays below 0.75 of the limit.
set -euo pipefail
model=${1:?usage: bench_decode.sh MODEL [BUILD_DIR] [ROUNDS] [TYPE...]} build=${2:-build} rounds=${3:-15}
shift $(($# < 3 ? $# : 3))
types=("$@")
[ ${#types[@]} -gt 0 ] || types=(file Q4_0 Q5_0 Q5_1 Q8_0 F16)
made=${XDG_CACHE_HOME:-$HOME/.cache}/meltbench/formats
mkdir -p "$made"
files=()
for type in "${types[@]}"; do
  file=$made/$(basename "${model%.gguf}").$type.gguf
  [ "$type" = file ] && file=$model
  [ -f "$file" ] || "$build/meltbench" quantize "$model" "$file" "$type" >/dev/null
  files+=("$type=$file")
done
exec python3 - "$build/meltbench" "$rounds" "${THREADS:-2}" "${GEN:-128}" "${files[@]}" <<'PY'
import json, os, statistics, subprocess, sys

meltbench, rounds, threads, gen = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
files = [a.split('=', 1) for a in sys.argv[5:]]

def output(*args):
    r = subprocess.run([meltbench, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if r.returncode:
        sys.exit('%s: %s' % (args[0], r.stderr[-300:]))
    return json.loads(r.stdout)

def read_limit():
    rows = output('calibrate', '-t', threads, '-r', '1', '--limits', 'read', '-q', '-o', 'json')
    return rows[0]['median']

def token_bytes(path):
    ops = output('profile', '-m', path, '-p', '0', '-n', str(gen), '-t', threads, '--no-limits', '-o', 'json')['phases']['decode']['operators']
    activations = {'matmul': lambda op: 4 * op['m'] * (op['k'] + op['n']), 'attention': lambda op: 8 * op['m'] * op['k']}
    return sum(op['bytes'] - op['calls'] * activations[op['op']](op) for op in ops if op['op'] in activations) / gen

def decode(path):
    return output('bench', '-m', path, '-p', '0', '-n', str(gen), '-t', threads, '-r', '1', '-o', 'json')[0]['avg_ts']

size = {name: token_bytes(path) for name, path in files}
speed, share, limits = {}, {}, [read_limit()]
for i in range(rounds):
    for name, path in files if i % 2 == 0 else files[::-1]:
        ts = decode(path)
        limits.append(read_limit())
        speed.setdefault(name, []).append(ts)
        share.setdefault(name, []).append(ts * size[name] / statistics.mean(limits[-2:]))

print('%s threads, %d rounds, load %.1f; read limit %.1f GB/s (%.1f to %.1f)' % (threads, rounds, os.getloadavg()[0], statistics.median(limits) / 1e9,
      min(limits) / 1e9, max(limits) / 1e9))
print('\n| format | MB a token | tok/s | GB/s | of the read limit |\n| --- | ---: | ---: | ---: | --- |')
for name, _ in files:
    ts = statistics.median(speed[name])
    print('| %s | %.1f | %.1f | %.1f | **%.2f** (%.2f to %.2f) |' % (name, size[name] / 1e6, ts, ts * size[name] / 1e9, statistics.median(share[name]),
          min(share[name]), max(share[name])))
sys.exit(0 if min(statistics.median(s) for s in share.values()) >= 0.75 else 1)
PY
