#!/usr/bin/env bash
# Cuts the power of a server's disk while clients upload to it, and looks whether
# everything that was answered is there.
#   scripts/power-cut.sh [CUTS]
# The data lies on an ext4 in a file, mounted as a loop device. What that file has at
# a moment is what a disk has when the power goes; the rest is in memory. So a copy of
# the file, mounted, is the disk after the cut: a server is started on it. Needs root,
# for mounts, and a Linux with loop devices. RUNNEL_BIN is the executable.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" -ne 0 ] || [ ! -e /dev/loop-control ]; then
    echo "power-cut: run it as root, on a machine with loop devices: it mounts file systems" >&2
    exit 1
fi
# shellcheck source=bench/server.bash
source bench/server.bash

cuts=${1:-4} clients=4
mkdir "$BENCH_DIR/disk" "$BENCH_DIR/after"
# The logs lie beside these, not on the disks.
ln -s disk/data "$BENCH_DIR/uploading"
ln -s after/data "$BENCH_DIR/restarted"
# Some more small ones, which are written in their place; the other one is moved there.
photos=(photos/{rocket.jpg,rocket.jpg,rocket.jpg,chelsea.png,coffee.png})
answered=$BENCH_DIR/answered
: >"$answered"
uploaders=()

clean_up() {
    local status=$? pid
    for pid in "${uploaders[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait "${uploaders[@]}" 2>/dev/null || true
    [ -z "${uploading_pid:-}" ] || kill -CONT "$uploading_pid" 2>/dev/null || true
    stop_server || true
    SERVER_PID=${uploading_pid:-} SERVER_OUT=${uploading_out:-}
    stop_server || true
    umount "$BENCH_DIR/after" 2>/dev/null || true
    umount "$BENCH_DIR/disk" 2>/dev/null || true
    SERVER_PID=
    leave "$status"
}
trap clean_up EXIT

# Each client notes an asset once its upload is answered, one line at a time.
upload() {
    local id
    while true; do
        for photo in "${photos[@]}"; do
            id=$("$RUNNEL_BIN" upload --base-url "$1" --api-key "$BENCH_KEY" "$photo" 2>/dev/null) || return 0
            echo "$id" >>"$answered"
        done
    done
}

# What the assets that were answered have after the cut: told, and 1 when one is lost.
look() { # look URL IDS
    python3 - "$1" "$BENCH_KEY" "$2" <<'PYTHON'
import hashlib, json, pathlib, sys, urllib.request

server, key, ids = sys.argv[1:]
photos = {hashlib.sha256(path.read_bytes()).hexdigest() for path in pathlib.Path("photos").iterdir()}

def fetch(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
        return answer.read()

lost = []
for line in pathlib.Path(ids).read_text().split():
    try:
        asset = json.loads(fetch(f"{server}/v1/assets/{line}", Authorization=f"Bearer {key}"))
        body = hashlib.sha256(fetch(asset["url"])).hexdigest()
        assert body == asset["sha256"] and body in photos, "its bytes are others"
        thumbnail = fetch(asset["thumbnail_url"])
        size = int.from_bytes(thumbnail[4:8], "little") + 8
        assert thumbnail[:4] == b"RIFF" and size == len(thumbnail), "its thumbnail is not whole"
    except (OSError, AssertionError) as error:
        lost.append(f"{line}: {error}")
print("\n".join(lost[:10]))
sys.exit(1 if lost else 0)
PYTHON
}

truncate -s 2G "$BENCH_DIR/disk.ext4"
mkfs.ext4 -q "$BENCH_DIR/disk.ext4"
mount -o loop "$BENCH_DIR/disk.ext4" "$BENCH_DIR/disk"
mkdir "$BENCH_DIR/disk/data"
start_server uploading
uploading_pid=$SERVER_PID uploading_out=$SERVER_OUT uploading_url=$SERVER_URL
for ((i = 0; i < clients; i++)); do
    upload "$uploading_url" &
    uploaders+=("$!")
done

failed=
for ((cut = 1; cut <= cuts; cut++)); do
    sleep $((cut % 3 + 1))."$((RANDOM % 10))"
    # Nothing is answered any more, and what was on its way to the disk arrives.
    kill -STOP "$uploading_pid"
    cp "$answered" "$BENCH_DIR/ids"
    cp --sparse=always "$BENCH_DIR/disk.ext4" "$BENCH_DIR/after.ext4"
    kill -CONT "$uploading_pid"
    mount -o loop "$BENCH_DIR/after.ext4" "$BENCH_DIR/after"
    SERVER_PID=
    start_server restarted
    verdict=ok
    lost=$(look "$SERVER_URL" "$BENCH_DIR/ids") || verdict=LOST failed=1
    stop_server
    drawn=$(grep -c "drawn again" "$BENCH_DIR/restarted.log" || true)
    printf 'cut %s: %s assets were answered: %s; %s thumbnails were drawn again\n' \
        "$cut" "$(wc -l <"$BENCH_DIR/ids")" "$verdict" "$drawn"
    [ -z "$lost" ] || echo "$lost"
    umount "$BENCH_DIR/after"
done
[ -z "$failed" ]
