#!/usr/bin/env bash
# How long a run that does nothing takes, from its acceptance to its end, as the
# run's own record tells; and how long a client waits that polls for it.
#   bench/noop_runs.sh [--short]
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/server.bash
source bench/server.bash

runs=500 limit_ms=10
# A build for tests is slower, and only all proportion is asked of it.
[ "${1:-}" != --short ] || runs=50 limit_ms=500

start_server data
figures=$(python3 - "$SERVER_URL" "$BENCH_KEY" "$runs" <<'PYTHON'
import datetime
import http.client
import json
import statistics
import sys
import time
import urllib.parse

url, key, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
server = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=30)
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def call(method, path, body=None, expected=200):
    server.request(method, path, body and json.dumps(body), headers)
    answer = server.getresponse()
    text = answer.read()
    if answer.status != expected:
        sys.exit(f"{method} {path}: {answer.status} {text[:500]}")
    return json.loads(text)


def at(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


recorded, seen = [], []
for number in range(runs + 20):
    begun = time.perf_counter()
    run = call("POST", "/v1/models/runnel/echo/runs", {"input": {"text": str(number)}}, 201)
    deadline = begun + 30
    while run["status_code"] in ("queued", "running"):
        if time.perf_counter() > deadline:
            sys.exit(f"run {run['id']} is still {run['status_code']} after 30 s")
        run = call("GET", f"/v1/runs/{run['id']}")
    if run["status_code"] != "succeeded":
        sys.exit(f"run {run['id']}: {run['failure_code']} {run['failure_message']}")
    if number >= 20:  # the first ones warm the caches of server and client
        seen.append((time.perf_counter() - begun) * 1000)
        recorded.append((at(run["completed_at"]) - at(run["created_at"])).total_seconds() * 1000)

percentiles = statistics.quantiles(recorded, n=100)
print(f"{statistics.median(recorded):.2f} {percentiles[98]:.2f} {statistics.median(seen):.2f}")
PYTHON
)
read -r median worst seen <<<"$figures"
figure "a run that does nothing, accepted to ended, p50 of $runs" "$median" "$limit_ms" ms
printf '%-58s %10s ms\n' "the same, p99" "$worst"
printf '%-58s %10s ms\n' "the same, as a polling client sees it, p50" "$seen"
exit "$FIGURES_OVER"
