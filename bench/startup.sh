#!/usr/bin/env bash
# How long `runnel serve` takes on an empty folder, from its start to the line that it listens.
#   bench/startup.sh [--short]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/server.bash
source bench/server.bash

times=15 limit_ms=200
# A build for tests is slower, and only all proportion is asked of it.
[ "${1:-}" != --short ] || times=3 limit_ms=2000

for ((i = 0; i < times; i++)); do
    begun=${EPOCHREALTIME/./}
    start_server "empty-$i"
    ended=${EPOCHREALTIME/./}
    echo $(((ended - begun) / 100)) >>"$BENCH_DIR/times"
    stop_server
done
median=$(sort -n "$BENCH_DIR/times" | awk '{ all[NR] = $1 } END { printf "%.1f", all[int((NR + 1) / 2)] / 10 }')
figure "ready on an empty folder, median of $times" "$median" "$limit_ms" ms
exit "$FIGURES_OVER"
