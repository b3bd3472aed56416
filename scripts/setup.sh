#!/usr/bin/env bash
# Installs what is missing, and does nothing when nothing is: Debian packages,
# and for the tests the clients of others, in folders of their own.
#   scripts/setup.sh build   what the build needs
#   scripts/setup.sh test    what the tests and benches need too
#   scripts/setup.sh comfyui ComfyUI's own server besides, gigabytes of it
set -euo pipefail

have() { command -v "$1" >/dev/null 2>&1; }

have_postgres() {
    have initdb && return
    local found
    found=$(find /usr/lib/postgresql -path '*/bin/initdb' -print -quit 2>/dev/null || true)
    [ -n "$found" ]
}

missing=()
want() { # want PACKAGE COMMAND…
    local package=$1
    shift
    for command in "$@"; do
        if ! have "$command"; then
            missing+=("$package")
            return
        fi
    done
}

want build-essential cc c++ make
want cmake cmake
want nasm nasm
case "${1:-test}" in
    build) ;;
    test | comfyui)
        want chromium chromium
        want curl curl
        want ffmpeg ffmpeg ffprobe
        want golang-go go
        want libheif-examples heif-convert heif-enc
        want librsvg2-bin rsvg-convert
        want nodejs node
        want npm npm
        want openssl openssl
        want poppler-utils pdftoppm
        want python3 python3
        python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
        want libvips-tools vips vipsthumbnail
        have_postgres || missing+=(postgresql)
        ;;
    *)
        echo "setup: \`$1\` is none of \`build\`, \`test\` and \`comfyui\`" >&2
        exit 2
        ;;
esac

if [ "${#missing[@]}" -gt 0 ]; then
    echo "setup: installing ${missing[*]}" >&2
    if ! have apt-get; then
        echo "setup: there is no apt-get here; install these with your own package manager and try again" >&2
        exit 1
    fi
    as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo)
        if ! have sudo; then
            echo "setup: there is no sudo here; as root: apt-get install ${missing[*]}" >&2
            exit 1
        fi
    fi
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >>"$log" 2>&1; }
    # Newer releases split the codecs of libheif off and merely recommend them.
    with_codecs() {
        case " ${missing[*]} " in *" libheif-examples "*) ;; *) return ;; esac
        local codec
        for codec in libde265 x265 aomdec aomenc; do
            if apt-cache show "libheif-plugin-$codec" >/dev/null 2>&1; then
                missing+=("libheif-plugin-$codec")
            fi
        done
    }
    if ! { apt update && with_codecs && apt install --no-install-recommends "${missing[@]}"; }; then
        cat "$log" >&2
        echo "setup: apt-get failed, its words are above; as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
fi

if ! have cargo; then
    echo "setup: there is no cargo here; install Rust 1.95 or newer from https://rustup.rs" >&2
    exit 1
fi

# What others made and the tests use: each in an environment of its own, these
# versions alone.
python_tools() { # python_tools FOLDER REQUIREMENT…
    local folder log
    folder="$(dirname "$0")/../target/test-tools/$1"
    shift
    [ "$(cat "$folder/installed" 2>/dev/null)" = "$*" ] && return
    echo "setup: installing $*" >&2
    log=$(mktemp)
    rm -rf "$folder"
    if ! { python3 -m venv "$folder" && "$folder/bin/pip" install -q "$@"; } >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        echo "setup: pip failed, its words are above; is PyPI reachable?" >&2
        exit 1
    fi
    rm -f "$log"
    echo "$*" >"$folder/installed"
}
if [ "${1:-test}" = test ]; then
    # The official S3 client looks at what the server left in a bucket, a
    # validator of JSON Schema judges what the catalogue says of inputs, and a
    # library of receivers verifies callbacks.
    python_tools python boto3==1.44.8 jsonschema==4.26.0 standardwebhooks==1.1.0
    # Model servers, which the engines are tested against. Ray is by far the
    # largest (430 MB).
    python_tools cog cog==0.23.1 coglet==0.23.1
    python_tools serve litserve==0.2.19 "ray[serve]==2.60.0"
    # The official clients of Azure and Google: the one makes the container that
    # tests use and looks into it, the other says how a URL is to be signed.
    python_tools clouds azure-storage-blob==12.31.1 google-cloud-storage==3.17.1
fi

if [ "${1:-test}" = comfyui ]; then
    # The one release that PyPI has of its server, which is marked as yanked there,
    # with what it could use of transformers when it was made.
    python_tools comfyui comfyui==0.0.1 transformers==4.57.6
fi

# The clients of others that the tests upload with and receive with, and
# Microsoft's emulator of Azure's object store, by far the largest (190 MB); these
# versions alone. Later ones of the emulator ask for a newer Node than Debian has.
node_clients="tus-js-client@4.3.1 standardwebhooks@1.1.1 azurite@3.35.0"
node_tools=$(dirname "$0")/../target/test-tools/node
if [ "${1:-test}" = test ] && [ "$(cat "$node_tools/installed" 2>/dev/null)" != "$node_clients" ]; then
    echo "setup: installing $node_clients" >&2
    mkdir -p "$node_tools"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # shellcheck disable=SC2086 # one word for each package
    if ! npm install --prefix "$node_tools" --ignore-scripts --no-audit --no-fund $node_clients >"$log" 2>&1; then
        cat "$log" >&2
        echo "setup: npm failed, its words are above; the registry must be reachable once" >&2
        exit 1
    fi
    echo "$node_clients" >"$node_tools/installed"
fi
