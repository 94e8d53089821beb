#!/usr/bin/env bash
# bench_startup.sh MODEL [BUILD_DIR] [ROUNDS] [THREADS] - time to the first token of a 16-token prompt, file in the page cache, against libllama.
#
# Ours is a whole process by the wall clock: from before exec of `generate -n 1` to the first byte of text on its standard output (time from
# exec to first token). The time until it has ended is told beside it; CPU time is that of the whole process and its worker. Theirs is measured
# inside a process that has everything loaded (Python, libllama): from before llama_model_load_from_file to the first sampled token.
# Rounds alternate; medians of wall time and of CPU time (user + system, children included), and their ratios. PYTHON names an interpreter
# with llama_cpp; without one only our side is measured. Exit 1 when the ratio of the medians is above NEED (default: no bound).
set -euo pipefail
model=${1:?usage: bench_startup.sh MODEL [BUILD_DIR] [ROUNDS] [THREADS]} build=${2:-build} rounds=${3:-11} threads=${4:-2}
python=${PYTHON:-python3}
exec "$python" - "$model" "$build/meltbench" "$rounds" "$threads" "${NEED:-0}" <<'PY'
import json, os, resource, statistics, subprocess, sys, time

model, meltbench, rounds, threads, need = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], float(sys.argv[5])
PROMPT = "Once upon a time there was a small house at the edge of the dark"

PEER = r"""
import ctypes, json, os, sys, time
sys.stderr.flush(); null = os.open(os.devnull, os.O_WRONLY); os.dup2(null, 2)
import llama_cpp as L
L.llama_backend_init()
path, threads, text = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
cpu, wall = time.process_time(), time.perf_counter()
mp = L.llama_model_default_params(); mp.n_gpu_layers = 0
model = L.llama_model_load_from_file(path.encode(), mp)
vocab = L.llama_model_get_vocab(model)
ids = (L.llama_token * 64)()
n = L.llama_tokenize(vocab, text, len(text), ids, 64, True, True)
cp = L.llama_context_default_params()
cp.n_ctx = 64; cp.n_batch = cp.n_ubatch = 64; cp.n_threads = cp.n_threads_batch = threads
ctx = L.llama_init_from_model(model, cp)
assert L.llama_decode(ctx, L.llama_batch_get_one(ids, n)) == 0
logits = L.llama_get_logits_ith(ctx, -1)
n_vocab = L.llama_vocab_n_tokens(vocab)
import numpy
first = int(numpy.ctypeslib.as_array(logits, shape=(n_vocab,)).argmax())
print(json.dumps({'wall': time.perf_counter() - wall, 'cpu': time.process_time() - cpu, 'tokens': n}))
"""

def cpu_of_children():
    r = resource.getrusage(resource.RUSAGE_CHILDREN)
    return r.ru_utime + r.ru_stime

def ours():
    cpu, wall = cpu_of_children(), time.perf_counter()
    p = subprocess.Popen([meltbench, 'generate', '-m', model, '-p', PROMPT, '-n', '1', '-t', threads], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.read(p.stdout.fileno(), 1)
    first = time.perf_counter() - wall
    error = p.communicate()[1]
    if p.returncode:
        sys.exit('ours: ' + error.decode()[-300:])
    return {'wall': first, 'end': time.perf_counter() - wall, 'cpu': cpu_of_children() - cpu}

def peer():
    r = subprocess.run([sys.executable, '-c', PEER, model, threads, PROMPT], stdout=subprocess.PIPE)
    return json.loads(r.stdout.decode().strip().splitlines()[-1]) if r.returncode == 0 else None

try:
    import llama_cpp
    has_peer = True
except ImportError:
    has_peer = False
    print('no llama_cpp in %s: our side alone' % sys.executable)

with open(model, 'rb') as f:  # into the page cache
    while f.read(1 << 22):
        pass
ours(); has_peer and peer()
seen = {'ours': [], 'llama.cpp': []}
for i in range(rounds):
    for who in (('ours', 'llama.cpp') if i % 2 else ('llama.cpp', 'ours')):
        if who == 'ours' or has_peer:
            seen[who].append(ours() if who == 'ours' else peer())
print('%s, %s threads, %d rounds, load %.1f' % (os.path.basename(model), threads, rounds, os.getloadavg()[0]))
median = lambda who, key: statistics.median(x[key] for x in seen[who] if x)
for who in seen:
    rows = [x for x in seen[who] if x]
    if rows:
        print('%-10s first token after %6.1f ms wall (%.1f to %.1f), %6.1f ms CPU' % (who, median(who, 'wall') * 1e3, min(x['wall'] for x in rows) * 1e3,
              max(x['wall'] for x in rows) * 1e3, median(who, 'cpu') * 1e3))
print('%-10s has ended after   %6.1f ms wall' % ('ours', median('ours', 'end') * 1e3))
if has_peer and seen['llama.cpp'][0]:
    wall, cpu = median('ours', 'wall') / median('llama.cpp', 'wall'), median('ours', 'cpu') / median('llama.cpp', 'cpu')
    print('ratio %.3f wall, %.3f CPU' % (wall, cpu))
    sys.exit(1 if need and wall > need else 0)
PY
