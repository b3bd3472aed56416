#!/usr/bin/env bash
# How much memory the server takes: idle, under many large uploads at once, and
# when all of them are confirmed at once.
#   bench/memory.sh [--short]
# The uploads are real pictures, uncompressed PNG of just under the size named,
# so that the confirmations have pixels to look at.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/server.bash
source bench/server.bash

uploads=64 side=4176 size_mib=50
[ "${1:-}" != --short ] || uploads=8 side=1670 size_mib=8

free_mib=$(df -Pm "$BENCH_DIR" | awk 'NR == 2 { print $4 }')
if [ "$free_mib" -lt $(((uploads + 4) * size_mib * 2)) ]; then
    echo "bench: $BENCH_DIR has $free_mib MiB free, too few for $uploads × $size_mib MiB; set TMPDIR to a larger disk" >&2
    exit 1
fi

picture() {
    vips gaussnoise "$BENCH_DIR/noise.v" "$side" "$side" --mean 128 --sigma 40
    vips bandjoin "$BENCH_DIR/noise.v $BENCH_DIR/noise.v $BENCH_DIR/noise.v" "$BENCH_DIR/three.v"
    vips cast "$BENCH_DIR/three.v" "$BENCH_DIR/bytes.v" uchar
    vips pngsave "$BENCH_DIR/bytes.v" "$BENCH_DIR/picture.png" --compression 0
    rm "$BENCH_DIR"/*.v
}
picture
size_bytes=$(stat -c %s "$BENCH_DIR/picture.png")

post() { # post PATH BODY
    curl -sS --fail-with-body --max-time 300 -X POST "$SERVER_URL$1" \
        -H "Authorization: Bearer $BENCH_KEY" -H "Content-Type: application/json" -d "$2"
}
field() { sed -E "s/.*\"$1\" *: *\"([^\"]*)\".*/\1/"; }

mib() { awk -v kib="$1" 'BEGIN { printf "%.1f", kib / 1024 }'; }

# Waits for each of the background jobs named, and fails when one did.
all_of() {
    local failed=0
    for pid in "$@"; do wait "$pid" || failed=1; done
    if [ "$failed" -ne 0 ]; then
        echo "bench: not every request was answered as promised; the server said:" >&2
        tail -n 20 "$BENCH_DIR/data.log" >&2
        exit 1
    fi
}

start_server data
curl -sS --fail --max-time 10 -o /dev/null "$SERVER_URL/v1/health"
figure "memory of an idle server" "$(mib "$(memory_kib VmRSS)")" 60 MiB

assets=() urls=()
for ((i = 0; i < uploads; i++)); do
    session=$(post /v1/asset-uploads "{\"filename\":\"$i.png\",\"mime_type\":\"image/png\",\"size_bytes\":$size_bytes}")
    assets+=("$(field asset_id <<<"$session")")
    urls+=("$(field upload_url <<<"$session")")
done

pids=()
for url in "${urls[@]}"; do
    curl -sS --fail-with-body --max-time 600 -o /dev/null \
        -H "Content-Type: image/png" -T "$BENCH_DIR/picture.png" "$url" &
    pids+=($!)
done
all_of "${pids[@]}"
figure "peak memory, $uploads uploads of $size_mib MiB at once" "$(mib "$(memory_kib VmHWM)")" 200 MiB

pids=()
for asset in "${assets[@]}"; do
    post "/v1/asset-uploads/$asset/confirmations" '{}' >/dev/null &
    pids+=($!)
done
all_of "${pids[@]}"
figure "peak memory, their $uploads confirmations at once" "$(mib "$(memory_kib VmHWM)")" 200 MiB
exit "$FIGURES_OVER"
