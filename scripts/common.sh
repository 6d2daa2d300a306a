# What the scripts share: where the repository is, how many jobs, configure and build. Sourced, not run.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
jobs="${KILN_JOBS:-$(nproc)}"
export CTEST_PARALLEL_LEVEL="$jobs"
export CCACHE_SLOPPINESS=pch_defines,time_macros  # else it keeps nothing that was compiled with precompiled headers

say() { printf '\n== %s\n' "$*"; }

# build PRESET [TARGET...]: configures (again only if something changed) and builds; without targets, everything.
build() {
  local preset="$1"
  shift
  cd "$root"
  if [[ ! -f "build/$preset/build.ninja" ]]; then
    say "configuring $preset"
    cmake --preset "$preset"
  fi
  say "building $preset"
  cmake --build --preset "$preset" --parallel "$jobs" ${1:+--target "$@"}
}
