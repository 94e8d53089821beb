#!/usr/bin/env bash
# bench_store.sh [BUILD_DIR] [ROUNDS] - how fast samples go into the database, and how large an hour of 12 channels at 10 ms becomes
# (tests/db/store_night.c). Exit 1 when a round is below 1 million samples a second of CPU time, or above 80 MB.
set -euo pipefail
build=${1:-build} rounds=${2:-3}
cmake --build "$build" --target store_night >/dev/null
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rc=0
for i in $(seq "$rounds"); do
  "$(find "$build" -name store_night -type f | head -1)" "$work/$i.db" || rc=1
  rm "$work/$i.db"
done
exit "$rc"
