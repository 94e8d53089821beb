#!/usr/bin/env bash
# run_tests.sh BUILD_DIR [WANT] [NOT] - run the cmocka binaries of BUILD_DIR/tests.list whose line "name [labels]" matches the regular
# expression WANT and not NOT, two at a time, and count test functions. Prints every failure and every skip with its reason; last line: "passed failed skipped". Exit 1 on a failure.
# MB_TEST_EMULATOR is put in front of each binary (qemu-aarch64 for the Arm build).
# With --names in front: only print the names of those binaries.
set -u
list_only=false
if [ "${1:-}" = --names ]; then list_only=true; shift; fi
build=$1 want=${2:-.} not=${3:-^$}

names=$(awk -v want="$want" -v skip="$not" 'NF && $0 ~ want && $0 !~ skip { print $1 }' "$build/tests.list")
[ -n "$names" ] || { echo "run_tests.sh: no test in $build/tests.list matches '$want'" >&2; exit 1; }
if $list_only; then printf '%s\n' "$names"; exit 0; fi
logs=$build/test-logs
rm -rf "$logs" && mkdir -p "$logs"

run_one() { # build logs name
  timeout 900 ${MB_TEST_EMULATOR:-} "$1/tests/$3" >"$2/$3.log" 2>&1
  echo $? >"$2/$3.rc"
}
export -f run_one
printf '%s\n' "$names" | xargs -P 2 -I{} bash -c 'run_one "$1" "$2" "$3"' _ "$build" "$logs" {}

passed=0 failed=0 skipped=0
for name in $names; do
  log=$logs/$name.log rc=$(cat "$logs/$name.rc")
  run=$(grep -c '^\[ RUN      \]' "$log")
  ok=$(grep -c '^\[       OK \]' "$log")
  skip=$(grep '^\[  SKIPPED \] [A-Za-z_]' "$log" | sort -u | wc -l)
  bad=$((run - ok - skip))
  if [ "$rc" != 0 ] && [ $bad -le 0 ]; then bad=1; fi
  passed=$((passed + ok)) skipped=$((skipped + skip)) failed=$((failed + bad))
  if [ $bad != 0 ]; then
    echo "-- $name: $bad failed (exit $rc)"
    grep -v '^\[       OK \]\|^\[ RUN ' "$log" | tail -n 40
  fi
  if [ "$skip" != 0 ]; then
    echo "-- $name: $skip skipped: $(grep -m1 -B1 '^\[  SKIPPED \] [A-Za-z_]' "$log" | head -n 1)"
  fi
done
echo "$passed $failed $skipped"
[ $failed = 0 ]
