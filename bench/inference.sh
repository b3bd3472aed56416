#!/bin/sh
# Times the network against onnxruntime on the same weights, in alternating
# pairs, two threads each.
#
#   bench/inference.sh [--short]
#
# Prints the median of each in milliseconds and the median of the paired ratios;
# exit 1 when that is over 1.3. Ours includes making the photo as small as the
# network wants it, theirs does not. Needs cargo and python3 with venv;
# onnxruntime comes from PyPI into target/bench-python. --short: ours alone, on
# the build of the tests, to show that it runs.
set -eu

pairs=15 profile=release build='--release -p runnel-media'
case "${1:-}" in
  '') ;;
  --short) pairs=0 profile=debug build=--workspace ;;
  *) echo "usage: $0 [--short]" >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
# With --short what the tests have built already: with a package named, its
# dependencies would be built once more, with fewer features.
# shellcheck disable=SC2086 # several words
cargo build --quiet --locked $build --example inference
ours=$target/$profile/examples/inference

if [ "$pairs" = 0 ]; then
  printf 'once\n' | "$ours" 2 | LC_ALL=C awk '{ printf "one inference %48.1f ms\n", $1 } END { exit NR != 1 }'
  exit
fi

python=$target/bench-python/bin/python
if ! "$python" -c 'import onnxruntime' 2>/dev/null; then
  python3 -m venv "$target/bench-python"
  "$python" -m pip install --quiet --disable-pip-version-check onnxruntime==1.32.0
fi

"$python" - "$ours" "$pairs" <<'PYTHON'
import statistics
import subprocess
import sys
import time

import numpy
import onnxruntime

ours, pairs, limit = sys.argv[1], int(sys.argv[2]), 1.3
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 2
session = onnxruntime.InferenceSession("models/u2netp.onnx", options)
name = session.get_inputs()[0].name
picture = numpy.random.default_rng(1).random((1, 3, 320, 320), numpy.float32)
child = subprocess.Popen([ours, "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def mine():
    child.stdin.write("\n")
    child.stdin.flush()
    return float(child.stdout.readline())


def theirs():
    session.run(None, {name: picture})
    started = time.perf_counter()
    session.run(None, {name: picture})
    return (time.perf_counter() - started) * 1e3


mine(), theirs()
timed = [(mine(), theirs()) for _ in range(pairs)]
child.stdin.close()
child.wait()
ratio = statistics.median(a / b for a, b in timed)
a, b = (statistics.median(column) for column in zip(*timed))
print(f"{'one inference':<16}{'runnel':>10}{'onnxruntime':>14}{'ratio':>8}{'limit':>8}   ({pairs} pairs)")
print(f"{'milliseconds':<16}{a:>10.1f}{b:>14.1f}{ratio:>8.2f}{limit:>8.2f}")
sys.exit(1 if ratio > limit else 0)
PYTHON
