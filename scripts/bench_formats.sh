#!/usr/bin/env bash
# bench_formats.sh [MODEL.gguf [TYPE...]] - prefill and decode of one model in several formats beside llama.cpp and OpenVINO GenAI, same
# file, same threads, rounds interleaved by peer_speed.py; prints the table of docs/kernels.md. "file" is the model as it is.
#   MELTBENCH=path of the binary (build/meltbench), THREADS=2, ROUNDS=5, PROMPT=512, GEN=128, DEPTH=0
#   PEER_SPEED=../shared/checks/peer_speed.py; LLAMA=python with llama-cpp-python, OPENVINO=python with openvino-genai ("": without)
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
binary=${MELTBENCH:-$top/build/meltbench} check=${PEER_SPEED:-$top/../shared/checks/peer_speed.py}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/meltbench
model=${1:-$cache/SmolLM2-135M-Instruct.Q4_1.gguf}
[ $# -gt 0 ] && shift
types=("$@")
[ ${#types[@]} -gt 0 ] || types=(file Q4_0 Q5_0 Q5_1 Q8_0 F16)
[ -x "$binary" ] || { echo "bench_formats.sh: no $binary: build first, or set MELTBENCH" >&2; exit 2; }
[ -f "$check" ] || { echo "bench_formats.sh: no $check: set PEER_SPEED" >&2; exit 2; }
made="$cache/formats"
mkdir -p "$made"

file_of() { # TYPE: the model in this format, made once
  [ "$1" = file ] && { echo "$model"; return; }
  local to="$made/$(basename "${model%.gguf}").$1.gguf"
  [ -f "$to" ] || "$binary" quantize "$model" "$to" "$1" >/dev/null
  echo "$to"
}

measure() { # NAME PYTHON FILE: "ours peer ratio (range)" of prefill and decode as table cells
  local said
  said=$("$2" "$check" -m "$3" --peer "$1" --python "$2" --meltbench "$binary" -p "${PROMPT:-512}" -n "${GEN:-128}" -d "${DEPTH:-0}" \
    -t "${THREADS:-2}" --rounds "${ROUNDS:-5}" $([ "${DEPTH:-0}" = 0 ] || echo --flash-attn 1)) || { echo "| could not run | | |"; return; }
  sed -nE 's/^(pp|tg).*ours ([0-9.]+), [a-z.]+ ([0-9.]+) tok.s, ratio ([0-9.]+) \(rounds ([0-9. to]+)\).*/\1 \2 \3 \4 \5/p' <<<"$said" |
    awk '{ printf "| %s / %s | **%s** (%s to %s) ", $2, $3, $4, $5, $7 } END { print "|" }'
}

echo "load $(cut -d' ' -f1-3 /proc/loadavg), ${THREADS:-2} threads, prefill ${PROMPT:-512}, decode ${GEN:-128}, depth ${DEPTH:-0}, ${ROUNDS:-5} rounds; tok/s ours / peer"
echo
echo "| format | peer | prefill | ratio | decode | ratio |"
echo "| --- | --- | --- | --- | --- | --- |"
for type in "${types[@]}"; do
  file=$(file_of "$type")
  [ -z "${LLAMA-}" ] || echo "| $type | llama.cpp $(measure llama.cpp "$LLAMA" "$file")"
  case $type in
  file | Q4_0 | Q8_0 | F16) # what OpenVINO reads
    [ -z "${OPENVINO-}" ] || [ "${DEPTH:-0}" != 0 ] || echo "| $type | OpenVINO GenAI $(measure openvino "$OPENVINO" "$file")" ;;
  esac
done
