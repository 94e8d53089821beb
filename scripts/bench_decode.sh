#!/usr/bin/env bash
# bench_decode.sh MODEL [BUILD_DIR] [ROUNDS] [TYPE...] - decode of one model in several formats (llama-bench names; "file" is the model as it is):
# the bytes that tokens read against what `calibrate` reads from memory, in turns within one process (tests/harness/decode_share.c). THREADS=2.
# Exit 1 when a format stays below 0.75 of the limit.
set -euo pipefail
model=${1:?usage: bench_decode.sh MODEL [BUILD_DIR] [ROUNDS] [TYPE...]} build=${2:-build} rounds=${3:-15}
shift $(($# < 3 ? $# : 3))
types=("$@")
[ ${#types[@]} -gt 0 ] || types=(file Q4_0 Q5_0 Q5_1 Q8_0 F16)
made=${XDG_CACHE_HOME:-$HOME/.cache}/meltbench/formats
mkdir -p "$made"
cmake --build "$build" --target decode_share meltbench >/dev/null
files=()
for type in "${types[@]}"; do
  file=$made/$(basename "${model%.gguf}").$type.gguf
  [ "$type" = file ] && file=$model
  [ -f "$file" ] || "$build/meltbench" quantize "$model" "$file" "$type" >/dev/null
  files+=("$type=$file")
done
echo "${THREADS:-2} threads, $rounds rounds, load $(cut -d' ' -f1 /proc/loadavg)"
echo
exec "$(find "$build" -name decode_share -type f | head -1)" "${THREADS:-2}" "$rounds" "${files[@]}"
