#!/usr/bin/env bash
# Throws inputs at the readers of strangers' bytes, led by coverage (libFuzzer).
#   scripts/fuzz.sh SECONDS [TARGET…]
# Each target of fuzz/ gets so many seconds; what it finds lies in
# target/fuzz/corpus and stays for the next time, what fails in
# target/fuzz/failures. The stable compiler does: what counts coverage are
# passes of LLVM; only the sanitizers of `cargo fuzz` ask for another one.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?usage: scripts/fuzz.sh SECONDS [TARGET…]}
shift
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || targets=(filter order cursor picture thumbnail archive signed_url)

folder=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
# With a target named, build scripts are spared the counting.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" \
    cargo build --manifest-path fuzz/Cargo.toml --release --locked --target "$host" --target-dir "$folder"

for target in "${targets[@]}"; do
    mkdir -p "$folder/corpus/$target" "$folder/failures"
    printf '\n==> %s\n' "$target"
    "$folder/$host/release/$target" "$folder/corpus/$target" "fuzz/corpus/$target" \
        -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=65536 \
        -artifact_prefix="$folder/failures/$target-" -print_final_stats=1
done
