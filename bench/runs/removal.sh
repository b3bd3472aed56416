#!/usr/bin/env bash
# Background removal of a photo of 12 megapixels from the request to the end of the
# run, beside a Python script that does the same with the same weights by onnxruntime
# and Pillow, warm and in memory, in alternating pairs.
#   bench/runs/removal.sh [--short]
# --short: Runnel alone, on a small photo, a loose limit.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=bench/server.bash
source bench/server.bash
# shellcheck source=bench/runs/peers.bash
source bench/runs/peers.bash

pairs=7 width=4000 height=3000
if [ "${1:-}" = --short ]; then
    pairs=0 width=800 height=600
fi
build_load
photo=$BENCH_DIR/photo.jpg
vips thumbnail photos/coffee.png "${photo}[Q=90,strip]" "$width" --height "$height" --size force

start_server removal
host=$(host_of "$SERVER_URL")
asset=$("$LOAD" upload "$host" "$BENCH_KEY" "$photo")
first=$("$LOAD" removal "$host" "$BENCH_KEY" "$asset")
if [ "$pairs" = 0 ]; then
    figure "background removal of a small photo, end to end" "$first" 120000 ms
    exit "$FIGURES_OVER"
fi

install_python
coproc PEER { exec "$PYTHON" bench/runs/removal.py models/u2netp.onnx "$photo" "$BENCH_DIR/result.png"; }
# shellcheck disable=SC2153 # of peers.bash
PEER_PIDS+=("$PEER_PID")
theirs() {
    echo >&"${PEER[1]}"
    read -r REPLY <&"${PEER[0]}"
}
theirs
for ((i = 0; i < pairs; i++)); do
    ours=$("$LOAD" removal "$host" "$BENCH_KEY" "$asset")
    theirs
    echo "$ours $REPLY" >>"$BENCH_DIR/pairs"
done
printf '%-58s %10s ms\n' "background removal of 12 megapixels, end to end" "$(cut -d' ' -f1 "$BENCH_DIR/pairs" | median)"
printf '%-58s %10s ms\n' "the Python script" "$(cut -d' ' -f2 "$BENCH_DIR/pairs" | median)"
figure "ratio, median of $pairs pairs" "$(awk '{ printf "%.3f\n", $1 / $2 }' "$BENCH_DIR/pairs" | median)" 1.3 ""
exit "$FIGURES_OVER"
