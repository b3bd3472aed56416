#!/bin/sh
# Times thumbnails against vipsthumbnail, whole processes, in alternating pairs.
#
#   bench/thumbnails.sh [--short]
#
# Prints the median CPU time (user + system, in seconds) of each and the median
# of the paired ratios. Exit 1 when a ratio is over its limit: 0.8 for JPEG,
# 1.0 for PNG, 1.1 for WebP. Needs cargo and the Debian packages libvips-tools
# and python3. --short: fewer pairs on the build of the tests, whose hot
# packages are optimised; loose limits, since the machine may be busy.
set -eu

pairs=15 looseness=1 profile=release build='--release -p runnel-media'
case "${1:-}" in
  '') ;;
  --short) pairs=3 looseness=4 profile=debug build=--workspace ;;
  *) echo "usage: $0 [--short]" >&2; exit 2 ;;
esac

for tool in cargo python3 vipsthumbnail; do
  command -v "$tool" >/dev/null || {
    echo "$tool is missing; install it (Debian: libvips-tools, python3)" >&2
    exit 2
  }
done

cd "$(dirname "$0")/.."
# With --short what the tests have built already: with a package named, its
# dependencies would be built once more, with fewer features.
# shellcheck disable=SC2086 # several words
cargo build --quiet --locked $build --examples
examples=${CARGO_TARGET_DIR:-target}/$profile/examples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$examples/big_pictures" photos/coffee.png "$work"

python3 - "$examples/thumbnail" "$work" "$pairs" "$looseness" <<'PYTHON'
import os
import statistics
import sys

ours, work, pairs, looseness = *sys.argv[1:3], *map(int, sys.argv[3:5])
limits = {"24mp.jpg": 0.8, "11mp.png": 1.0, "11mp.webp": 1.1}


def cpu_seconds(command):
    """Runs a command; its user and system time as the kernel counted it."""
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)}: failed with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


too_slow = False
print(f"{'picture':<12}{'runnel':>10}{'vips':>10}{'ratio':>8}{'limit':>8}   ({pairs} pairs)")
for name, limit in limits.items():
    limit *= looseness
    source = os.path.join(work, name)
    mine = [ours, source, os.path.join(work, "ours.webp")]
    theirs = ["vipsthumbnail", source, "-s", "512x512", "-o", os.path.join(work, "vips.webp")]
    cpu_seconds(mine), cpu_seconds(theirs)  # the file is in the page cache now
    timed = [(cpu_seconds(mine), cpu_seconds(theirs)) for _ in range(pairs)]
    ratio = statistics.median(a / b for a, b in timed)
    a, b = (statistics.median(column) for column in zip(*timed))
    print(f"{name:<12}{a:>10.3f}{b:>10.3f}{ratio:>8.2f}{limit:>8.2f}")
    too_slow |= ratio > limit
sys.exit(1 if too_slow else 0)
PYTHON
