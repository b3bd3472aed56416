#!/usr/bin/env bash
# What an upload costs: create, PUT of a photo of 200 KB, confirm with thumbnail,
# by eight clients, against Directus with its thumbnail asked for once, in
# alternating rounds of one run; on SQLite, and on PostgreSQL too. Directus does
# not sync the files that it is given, and Runnel does before it answers, but for
# thumbnails: so it is measured both ways, as it is and told not to.
#   bench/media/uploads.sh [--short]
# CPU is user + system time of the server and all its processes. --short: Runnel
# on SQLite alone, a loose limit.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=bench/server.bash
source bench/server.bash
# shellcheck source=bench/media/peers.bash
source bench/media/peers.bash

rounds=7 uploads=400 peer_uploads=80 clients=8 is_short=
if [ "${1:-}" = --short ]; then
    rounds=1 uploads=100 is_short=1
fi
build_load
photo "$BENCH_DIR/photo.jpeg"

# One round: prints uploads a second, and milliseconds of CPU an upload.
round() { # round MODE HOST KEY COUNT PID…
    local mode=$1 host=$2 key=$3 count=$4 pid seconds before=0 after=0
    shift 4
    for pid in "$@"; do before=$(calc "$before + $(cpu_s "$pid")"); done
    seconds=$("$LOAD" "$mode" "$host" "$key" "$BENCH_DIR/photo.jpeg" "$clients" "$count")
    for pid in "$@"; do after=$(calc "$after + $(cpu_s "$pid")"); done
    echo "$(calc "$count / $seconds" 1) $(calc "($after - $before) * 1000 / $count" 3)"
}

tell() { # tell NAME FILE
    local rate cpu
    rate=$(cut -d' ' -f1 "$2" | median)
    cpu=$(cut -d' ' -f2 "$2" | median)
    printf '%-34s %10s uploads/s %10s ms of CPU an upload %10s uploads a CPU-second\n' \
        "$1" "$rate" "$cpu" "$(calc "1000 / $cpu" 1)"
}

start_server sqlite
own=$(host_of "$SERVER_URL") own_pid=$SERVER_PID
round cycle "$own" "$BENCH_KEY" 50 "$own_pid" >/dev/null
if [ -n "$is_short" ]; then
    round cycle "$own" "$BENCH_KEY" "$uploads" "$own_pid" >"$BENCH_DIR/own"
    figure "CPU of an upload of 200 KB with its thumbnail" "$(cut -d' ' -f2 "$BENCH_DIR/own")" 100 ms
    exit "$FIGURES_OVER"
fi

start_postgres
url=$(postgres_url uploads)
# A second server: the first one is handed to the peers, which end it as well.
PEER_PIDS+=("$own_pid")
start_server postgres-data --database-url "$url"
round cycle "$(host_of "$SERVER_URL")" "$BENCH_KEY" 50 "$SERVER_PID" >/dev/null
# And a third, whose files are not synced.
PEER_PIDS+=("$SERVER_PID")
with_postgres=$(host_of "$SERVER_URL") with_postgres_pid=$SERVER_PID
mkdir -p "$BENCH_DIR/unsynced-objects"
start_server unsynced --storage-url "file://$BENCH_DIR/unsynced-objects?sync=false"
unsynced=$(host_of "$SERVER_URL")
round cycle "$unsynced" "$BENCH_KEY" 50 "$SERVER_PID" >/dev/null
start_directus
round peer "$DIRECTUS_HOST" "$DIRECTUS_KEY" 20 "$DIRECTUS_PID" >/dev/null

for ((i = 0; i < rounds; i++)); do
    round cycle "$own" "$BENCH_KEY" "$uploads" "$own_pid" >>"$BENCH_DIR/own"
    round peer "$DIRECTUS_HOST" "$DIRECTUS_KEY" "$peer_uploads" "$DIRECTUS_PID" >>"$BENCH_DIR/peer"
    round cycle "$unsynced" "$BENCH_KEY" "$uploads" "$SERVER_PID" >>"$BENCH_DIR/own-unsynced"
    round cycle "$with_postgres" "$BENCH_KEY" "$uploads" "$with_postgres_pid" >>"$BENCH_DIR/own-postgres"
    round cycle "$with_postgres" "$BENCH_KEY" "$uploads" "$with_postgres_pid" "$PG_PID" >>"$BENCH_DIR/both-postgres"
done
tell "Runnel, SQLite" "$BENCH_DIR/own"
tell "Runnel, SQLite, files not synced" "$BENCH_DIR/own-unsynced"
tell "Runnel, PostgreSQL" "$BENCH_DIR/own-postgres"
tell "the same, with PostgreSQL's own CPU" "$BENCH_DIR/both-postgres"
tell "Directus 11.13.0, SQLite" "$BENCH_DIR/peer"
for way in own own-unsynced; do
    paste -d' ' "$BENCH_DIR/$way" "$BENCH_DIR/peer" | awk '{ print $2 / $4 }' >"$BENCH_DIR/ratios"
    name="CPU of an upload, of Directus's, median of pairs"
    [ "$way" = own ] || name="the same, neither syncs files"
    figure "$name" "$(median <"$BENCH_DIR/ratios")" 0.1 ""
done
exit "$FIGURES_OVER"
