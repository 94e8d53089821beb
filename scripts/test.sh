#!/usr/bin/env bash
# test.sh - packages, build, every test. Four builds: Release (all tests, with goldens), ASan+UBSan (all but goldens), TSan (tests
# with threads), and the engine for 64-bit Arm under qemu. Last line: "N passed, N failed, N skipped", counting test functions.
#   scripts/test.sh [release] [asan] [tsan] [aarch64]      default: all four
set -uo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/scripts/packages.sh"
stages=${*:-release asan tsan aarch64}
jobs=$(nproc)

# shellcheck disable=SC2086
need_packages "build and tests" $MB_BUILD_PACKAGES $MB_RUN_PACKAGES $MB_TEST_PACKAGES

if ! "$top/scripts/quickstart.sh" --model-only >/dev/null; then
  say "the default model is not here and could not be fetched: tests that need it are skipped"
fi
# More models only on request: MELTBENCH_TEST_MODELS="gemma3-270m" (217 MiB, with terms of its own). What is in the cache is tested.
for model in ${MELTBENCH_TEST_MODELS:-}; do
  "$top/scripts/get_model.sh" "$model" >/dev/null || say "the model $model could not be fetched: tests that need it are skipped"
done
if [ ! -d "${MELTBENCH_TEST_DATA:-$top/../shared/data}" ]; then
  say "no ../shared/data here: tests that compare with its reference values are skipped"
fi

golden='[[,]golden'                                      # label: needs real data or the real model, Release only
arm_tests='^test_(types|types_golden|types_quality|types_expand|kernels|vector|matmul|pool|forward) ' # the engine's own arithmetic
passed=0 failed=0 skipped=0
# Everything when every test is wanted, else those tests: the command line, which no test with threads starts, is not built three times.
build_wanted() { # build want not
  local targets=all
  if [ "$2" != . ]; then targets=$("$top/scripts/run_tests.sh" --names "$1" "$2" "$3"); fi
  # shellcheck disable=SC2086
  cmake --build "$1" -j "$jobs" --target $targets
}
# stage NAME BUILD_DIR WANT NOT cmake-options...: WANT and NOT as in run_tests.sh
stage() {
  local name=$1 build=$2 want=$3 not=$4 log counts
  shift 4
  log=$(mktemp)
  say "$name: build in $build"
  if ! { cmake -S "$top" -B "$build" -DMB_TESTS=ON "$@" && build_wanted "$build" "$want" "$not"; } >"$log" 2>&1; then
    tail -n 40 "$log"
    echo "-- $name: the build failed, whole log: $log"
    failed=$((failed + 1))
    return
  fi
  rm -f "$log"
  say "$name: tests"
  counts=$("$top/scripts/run_tests.sh" "$build" "$want" "$not")
  printf '%s\n' "$counts" | sed '$d'
  set -- $(printf '%s\n' "$counts" | tail -n 1)
  say "$name: $1 passed, $2 failed, $3 skipped"
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
for s in $stages; do
  case $s in
  release) stage Release "$top/build" . '^$' -DCMAKE_BUILD_TYPE=Release -DMB_WERROR=ON ;;
  asan) stage ASan+UBSan "$top/build-asan" . "$golden" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMB_SANITIZER=address,undefined -DMB_WERROR=ON ;;
  tsan) stage TSan "$top/build-tsan" '[[,]threads' "$golden" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMB_SANITIZER=thread -DMB_WERROR=ON ;;
  aarch64)
    if [ "$(uname -m)" = aarch64 ]; then
      say "aarch64: this machine is one, the other stages have run its kernels"
      continue
    fi
    need_cross_packages
    MB_TEST_EMULATOR="qemu-aarch64 -cpu max" stage "aarch64 (qemu, i8mm)" "$top/build-aarch64" "$arm_tests" '^$' \
      -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE="$top/cmake/aarch64-linux-gnu.cmake" -DMB_WERROR=ON
    MB_TEST_EMULATOR="qemu-aarch64 -cpu cortex-a76" stage "aarch64 (qemu, dotprod, no i8mm)" "$top/build-aarch64" '^test_matmul ' '^$'
    MB_TEST_EMULATOR="qemu-aarch64 -cpu cortex-a53" stage "aarch64 (qemu, no dotprod)" "$top/build-aarch64" '^test_(kernels|vector) ' '^$'
    ;;
  *) die "test.sh: unknown stage '$s' (release, asan, tsan, aarch64)" ;;
  esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
