#!/usr/bin/env bash
# Runs every bench of this folder and ends with 1 when a figure is over its limit.
#   bench/run.sh [--short]
# RUNNEL_BIN is the executable, target/release/runnel when it is not set. With
# --short the work is a fraction and limits on time are loose, for every change;
# the figures of the README are those of the long form on a release build.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=()
benches=(bench/*.sh)
# Those of bench/media and bench/runs stand beside other servers, which take minutes
# to install; here they are run alone, to see that they work.
[ "${1:-}" != --short ] || benches+=(bench/media/{uploads,puts,pages}.sh bench/runs/{echo,removal}.sh bench/callbacks/run.sh)
for bench in "${benches[@]}"; do
    [ "$bench" != bench/run.sh ] || continue
    "$bench" "$@" || failed+=("$bench")
done
if [ "${#failed[@]}" -gt 0 ]; then
    echo "bench: over a limit, or broken: ${failed[*]}" >&2
    exit 1
fi
