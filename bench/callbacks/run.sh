#!/usr/bin/env bash
# Callbacks: how many signed ones a second one process delivers and records after an
# outage, and what a dead receiver with ten thousand of them costs another one.
#   bench/callbacks/run.sh [--short]
# --short: a fraction of them, loose limits.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=bench/server.bash
source bench/server.bash

# shellcheck source=bench/media/peers.bash
source bench/media/peers.bash
LOAD=$PEERS/load-callbacks
if [ ! -x "$LOAD" ] || [ bench/callbacks/load.rs -nt "$LOAD" ] || [ bench/client.rs -nt "$LOAD" ]; then
    rustc --edition 2024 -O -A dead_code bench/callbacks/load.rs -o "$LOAD"
fi
# Their own loopback is all that these servers send to.
export RUNNEL_EGRESS_ALLOW=127.0.0.0/8 RUNNEL_LOG=${RUNNEL_LOG:-warn}

owed=100000 dead=10000 rounds=4 rate=50 steady=1500 delivery_ms=0.333 ratio=1.10
if [ "${1:-}" = --short ]; then
    owed=1000 dead=500 rounds=1 rate=50 steady=150 delivery_ms=20 ratio=20
fi

# A receiver or a dead one in the background: begin NAME COMMAND…; its port is in PORT.
begin() {
    local name=$1
    shift
    : >"$BENCH_DIR/$name.out"
    "$LOAD" "$@" >>"$BENCH_DIR/$name.out" &
    PEER_PIDS+=($!)
    until PORT=$(head -n 1 "$BENCH_DIR/$name.out") && [ -n "$PORT" ]; do sleep 0.05; done
}

# Makes a server owe callbacks: owe FOLDER PORT COUNT
owe() {
    start_server "$1" --workers 0
    curl -sf -o /dev/null -H "authorization: Bearer $BENCH_KEY" -H 'content-type: application/json' \
        -d '{"label": "bench"}' "$SERVER_URL/v1/callback-secrets"
    "$LOAD" owe "${SERVER_URL#*://}" "$BENCH_KEY" "http://127.0.0.1:$2/hook" 8 "$3"
    stop_server
}

# All are due at once when it starts again.
begin receiver receive "$owed"
owe outage "$PORT" "$owed"
start_server outage
until [ "$(wc -l <"$BENCH_DIR/receiver.out")" -ge 2 ]; do sleep 0.1; done
peak=$(memory_kib VmHWM)
stop_server
read -r seconds twice < <(sed -n 2p "$BENCH_DIR/receiver.out")
figure "a signed callback, delivered and recorded" "$(calc "1000 * $seconds / $owed" 3)" "$delivery_ms" ms
printf '%-58s %10.0f a second\n' "that is" "$(calc "$owed / $seconds")"
printf '%-58s %10s MiB\n' "the server's peak of memory" "$(calc "$peak / 1024")"
figure "of $owed delivered twice" "$twice" 0 ""

# The same load on a server that owes nothing and on one that owes to the dead.
begin dead hang
owe dead "$PORT" "$dead"
for ((i = 0; i < rounds; i++)); do
    for folder in calm dead; do
        cp -r "$BENCH_DIR/dead" "$BENCH_DIR/dead.kept"
        start_server "$folder"
        "$LOAD" steady "${SERVER_URL#*://}" "$BENCH_KEY" "$rate" "$steady" >>"$BENCH_DIR/$folder.steady"
        stop_server
        rm -rf "$BENCH_DIR/dead"
        mv "$BENCH_DIR/dead.kept" "$BENCH_DIR/dead"
    done
done
median_of() { cut -d ' ' -f "$2" "$BENCH_DIR/$1.steady" | median; }
for folder in calm dead; do
    printf '%-58s %10s %10s ms\n' "from acceptance to arrival, p50 and p99: $folder" "$(median_of $folder 1)" "$(median_of $folder 2)"
done
figure "the p50 beside a dead receiver with $dead, times the calm one" \
    "$(calc "$(median_of dead 1) / $(median_of calm 1)" 2)" "$ratio" ×
exit "$FIGURES_OVER"
