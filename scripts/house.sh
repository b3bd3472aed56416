#!/usr/bin/env bash
# Checks the layout of the workspace in about a second, before anything of it is compiled.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
rustc --edition 2024 --test crates/runnel/tests/it/house/mod.rs -o "$folder/house"
RUST_BACKTRACE=0 "$folder/house" --quiet
