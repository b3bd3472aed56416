"""What a person would write to cut a subject out of a photo with these weights:
onnxruntime and Pillow, everything in memory. For each line of its input it does
the photo once, and prints the milliseconds.

    python removal.py WEIGHTS PHOTO RESULT
"""

import sys
import time

import numpy
import onnxruntime
from PIL import Image

weights, photo, result = sys.argv[1:]
session = onnxruntime.InferenceSession(weights)
name = session.get_inputs()[0].name
MEAN = numpy.array([0.485, 0.456, 0.406], numpy.float32)
SPREAD = numpy.array([0.229, 0.224, 0.225], numpy.float32)


def remove():
    picture = Image.open(photo).convert("RGB")
    small = numpy.asarray(picture.resize((320, 320), Image.Resampling.LANCZOS), numpy.float32)
    small = (small / max(small.max(), 1e-6) - MEAN) / SPREAD
    mask = session.run(None, {name: small.transpose(2, 0, 1)[None]})[0][0, 0]
    mask = (mask - mask.min()) / (mask.max() - mask.min())
    mask = Image.fromarray((mask * 255).astype(numpy.uint8), "L")
    picture.putalpha(mask.resize(picture.size, Image.Resampling.LANCZOS))
    picture.save(result)


for _ in sys.stdin:
    started = time.perf_counter()
    remove()
    print(f"{(time.perf_counter() - started) * 1e3:.1f}", flush=True)
