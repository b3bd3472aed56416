# shellcheck shell=bash
# Sourced by the benches of this folder: the client, the servers that Runnel is
# held against, and a PostgreSQL of the bench's own. Everything is installed
# below target/bench-peers once, and every server is ended by its process id.

PEERS=${CARGO_TARGET_DIR:-target}/bench-peers
mkdir -p "$PEERS"
PEERS=$(cd "$PEERS" && pwd)
LOAD=$PEERS/load
PEER_PIDS=()

# Ends what was started here, and then what bench/server.bash has to end.
leave_peers() {
    local status=$? pid
    # ORDER: PostgreSQL waits for its clients to go, and our server is one.
    stop_server || status=1
    # A server that was started through a shell has a process of its own below.
    for pid in "${PEER_PIDS[@]}"; do
        family "$pid"
    done | xargs -r kill -TERM 2>/dev/null || true
    for pid in "${PEER_PIDS[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    # Said, not left behind: a status that is not 0 would end the script here, and
    # its folder would stay.
    leave "$status"
}
trap leave_peers EXIT

build_load() {
    if [ ! -x "$LOAD" ] || [ bench/media/load.rs -nt "$LOAD" ] || [ bench/client.rs -nt "$LOAD" ]; then
        rustc --edition 2024 -O bench/media/load.rs -o "$LOAD"
    fi
}

host_of() { # host_of URL
    local rest=${1#*://}
    echo "${rest%%/*}"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits until something listens: wait_for PORT SECONDS PID LOG
wait_for() {
    local tries=$(($2 * 10))
    while ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        if [ $((tries -= 1)) -le 0 ] || ! kill -0 "$3" 2>/dev/null; then
            echo "bench: nothing listens on port $1; the log ends with:" >&2
            tail -n 20 "$4" >&2
            exit 1
        fi
        sleep 0.1
    done
}

family() { # family PID: it and every process below it
    local pid
    echo "$1"
    # shellcheck disable=SC2013 # numbers, with spaces between
    for pid in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
        family "$pid"
    done
}

# CPU seconds of a process and all below it, those that ended included.
cpu_s() { # cpu_s PID
    local pid
    for pid in $(family "$1"); do
        cat "/proc/$pid/stat" 2>/dev/null || true
    done | awk -v hz="$(getconf CLK_TCK)" \
        '{ sub(/.*\) /, ""); sum += $12 + $13 + $14 + $15 } END { printf "%.2f", sum / hz }'
}

calc() { awk "BEGIN { printf \"%.${2:-2}f\\n\", $1 }"; }

median() { # of the numbers on its input
    sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}

# A photo of about 200 KB: one that ships, made as large as a small camera's.
photo() { # photo FILE
    local quality size
    for quality in 95 92 90 87 85 80 75 70 60; do
        vips thumbnail photos/coffee.png "$1[Q=$quality,strip]" 1600 --size both
        size=$(stat -c %s "$1")
        [ "$size" -gt 210000 ] || break
    done
    echo "the photo: $(vipsheader -f width "$1")×$(vipsheader -f height "$1"), $size bytes, quality $quality"
}

# A PostgreSQL of the bench's own, in PG_PID and PG_URL. As root it runs as
# user postgres, which PostgreSQL asks for.
start_postgres() {
    local bin folder as=()
    bin=$(dirname "$(find /usr/lib/postgresql -path '*/bin/initdb' | sort -V | tail -n 1)")
    folder=$BENCH_DIR/postgres
    chmod 711 "$BENCH_DIR"
    mkdir -p "$folder"
    if [ "$(id -u)" -eq 0 ]; then
        chown postgres "$folder"
        as=(setpriv --reuid=postgres --regid=postgres --init-groups)
    fi
    "${as[@]}" "$bin/initdb" -D "$folder/data" -U bench --auth=trust --no-locale -E UTF8 >"$BENCH_DIR/initdb.log"
    PG_PORT=$(free_port)
    "${as[@]}" "$bin/postgres" -D "$folder/data" -p "$PG_PORT" -h 127.0.0.1 -k "$folder" \
        -c shared_buffers=256MB >"$BENCH_DIR/postgres.log" 2>&1 &
    PG_PID=$!
    PEER_PIDS+=("$PG_PID")
    wait_for "$PG_PORT" 30 "$PG_PID" "$BENCH_DIR/postgres.log"
    PG_BIN=$bin
}

# A database of that server: postgres_url NAME
postgres_url() {
    "$PG_BIN/createdb" -h 127.0.0.1 -p "$PG_PORT" -U bench "$1"
    echo "postgres://bench@127.0.0.1:$PG_PORT/$1"
}

# Directus with SQLite and a local folder, in DIRECTUS_PID and DIRECTUS_HOST.
DIRECTUS_KEY=bench-token-of-the-peer
install_directus() {
    local folder=$PEERS/directus
    [ ! -e "$folder/installed-11.13.0" ] || return 0
    mkdir -p "$folder"
    echo "bench: installing directus 11.13.0; this takes some minutes, once" >&2
    # It asks for a newer node than Debian has, and works with that one.
    (cd "$folder" && npm install --no-audit --no-fund --no-progress --loglevel=error \
        directus@11.13.0 sqlite3@6.0.1) >"$folder/install.log" 2>&1 || {
        tail -n 20 "$folder/install.log" >&2
        exit 1
    }
    touch "$folder/installed-11.13.0"
}

start_directus() {
    local folder=$PEERS/directus data=$BENCH_DIR/directus port
    install_directus
    mkdir -p "$data/uploads"
    port=$(free_port)
    directus() {
        (cd "$data" && exec env NODE_ENV=production HOST=127.0.0.1 PORT="$port" PUBLIC_URL="http://127.0.0.1:$port" \
            SECRET=bench-secret-of-the-peer DB_CLIENT=sqlite3 DB_FILENAME="$data/data.db" \
            STORAGE_LOCATIONS=local STORAGE_LOCAL_DRIVER=local STORAGE_LOCAL_ROOT="$data/uploads" \
            ADMIN_EMAIL=bench@example.com ADMIN_PASSWORD=bench-password ADMIN_TOKEN="$DIRECTUS_KEY" \
            TELEMETRY=false LOG_LEVEL=warn RATE_LIMITER_ENABLED=false CACHE_ENABLED=false \
            ASSETS_TRANSFORM_MAX_CONCURRENT=64 \
            node "$folder/node_modules/directus/cli.js" "$@") >>"$BENCH_DIR/directus.log" 2>&1
    }
    directus bootstrap
    directus start &
    DIRECTUS_PID=$!
    PEER_PIDS+=("$DIRECTUS_PID")
    # shellcheck disable=SC2034 # for whoever sources this
    DIRECTUS_HOST=127.0.0.1:$port
    wait_for "$port" 120 "$DIRECTUS_PID" "$BENCH_DIR/directus.log"
}

# Puts nginx's name into NGINX: the one that is installed, or Debian's, which is
# unpacked and not installed, since that would start a server on port 80.
find_nginx() {
    local folder=$PEERS/nginx log=$BENCH_DIR/nginx.log
    NGINX=$(command -v nginx || echo "$folder/usr/sbin/nginx")
    [ -x "$NGINX" ] && return
    echo "bench: fetching nginx" >&2
    mkdir -p "$folder"
    if ! (cd "$folder" && apt-get -q download nginx && dpkg -x nginx_*.deb .) >"$log" 2>&1; then
        cat "$log" >&2
        echo "bench: nginx is missing and could not be fetched; install it" >&2
        exit 1
    fi
}

# nginx that takes files by PUT, in NGINX_PID and NGINX_HOST; they lie in NGINX_FILES.
start_nginx() {
    local folder=$BENCH_DIR/nginx port user=
    find_nginx
    [ "$(id -u)" -ne 0 ] || user='user root;'
    port=$(free_port)
    NGINX_FILES=$folder/files
    mkdir -p "$NGINX_FILES" "$folder/temporary"
    cat >"$folder/nginx.conf" <<CONF
$user
daemon off;
worker_processes auto;
pid $folder/pid;
error_log $folder/error.log warn;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $folder/temporary;
    proxy_temp_path $folder/temporary;
    fastcgi_temp_path $folder/temporary;
    uwsgi_temp_path $folder/temporary;
    scgi_temp_path $folder/temporary;
    client_max_body_size 0;
    server {
        listen 127.0.0.1:$port;
        location / { root $NGINX_FILES; dav_methods PUT; create_full_put_path on; }
    }
}
CONF
    "$NGINX" -c "$folder/nginx.conf" -p "$folder" 2>"$BENCH_DIR/nginx.log" &
    NGINX_PID=$!
    PEER_PIDS+=("$NGINX_PID")
    # shellcheck disable=SC2034 # for whoever sources this
    NGINX_HOST=127.0.0.1:$port
    wait_for "$port" 10 "$NGINX_PID" "$BENCH_DIR/nginx.log"
}
