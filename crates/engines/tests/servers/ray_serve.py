"""A tiny Ray Serve deployment for the tests of the engine http: a data: URI in,
the bytes themselves out. The port is the argument."""

import base64
import os
import signal
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


@serve.deployment(num_replicas=1, ray_actor_options={"num_cpus": 0.1})
class Echo:
    async def __call__(self, request: Request):
        body = await request.json()
        if "picture" not in body:
            return JSONResponse({"detail": "picture is required"}, status_code=422)
        if body["picture"] == "fail":
            raise ValueError("the picture is too dark")
        _, data = body["picture"].split(",", 1)
        return Response(base64.b64decode(data), media_type="image/png")


if __name__ == "__main__":
    ray.init(num_cpus=1, include_dashboard=False, object_store_memory=80 * 1024 * 1024)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Echo.bind(), route_prefix="/echo")
    print("ready", flush=True)
    signal.pause()
