# shellcheck shell=bash
# shellcheck disable=SC2034 # the benches that source it read SERVER_URL and FIGURES_OVER
# Sourced by the benches: a server of their own on loopback, and how a figure is told.
# All traffic stays on 127.0.0.1; a server is ended by its process id.

BENCH_KEY="rf_live_bench$(printf '0%.0s' {1..32})"
RUNNEL_BIN=${RUNNEL_BIN:-${CARGO_TARGET_DIR:-target}/release/runnel}
if [ ! -x "$RUNNEL_BIN" ]; then
    echo "bench: there is no $RUNNEL_BIN; build it with: cargo build --release --locked -p runnel" >&2
    exit 1
fi

BENCH_DIR=$(mktemp -d)
SERVER_PID=
SERVER_URL=
FIGURES_OVER=0

# Starts a server on a folder, which is empty at first; SERVER_PID and SERVER_URL
# say which. What follows the name is handed to it.
start_server() { # start_server NAME [ARGUMENT…]
    local line='' name=$1
    shift
    # The process substitution is replaced by the server, so `$!` is its id.
    exec {SERVER_OUT}< <(RUNNEL_BOOTSTRAP_API_KEY=$BENCH_KEY exec "$RUNNEL_BIN" serve \
        --listen 127.0.0.1:0 --data-dir "$BENCH_DIR/$name" "$@" 2>"$BENCH_DIR/$name.log")
    SERVER_PID=$!
    if ! read -r -t 30 line <&"$SERVER_OUT" || [[ $line != "listening on "* ]]; then
        echo "bench: the server did not say where it listens within 30 s, but: ${line:-nothing}" >&2
        cat "$BENCH_DIR/$name.log" >&2
        exit 1
    fi
    SERVER_URL=${line#listening on }
}

# Ends the server as an operator would, and asks that it leaves in order.
stop_server() {
    local pid=$SERVER_PID status=0
    [ -n "$pid" ] || return 0
    SERVER_PID=
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" || status=$?
    exec {SERVER_OUT}<&-
    if [ "$status" -ne 0 ]; then
        echo "bench: the server ended with status $status after SIGTERM, not 0" >&2
        return 1
    fi
}

# A line of /proc/PID/status in KiB: memory_kib VmHWM (the peak), memory_kib VmRSS (now).
memory_kib() {
    awk -v key="$1:" '$1 == key { print $2 }' "/proc/$SERVER_PID/status"
}

# Tells a figure and holds it against its limit: figure WHAT VALUE LIMIT UNIT
figure() {
    local verdict=ok
    if awk -v value="$2" -v limit="$3" 'BEGIN { exit !(value > limit) }'; then
        verdict="OVER THE LIMIT"
        FIGURES_OVER=1
    fi
    printf '%-58s %10s %-4s (limit %s) %s\n' "$1" "$2" "$4" "$3" "$verdict"
}

leave() { # leave [STATUS]
    local status=${1:-$?}
    stop_server || status=1
    rm -rf "$BENCH_DIR"
    exit "$status"
}
trap leave EXIT
