#!/usr/bin/env bash
# check_kill.sh [PLAN] [LONGEST_S] - proof of resuming: run PLAN undisturbed, then again with SIGKILL of the whole command at random moments
# (0 to LONGEST_S seconds after each start) and rerun until it is done. Both databases must hold the same measured repetitions with the
# same outputs, PRAGMA integrity_check must say ok after every kill, and no worker may be left.
#   MELTBENCH=path of the binary (build/meltbench); default plan: plans/quickstart.yaml, 20 s
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
binary=${MELTBENCH:-$top/build/meltbench} plan=${1:-$top/plans/quickstart.yaml} longest_s=${2:-20}
[ -x "$binary" ] || { echo "check_kill.sh: no $binary: build first, or set MELTBENCH" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "== $*" >&2; }
trials() { # every measured repetition of the newest run: cell, number, status, tokens that came out
  sqlite3 "$1" "SELECT c.hash, t.repetition, t.status, coalesce(m.value, '-') FROM trial t JOIN cell c ON c.id = t.cell_id
    LEFT JOIN metric m ON m.trial_id = t.id AND m.name = 'output_hash' WHERE t.kind = 'measured' ORDER BY 1, 2"
}

say "undisturbed"
"$binary" run "$plan" --db "$work/whole.db" --quiet 2>/dev/null
trials "$work/whole.db" >"$work/whole.txt"

kills=0
while :; do
  "$binary" run "$plan" --db "$work/killed.db" --quiet 2>"$work/said" &
  pid=$!
  sleep "$(awk -v most="$longest_s" -v seed="$RANDOM" 'BEGIN { srand(seed); print rand() * most }')"
  if ! kill -0 "$pid" 2>/dev/null; then
    wait "$pid" && break
    cat "$work/said" >&2
    exit 1
  fi
  workers=$(pgrep -P "$pid" || true)
  kill -9 "$pid"
  wait "$pid" 2>/dev/null || true
  kills=$((kills + 1))
  sleep 0.2
  for w in $workers; do
    if kill -0 "$w" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$w/status" 2>/dev/null; then
      echo "check_kill.sh: worker $w outlived its parent" >&2
      exit 1
    fi
  done
  if [ -f "$work/killed.db" ]; then
    ok=$(sqlite3 "$work/killed.db" 'PRAGMA integrity_check')
    [ "$ok" = ok ] || { echo "check_kill.sh: integrity after kill $kills: $ok" >&2; exit 1; }
    say "kill $kills: $(trials "$work/killed.db" | wc -l) of $(wc -l <"$work/whole.txt") repetitions kept"
  fi
done
trials "$work/killed.db" >"$work/killed.txt"
diff "$work/whole.txt" "$work/killed.txt" >&2 || { echo "check_kill.sh: the repetitions differ" >&2; exit 1; }
echo "$kills kills, $(wc -l <"$work/killed.txt") repetitions, the same as undisturbed"
