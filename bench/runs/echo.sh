#!/usr/bin/env bash
# Runs of a model that does nothing: how many a second are accepted and ended, each
# by a request of its own; how long one takes at 200 a second; and what ten thousand
# that wait cost. Beside the same no-op behind LitServe and Cog, which keep nothing.
#   bench/runs/echo.sh [--short]
# --short: Runnel alone, a fraction of the runs, loose limits.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=bench/server.bash
source bench/server.bash
# shellcheck source=bench/runs/peers.bash
source bench/runs/peers.bash

rounds=5 runs=8000 steady=4000 queued=10000 asked=500 rate_ms=0.667 p50=5 p99=50 list=20 is_short=
if [ "${1:-}" = --short ]; then
    rounds=1 runs=300 steady=200 queued=500 asked=50 rate_ms=50 p50=500 p99=5000 list=500 is_short=1
fi
build_load

start_server runs
host=$(host_of "$SERVER_URL")
"$LOAD" burst "$host" "$BENCH_KEY" 8 200 >/dev/null
if [ -z "$is_short" ]; then
    install_python
    start_litserve
    start_cog
    "$LOAD" peer "$LITSERVE_HOST" /predict '{"input": "hi"}' 8 200 >/dev/null
    "$LOAD" peer "$COG_HOST" /predictions '{"input": {"text": "hi"}}' 1 200 >/dev/null
fi
for ((i = 0; i < rounds; i++)); do
    "$LOAD" burst "$host" "$BENCH_KEY" 8 "$runs" | awk -v n="$runs" '{ print n / $2 }' >>"$BENCH_DIR/own"
    [ -z "$is_short" ] || continue
    "$LOAD" peer "$LITSERVE_HOST" /predict '{"input": "hi"}' 8 "$runs" | awk -v n="$runs" '{ print n / $1 }' >>"$BENCH_DIR/litserve"
    "$LOAD" peer "$COG_HOST" /predictions '{"input": {"text": "hi"}}' 1 "$runs" | awk -v n="$runs" '{ print n / $1 }' >>"$BENCH_DIR/cog"
done
own=$(median <"$BENCH_DIR/own")
figure "a run that does nothing, accepted, executed, durable" "$(calc "1000 / $own" 3)" "$rate_ms" ms
printf '%-58s %10.0f a second\n' "that is" "$own"
for peer in litserve cog; do
    [ -e "$BENCH_DIR/$peer" ] || continue
    rate=$(median <"$BENCH_DIR/$peer")
    printf '%-58s %10.0f a second, in memory; ours is %s times that\n' "the same behind $peer" "$rate" "$(calc "$own / $rate")"
done

read -r median worst answered answered_worst < <("$LOAD" steady "$host" "$BENCH_KEY" 200 "$steady")
figure "at 200 a second, accepted to ended, p50" "$median" "$p50" ms
figure "the same, p99" "$worst" "$p99" ms
printf '%-58s %10s %10s ms\n' "the answer to the request meanwhile, p50 and p99" "$answered" "$answered_worst"
stop_server

# Nobody works them off.
start_server queue --workers 0
host=$(host_of "$SERVER_URL")
"$LOAD" fill "$host" "$BENCH_KEY" 8 100 >/dev/null
before=$(memory_kib VmRSS)
"$LOAD" fill "$host" "$BENCH_KEY" 8 "$queued" >/dev/null
after=$(memory_kib VmRSS)
figure "memory that $queued queued runs take" "$(calc "($after - $before) / 1024" 1)" 16 MiB
read -r median worst < <("$LOAD" list "$host" "$BENCH_KEY" "$asked")
figure "the list of those queued, p99" "$worst" "$list" ms
exit "$FIGURES_OVER"
