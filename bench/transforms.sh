#!/usr/bin/env bash
# How much memory 200 transforms at once take, each of a picture of 24
# megapixels and none like another, and whether all of them are answered.
#   bench/transforms.sh [--short]
# Half of them begin with a JPEG, half with a PNG; they end in all formats and
# fits, so that some of them need every pixel of the original.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/server.bash
source bench/server.bash

transforms=200 width=6000 height=4000
[ "${1:-}" != --short ] || transforms=24 width=1500 height=1000

# Soft shapes with some grain, which compresses about as a photo does.
picture() {
    vips gaussnoise "$BENCH_DIR/coarse.v" $((width / 50)) $((height / 50)) --mean 128 --sigma 60
    vips resize "$BENCH_DIR/coarse.v" "$BENCH_DIR/soft.v" 50
    vips gaussnoise "$BENCH_DIR/grain.v" "$width" "$height" --mean 0 --sigma 3
    vips add "$BENCH_DIR/soft.v" "$BENCH_DIR/grain.v" "$BENCH_DIR/grey.v"
    vips bandjoin "$BENCH_DIR/grey.v $BENCH_DIR/soft.v $BENCH_DIR/grey.v" "$BENCH_DIR/three.v"
    vips cast "$BENCH_DIR/three.v" "$BENCH_DIR/bytes.v" uchar
    vips jpegsave "$BENCH_DIR/bytes.v" "$BENCH_DIR/picture.jpeg" --Q 90
    vips pngsave "$BENCH_DIR/bytes.v" "$BENCH_DIR/picture.png" --compression 1
    rm "$BENCH_DIR"/*.v
}
picture

post() { # post PATH BODY
    curl -sS --fail-with-body --max-time 300 -X POST "$SERVER_URL$1" \
        -H "Authorization: Bearer $BENCH_KEY" -H "Content-Type: application/json" -d "$2"
}
field() { sed -E "s/.*\"$1\" *: *\"([^\"]*)\".*/\1/"; }
mib() { awk -v kib="$1" 'BEGIN { printf "%.1f", kib / 1024 }'; }

upload() { # upload TYPE: the id of the asset
    local session
    session=$(post /v1/asset-uploads \
        "{\"filename\":\"picture.$1\",\"mime_type\":\"image/$1\",\"size_bytes\":$(stat -c %s "$BENCH_DIR/picture.$1")}")
    curl -sS --fail-with-body --max-time 300 -o /dev/null -H "Content-Type: image/$1" \
        -T "$BENCH_DIR/picture.$1" "$(field upload_url <<<"$session")"
    post "/v1/asset-uploads/$(field asset_id <<<"$session")/confirmations" '{}' >/dev/null
    field asset_id <<<"$session"
}

start_server data
assets=("$(upload jpeg)" "$(upload png)")
formats=(webp jpeg avif png auto)
fits=(contain cover contain crop)
for ((i = 0; i < transforms; i++)); do
    wish="{\"w\":$((400 + i)),\"h\":$((300 + i)),\"fit\":\"${fits[i / 2 % 4]}\",\"format\":\"${formats[i / 2 % 5]}\"}"
    signed=$(post "/v1/assets/${assets[i % 2]}/urls" "$wish")
    printf 'url = "%s"\noutput = "/dev/null"\n' "$(field url <<<"$signed")"
done >"$BENCH_DIR/urls"

began=$(date +%s.%N)
answers=$(curl --no-progress-meter --parallel --parallel-immediate --parallel-max "$transforms" --max-time 900 \
    --write-out '%{http_code}\n' --config "$BENCH_DIR/urls" || true)
took=$(awk -v began="$began" -v ended="$(date +%s.%N)" 'BEGIN { printf "%.1f", ended - began }')
answered=$(grep -c '^200$' <<<"$answers" || true)
printf '%-58s %10s s\n' "$transforms transforms at once of $((width * height / 1000000)) megapixels took" "$took"
figure "of them not answered with 200" $((transforms - answered)) 0 ""
figure "peak memory, their decoding and encoding" "$(mib "$(memory_kib VmHWM)")" 600 MiB
exit "$FIGURES_OVER"
