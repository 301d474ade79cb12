"""What the tests of the interactive page share: digits to draw, a reader of its data file."""

import base64
import json
import re
import zlib
from math import cos, pi, sin

import numpy as np


def arc(x, y, width, height, start, end, points=16):
    """Give points of an ellipse around (x, y); angles in degrees, 0 to the right, 90 downward."""
    angles = [pi * (start + (end - start) * n / points) / 180 for n in range(points + 1)]
    return [(x + width * cos(a), y + height * sin(a)) for a in angles]


# Strokes of points in the unit square, y downward, as a hand draws them. They were written down
# once, by their shape, and are not to be adapted to a model.
DIGITS = {
    0: [arc(0.5, 0.5, 0.2, 0.3, -80, -440, 32)],
    1: [[(0.55, 0.2), (0.47, 0.8)]],
    2: [[*arc(0.49, 0.36, 0.17, 0.16, -170, 40), (0.32, 0.8), (0.7, 0.79)]],
    3: [[*arc(0.48, 0.34, 0.16, 0.14, -150, 90), *arc(0.48, 0.64, 0.19, 0.17, -90, 140)]],
    4: [[(0.4, 0.2), (0.31, 0.55), (0.71, 0.54)], [(0.62, 0.22), (0.59, 0.84)]],
    5: [
        [(0.39, 0.22), (0.37, 0.47), *arc(0.47, 0.62, 0.18, 0.18, -110, 140)],
        [(0.39, 0.22), (0.67, 0.2)],
    ],
    6: [[(0.61, 0.2), (0.45, 0.36), *arc(0.49, 0.64, 0.14, 0.16, -160, -520, 32)]],
    7: [[(0.3, 0.24), (0.7, 0.22), (0.45, 0.82)]],
    8: [[(0.5 + 0.17 * sin(2 * t), 0.5 - 0.3 * cos(t)) for t in (pi * n / 24 for n in range(49))]],
    9: [[*arc(0.48, 0.36, 0.15, 0.15, -10, -370, 24), (0.58, 0.83)]],
}


def read(text):
    """Give the arrays and facts of a data file."""
    content = json.loads(re.fullmatch(r"const \w+ = (.*);\n", text, re.S)[1])
    raw, arrays = zlib.decompress(base64.b64decode(content["bytes"])), {}
    for name, kind, shape in content["arrays"]:
        values = np.frombuffer(raw, np.dtype(kind).newbyteorder("<"), count=int(np.prod(shape)))
        arrays[name], raw = values.reshape(shape), raw[values.nbytes :]
    assert raw == b""
    return arrays, content["facts"]


def apply(arrays, name, x):
    """Apply encoder or decoder in float64."""
    h = np.asarray(x, np.float64)[:, arrays[f"{name}_inputs"]]
    depth = sum(key.startswith(f"{name}_kernel") for key in arrays)
    for n in range(depth):
        kernel = arrays[f"{name}_kernel_{n}"].astype(float)
        kernel = kernel * arrays[f"{name}_scales_{n}"][:, None]
        h = h @ kernel + arrays[f"{name}_bias_{n}"]
        h = h if n == depth - 1 else np.maximum(h, 0)
    return h


def nearest(arrays, codes):
    return np.linalg.norm(codes[:, None] - arrays["prototypes"], axis=2).argmin(axis=1)
