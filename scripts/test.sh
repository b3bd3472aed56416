#!/usr/bin/env bash
# Every check and every test, the cheapest first; `make test` has set up before.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/lint.sh
scripts/step.sh "tests" cargo test --workspace --locked
# On the build of the tests, whose hot packages are optimised: these show that
# the benches work and that nothing is out of all proportion. The figures of
# the README come from `make bench`, a release build.
RUNNEL_BIN="${CARGO_TARGET_DIR:-target}/debug/runnel" \
    scripts/step.sh "short benches" bench/run.sh --short
