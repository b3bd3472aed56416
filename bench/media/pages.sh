#!/usr/bin/env bash
# What a page of 50 assets costs in a library of 1,000,000, against one of 1,000,
# over HTTP: at the begin, in the middle and near the end, whole and filtered by
# folder and by type, in several orders; on SQLite and on PostgreSQL.
#   bench/media/pages.sh [--short] [ENGINE…]
# Both servers are asked in turn, request by request. --short: 20,000 rows, SQLite
# alone, fewer rounds, a loose limit. ENGINE is sqlite or postgres, by default both.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=bench/server.bash
source bench/server.bash
# shellcheck source=bench/media/peers.bash
source bench/media/peers.bash

# shellcheck disable=SC2034 # both are read by name
few=1000 many=1000000 rounds=2000 limit=1.3 engines=(sqlite postgres)
if [ "${1:-}" = --short ]; then
    many=20000 rounds=10 limit=5 engines=(sqlite)
    shift
fi
[ $# -eq 0 ] || engines=("$@")
build_load

instant() { python3 -c 'import datetime, sys; print(datetime.datetime.fromtimestamp(int(sys.argv[1]) / 1e6, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"))' "$1"; }

next_of() { # next_of URL PATH: the cursor of the page that follows
    curl -sS --fail-with-body --max-time 60 -H "Authorization: Bearer $BENCH_KEY" "$1$2" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["next"])'
}

# The lists to be asked, one a line, as NAME<tab>PATH: cases URL FOLDER SMALL MIDDLE END
cases() {
    local url=$1 folder=$2 small=$3 middle end by_name
    middle=$(next_of "$url" "/v1/assets?limit=1&q=created_at%3C$(instant "$4")")
    end=$(next_of "$url" "/v1/assets?limit=1&q=created_at%3C$(instant "$5")")
    by_name=$(next_of "$url" "/v1/assets?limit=1&sort_by=name&q=name%3E8")
    printf '%s\t%s\n' \
        "all, first page" "/v1/assets?limit=50" \
        "all, in the middle" "/v1/assets?limit=50&pq=$middle" \
        "all, near the end" "/v1/assets?limit=50&pq=$end" \
        "all, backwards from the middle" "/v1/assets?limit=50&from_prev=true&pq=$middle" \
        "folder, first page" "/v1/assets?limit=50&folder_id=$folder" \
        "folder, in the middle" "/v1/assets?limit=50&folder_id=$folder&pq=$middle" \
        "folder of 60, first page" "/v1/assets?limit=50&folder_id=$small" \
        "no folder, first page" "/v1/assets?limit=50&folder_id=null" \
        "no folder, in the middle" "/v1/assets?limit=50&folder_id=null&pq=$middle" \
        "no folder, of a type" "/v1/assets?limit=50&folder_id=null&asset_type=image" \
        "type, first page" "/v1/assets?limit=50&asset_type=video" \
        "type, in the middle" "/v1/assets?limit=50&q=asset_type:video&pq=$middle" \
        "type of file, in the middle" "/v1/assets?limit=50&q=mime_type:video/mp4&pq=$middle" \
        "folder and type, first page" "/v1/assets?limit=50&folder_id=$folder&asset_type=image" \
        "folder and type, in the middle" "/v1/assets?limit=50&folder_id=$folder&asset_type=image&pq=$middle" \
        "folder of 60 and type" "/v1/assets?limit=50&folder_id=$small&asset_type=image" \
        "by name, first page" "/v1/assets?limit=50&sort_by=name" \
        "by name, in the middle" "/v1/assets?limit=50&sort_by=name&pq=$by_name" \
        "by size, first page" "/v1/assets?limit=50&sort_by=size_bytes:desc"
}

# Fills a fresh server's database and leaves it running: seeded NAME ROWS DATABASE [ARGUMENT…]
seeded() {
    local name=$1 rows=$2 database=$3
    shift 3
    start_server "$name" "$@"
    stop_server
    python3 bench/media/seed.py "$database" "$rows" >"$BENCH_DIR/$name.facts"
    start_server "$name" "$@"
}

for engine in "${engines[@]}"; do
    [ "$engine" = sqlite ] || start_postgres
    for size in few many; do
        name=$engine-$size arguments=() database=$BENCH_DIR/$engine-$size/runnel.db
        if [ "$engine" = postgres ]; then
            database=$(postgres_url "$size")
            arguments=(--database-url "$database")
        fi
        begun=$SECONDS
        seeded "$name" "${!size}" "$database" "${arguments[@]}"
        echo "$engine: ${!size} assets in $((SECONDS - begun)) s"
        read -r folder small middle end <"$BENCH_DIR/$name.facts"
        cases "$SERVER_URL" "$folder" "$small" "$middle" "$end" >"$BENCH_DIR/$size.cases"
        declare "host_$size=$(host_of "$SERVER_URL")"
        PEER_PIDS+=("$SERVER_PID")
    done
    # shellcheck disable=SC2154 # declared above
    paste "$BENCH_DIR/few.cases" <(cut -f2 "$BENCH_DIR/many.cases") |
        "$LOAD" pages "$host_few" "$BENCH_KEY" "$host_many" "$BENCH_KEY" "$rounds" >"$BENCH_DIR/times"
    while IFS=$'\t' read -r what p50_few p99_few p50_many p99_many; do
        printf '%-32s p50 %6s ms, of %s %6s ms; p99 %6s and %6s ms\n' "$what" "$p50_few" "$many" "$p50_many" "$p99_few" "$p99_many"
        figure "$engine: $what, p99 of many to few" "$(calc "$p99_many / $p99_few")" "$limit" ""
    done <"$BENCH_DIR/times"
done
exit "$FIGURES_OVER"
