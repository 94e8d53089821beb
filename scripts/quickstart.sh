#!/usr/bin/env bash
# quickstart.sh - from a bare Debian to a report on a real model: packages, model, build, plans/quickstart.yaml, report/index.html.
#   scripts/quickstart.sh                 everything (again: no downloads, resumes or says that the run is done)
#   scripts/quickstart.sh --model-only    only fetch the default model into the cache
#   scripts/quickstart.sh --again         measure again beside the runs that are there
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/scripts/packages.sh"

usage() { sed -n '2,5s/^# \{0,1\}//p' "$0"; }

fetch_model() { "$top/scripts/get_model.sh" smollm2-135m; }

again=()
case "${1:-}" in
"") ;;
--model-only)
  fetch_model
  exit 0
  ;;
--again) again=(--again) ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; echo "quickstart.sh: unknown option '$1'" >&2; exit 2 ;;
esac

# shellcheck disable=SC2086
need_packages "build and report" $MB_BUILD_PACKAGES $MB_RUN_PACKAGES
fetch_model >/dev/null
say "build: Release into $top/build"
log=$(mktemp)
{ cmake -S "$top" -B "$top/build" && cmake --build "$top/build" -j "$(nproc)" --target meltbench; } >"$log" 2>&1 ||
  { tail -n 30 "$log" >&2; die "The build failed; the whole log is $log"; }
rm -f "$log"
say "measure: plans/quickstart.yaml into $top/quickstart.db"
status=0
"$top/build/meltbench" run "$top/plans/quickstart.yaml" --db "$top/quickstart.db" "${again[@]}" || status=$?
if [ "$status" = 130 ]; then exit 130; fi
say "report"
"$top/build/meltbench" report "$top/quickstart.db" -o "$top/report"
exit "$status"
