# packages.sh - sourced: the one list of Debian packages, and how to install what is missing of it.
# Usage: need_packages "purpose" pkg...

# What building and running meltbench takes.
MB_BUILD_PACKAGES="gcc make cmake git pkg-config libc6-dev libjansson-dev libyaml-dev libsqlite3-dev libssl-dev libpcre2-dev libhwloc-dev"
# What the quickstart adds: the figures, and pip for the default model.
MB_RUN_PACKAGES="gnuplot-nox python3 python3-pip unzip ca-certificates"
# What the tests add; sanitizer runtimes come with gcc.
MB_TEST_PACKAGES="libcmocka-dev sqlite3 zlib1g-dev xz-utils libpapi-dev"
# The engine for 64-bit Arm, run under qemu: libraries of the foreign architecture come from Debian's own archive.
MB_CROSS_PACKAGES="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user libcmocka-dev:arm64 libpcre2-dev:arm64"

say() { printf '%s\n' "== $*" >&2; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# Runs a command as root: directly, or through sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null 2>&1; then sudo "$@"; else return 126; fi
}

need_packages() {
  local purpose=$1 missing=() p
  shift
  if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    if [ -n "${MELTBENCH_SKIP_PACKAGES:-}" ]; then return 0; fi
    die "This script installs packages with apt-get, which is not here. Install the equivalents of these yourself, then set
MELTBENCH_SKIP_PACKAGES=1 and run it again: $*"
  fi
  for p in "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
  done
  if [ ${#missing[@]} = 0 ]; then return 0; fi
  if [ -n "${MELTBENCH_SKIP_PACKAGES:-}" ]; then return 0; fi
  say "$purpose: installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 ||
    die "apt-get update failed (are you root, or is sudo there?). Needed packages: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/tmp/meltbench-apt.$$.log 2>&1 ||
    { cat /tmp/meltbench-apt.$$.log >&2; die "apt-get install failed. Needed packages: ${missing[*]}"; }
  rm -f /tmp/meltbench-apt.$$.log
}

need_cross_packages() {
  if command -v dpkg >/dev/null 2>&1 && [ -z "${MELTBENCH_SKIP_PACKAGES:-}" ] && ! dpkg --print-foreign-architectures | grep -qx arm64; then
    say "adding the architecture arm64 to dpkg"
    as_root dpkg --add-architecture arm64 || die "dpkg --add-architecture arm64 failed (are you root, or is sudo there?)"
  fi
  # shellcheck disable=SC2086
  need_packages "Arm cross build" $MB_CROSS_PACKAGES
}
