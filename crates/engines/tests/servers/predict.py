"""A tiny predictor for the tests of the engine cog: a picture in, a picture out.

The class is named by the test: Waiting answers at its end, Streaming tells how
far it is while it works.
"""

import sys
import tempfile
import time
from typing import Iterator

from cog import BaseRunner, Input, Path, streaming


def paint(image, text, seconds):
    print("begin", text)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.02)
    if text == "fail":
        raise ValueError("the picture is too dark")
    data = image.read_bytes() if image else b"\x89PNG\r\n\x1a\n no picture"
    out = Path(tempfile.mkdtemp()) / "out.png"
    out.write_bytes(data)
    print(" 50%|#####     | 1/2", file=sys.stderr)
    print("end")
    return out


class Waiting(BaseRunner):
    def run(
        self,
        image: Path = Input(description="a picture", default=None),
        text: str = Input(description="a text", default="x"),
        seconds: float = Input(description="how long it takes", default=0.0),
    ) -> Path:
        return paint(image, text, seconds)


class Streaming(BaseRunner):
    @streaming
    def run(
        self,
        image: Path = Input(description="a picture", default=None),
        text: str = Input(description="a text", default="x"),
        seconds: float = Input(description="how long it takes", default=0.0),
    ) -> Iterator[Path]:
        yield paint(image, text, seconds)
