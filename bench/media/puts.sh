#!/usr/bin/env bash
# How fast large files come in: PUT of 10 MiB by eight clients, against nginx with
# `dav_methods PUT` on the same disk, in alternating rounds of one run.
#   bench/media/puts.sh [--short]
# Runnel answers when a file is on the disk; nginx never syncs. So it is told
# both ways: nginx as it is beside Runnel told not to sync, and nginx followed by
# a sync of what it wrote beside Runnel as it is. --short: Runnel alone, few files.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=bench/server.bash
source bench/server.bash
# shellcheck source=bench/media/peers.bash
source bench/media/peers.bash

rounds=7 files=48 clients=8 mib=10 is_short=
if [ "${1:-}" = --short ]; then
    rounds=1 files=8 is_short=1
fi
build_load
need_mib=$((files * mib * 4))
if [ "$(df -Pm "$BENCH_DIR" | awk 'NR == 2 { print $4 }')" -lt "$need_mib" ]; then
    echo "bench: $BENCH_DIR has less than $need_mib MiB free; set TMPDIR to a larger disk" >&2
    exit 1
fi
file=$BENCH_DIR/file
# Whatever its bytes are: a PUT looks at none of them.
head -c "${mib}M" /dev/urandom >"$file"

rate() { calc "$files * $mib / $1" 1; }

own() { # own HOST FOLDER PID: MiB a second, milliseconds of CPU a file
    local before seconds after
    "$LOAD" sessions "$1" "$BENCH_KEY" "$(stat -c %s "$file")" "$files" >"$BENCH_DIR/urls"
    before=$(cpu_s "$3")
    seconds=$("$LOAD" put "$1" "$file" "$clients" <"$BENCH_DIR/urls")
    after=$(cpu_s "$3")
    echo "$(rate "$seconds") $(calc "($after - $before) * 1000 / $files" 1)"
    find "$BENCH_DIR/$2" -type f -size +9M -delete
    sync -f "$BENCH_DIR"
}

peer() { # peer with|without: MiB a second, milliseconds of CPU a file
    local before seconds after begun ended
    for ((n = 0; n < files; n++)); do echo "http://$NGINX_HOST/$n.png"; done >"$BENCH_DIR/urls"
    before=$(cpu_s "$NGINX_PID")
    seconds=$("$LOAD" put "$NGINX_HOST" "$file" "$clients" <"$BENCH_DIR/urls")
    after=$(cpu_s "$NGINX_PID")
    if [ "$1" = with ]; then
        begun=${EPOCHREALTIME/./}
        sync "$NGINX_FILES"/* "$NGINX_FILES"
        ended=${EPOCHREALTIME/./}
        seconds=$(calc "$seconds + ($ended - $begun) / 1000000" 4)
    fi
    echo "$(rate "$seconds") $(calc "($after - $before) * 1000 / $files" 1)"
    rm "$NGINX_FILES"/*
    sync -f "$BENCH_DIR"
}

start_server data
synced=$(host_of "$SERVER_URL") synced_pid=$SERVER_PID
if [ -n "$is_short" ]; then
    printf '%-58s %10s MiB/s\n' "PUT of $mib MiB by $clients clients" "$(own "$synced" data "$SERVER_PID" | cut -d' ' -f1)"
    exit
fi
PEER_PIDS+=("$synced_pid")
mkdir -p "$BENCH_DIR/unsynced-objects"
start_server unsynced --storage-url "file://$BENCH_DIR/unsynced-objects?sync=false"
unsynced=$(host_of "$SERVER_URL")
start_nginx

own "$synced" data "$synced_pid" >/dev/null
own "$unsynced" unsynced-objects "$SERVER_PID" >/dev/null
peer without >/dev/null
for ((i = 0; i < rounds; i++)); do
    own "$unsynced" unsynced-objects "$SERVER_PID" >>"$BENCH_DIR/own-without"
    peer without >>"$BENCH_DIR/peer-without"
    own "$synced" data "$synced_pid" >>"$BENCH_DIR/own-with"
    peer with >>"$BENCH_DIR/peer-with"
done
column() { cut -d' ' -f"$1" "$2" | median; }
for way in without with; do
    for who in own peer; do
        name=nginx
        [ "$who" = peer ] || name=Runnel
        printf '%-6s %-8s sync, PUT of %d MiB by %d clients %8s MiB/s %8s ms of CPU a file\n' "$name" "$way" \
            "$mib" "$clients" "$(column 1 "$BENCH_DIR/$who-$way")" "$(column 2 "$BENCH_DIR/$who-$way")"
    done
    paste -d' ' "$BENCH_DIR/peer-$way" "$BENCH_DIR/own-$way" | awk '{ print $1 / $3 }' >"$BENCH_DIR/ratios"
    # 1 / 0.9: a limit is a most here.
    figure "nginx's rate, of Runnel's, $way sync, median of pairs" "$(median <"$BENCH_DIR/ratios")" 1.111 ""
done
exit "$FIGURES_OVER"
