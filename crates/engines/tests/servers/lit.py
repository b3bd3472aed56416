"""A tiny LitServe server for the tests of the engine http: a data: URI in, the
same bytes out, as JSON. The port is the argument."""

import sys

import litserve
from fastapi import HTTPException


class Echo(litserve.LitAPI):
    def setup(self, device):
        pass

    def decode_request(self, request):
        if "picture" not in request:
            raise HTTPException(422, detail="picture is required")
        return request["picture"]

    def predict(self, picture):
        return picture

    def encode_response(self, picture):
        return {"result": {"images": [picture]}}


if __name__ == "__main__":
    server = litserve.LitServer(Echo(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, generate_client_file=False
    )
