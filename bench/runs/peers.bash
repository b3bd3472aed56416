# shellcheck shell=bash
# shellcheck disable=SC2034 # the benches that source it read what it sets
# Sourced by the benches of runs, after bench/server.bash: the client, and the
# servers that Runnel is held against, installed below target/bench-peers once.

# shellcheck source=bench/media/peers.bash
source bench/media/peers.bash

LOAD=$PEERS/load-runs
PYTHON=$PEERS/python/bin/python

build_load() {
    if [ ! -x "$LOAD" ] || [ bench/runs/load.rs -nt "$LOAD" ] || [ bench/client.rs -nt "$LOAD" ]; then
        rustc --edition 2024 -O bench/runs/load.rs -o "$LOAD"
    fi
}

install_python() {
    local packages=(litserve==0.2.19 cog==0.23.1 coglet==0.23.1 onnxruntime==1.32.0 numpy==2.4.6 pillow==13.0.0)
    local mark
    mark=$PEERS/python/installed-$(printf '%s\n' "${packages[@]}" | sha256sum | cut -c1-12)
    [ ! -e "$mark" ] || return 0
    echo "bench: installing ${packages[*]}; this takes some minutes, once" >&2
    python3 -m venv "$PEERS/python"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check "${packages[@]}"
    touch "$mark"
}

# LitServe with one worker, in LITSERVE_HOST.
start_litserve() {
    local port pid
    port=$(free_port)
    "$PYTHON" bench/runs/litserve_noop.py "$port" >"$BENCH_DIR/litserve.log" 2>&1 &
    pid=$!
    PEER_PIDS+=("$pid")
    LITSERVE_HOST=127.0.0.1:$port
    wait_for "$port" 60 "$pid" "$BENCH_DIR/litserve.log"
}

# Cog's server with its one slot, without Docker, in COG_HOST.
start_cog() {
    local port pid
    port=$(free_port)
    PATH=$PEERS/python/bin:$PATH PORT=$port COG_PREDICT_TYPE_STUB=bench/runs/cog_noop.py:Noop \
        "$PYTHON" -m cog.server.http --host 127.0.0.1 >"$BENCH_DIR/cog.log" 2>&1 &
    pid=$!
    PEER_PIDS+=("$pid")
    COG_HOST=127.0.0.1:$port
    wait_for "$port" 60 "$pid" "$BENCH_DIR/cog.log"
}
