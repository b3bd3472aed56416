#!/usr/bin/env bash
# Runs every bench of this folder beside its peers, which it installs below
# target/bench-peers, and ends with 1 when a figure is over its limit.
#   bench/runs/run.sh
# RUNNEL_BIN is the executable, target/release/runnel when it is not set.
set -euo pipefail
cd "$(dirname "$0")/../.."

failed=()
for bench in echo removal; do
    printf '\n==> %s\n' "$bench"
    "bench/runs/$bench.sh" || failed+=("$bench")
done
if [ "${#failed[@]}" -gt 0 ]; then
    echo "bench: over a limit, or broken: ${failed[*]}" >&2
    exit 1
fi
