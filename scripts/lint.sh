#!/usr/bin/env bash
# Every check that is not a test, the cheapest first.
set -euo pipefail
cd "$(dirname "$0")/.."
step=scripts/step.sh

"$step" "format" cargo fmt --all --check
"$step" "layout" scripts/house.sh

# These three come with no toolchain, and the layout checks the doors of
# dependencies by itself; where they are installed, they look closer.
if command -v shellcheck >/dev/null; then
    "$step" "shell scripts" shellcheck -x .ci/run scripts/*.sh bench/*.sh bench/server.bash bench/media/*.sh bench/media/peers.bash bench/runs/*.sh bench/runs/peers.bash
fi
if command -v typos >/dev/null; then
    "$step" "typos" typos
fi
if command -v cargo-deny >/dev/null; then
    "$step" "dependencies" cargo deny --locked check bans licenses sources
fi

"$step" "lock file of the fuzz targets" \
    cargo metadata --manifest-path fuzz/Cargo.toml --locked --format-version 1 --quiet >/dev/null
"$step" "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" "$step" "documentation" \
    cargo doc --workspace --no-deps --document-private-items --locked
