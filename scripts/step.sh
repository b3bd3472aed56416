#!/usr/bin/env bash
# Runs one step of a check and says how long it took: scripts/step.sh NAME COMMAND…
set -euo pipefail
name=$1
shift
printf '\n==> %s\n' "$name" >&2
SECONDS=0
if "$@"; then
    printf '    %s: ok, %d s\n' "$name" "$SECONDS" >&2
else
    status=$?
    printf '    %s: failed after %d s: %s\n' "$name" "$SECONDS" "$*" >&2
    exit "$status"
fi
