"""Ten digits as a hand draws them: strokes of points in the unit square, y downward.

They were written down once, by their shape, and are not to be adapted to a model.
"""

from math import cos, pi, sin


def arc(x, y, width, height, start, end, points=16):
    """Give points of an ellipse around (x, y); angles in degrees, 0 to the right, 90 downward."""
    angles = [pi * (start + (end - start) * n / points) / 180 for n in range(points + 1)]
    return [(x + width * cos(a), y + height * sin(a)) for a in angles]


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
