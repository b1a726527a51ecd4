"""The canvas on which a face is painted: pixel grids, coverage of shapes, and layers laid over each other.

A shape is a signed distance (negative inside, in fractions of the picture); its coverage of a pixel is a ramp
one pixel wide over the border, which is anti-aliasing at any size. All arrays are float32.
"""

import numpy as np

from minivq.worlds.faces_attributes import MOUTH, Face

LABELS = (
    "background",
    "skin",
    "neck",
    "hair",
    "brows",
    "eyes",
    "nose",
    "mouth",
    "beard",
    "glasses",
    "hat",
    "clothes",
)
PALETTE = (
    (206, 212, 220),
    (240, 190, 150),
    (205, 150, 115),
    (96, 64, 48),
    (60, 40, 36),
    (80, 150, 220),
    (226, 150, 120),
    (200, 70, 80),
    (150, 100, 60),
    (40, 44, 60),
    (220, 160, 50),
    (90, 120, 150),
)


def ramp(x, low: float, high: float):
    """Any shape -> the same: a smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) * (1.0 / (high - low)), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def bump(x, y, cx: float, cy: float, rx: float, ry: float):
    """Any shape -> the same: a Gaussian hill of height 1 at (cx, cy)."""
    u, v = (x - cx) * (1.0 / rx), (y - cy) * (1.0 / ry)
    return np.exp(-(u * u + v * v))


def ellipse(x, y, rx: float, ry: float, square: float = 0.0):
    """Signed distance (first order) of the ellipse about 0; `square` in [0, 1) makes it a squircle."""
    u, v = x * (1.0 / rx), y * (1.0 / ry)
    uu, vv = u * u, v * v
    k0 = np.sqrt(uu + vv - square * np.minimum(uu, 1.0) * np.minimum(vv, 1.0)) if square else np.sqrt(uu + vv)
    k1 = np.sqrt(uu * (1.0 / rx**2) + vv * (1.0 / ry**2)) + 1e-4
    return k0 * (k0 - 1.0) / k1


def rounded(a, b, r: float):
    """Intersection of two signed distances with a corner of radius r."""
    u, v = np.maximum(a + r, 0.0), np.maximum(b + r, 0.0)
    return np.minimum(np.maximum(a, b), 0.0 - r) + np.sqrt(u * u + v * v) if r else np.maximum(a, b)


class Frame:
    """A turned, shifted, scaled system of axes over the picture; `view` gives the grid of a box in it."""

    def __init__(self, size: int, centre, scale: float, tilt: float):
        axis = (np.arange(size, dtype=np.float32) + 0.5) / size
        c, s = np.cos(tilt) / scale, np.sin(tilt) / scale
        dx, dy = (axis - centre[0])[None, :], (axis - centre[1])[:, None]
        self.x = (c * dx + s * dy).astype(np.float32)
        self.y = (c * dy - s * dx).astype(np.float32)
        self.size, self.centre, self.scale, self.tilt = size, centre, scale, tilt
        self.pixel = 1.0 / (size * scale)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Coordinates of the frame -> of the picture."""
        c, s = np.cos(self.tilt) * self.scale, np.sin(self.tilt) * self.scale
        return float(self.centre[0] + c * x - s * y), float(self.centre[1] + s * x + c * y)

    def view(self, x0: float, x1: float, y0: float, y1: float):
        """Box -> (slices of the picture, x, y): the grid of the pixels that the box touches."""
        xs, ys = zip(*(self.place(x, y) for x in (x0, x1) for y in (y0, y1)), strict=True)
        n, m = self.size, 1
        rows = slice(max(0, int(min(ys) * n) - m), max(0, min(n, int(max(ys) * n) + 1 + m)))
        cols = slice(max(0, int(min(xs) * n) - m), max(0, min(n, int(max(xs) * n) + 1 + m)))
        return (rows, cols), self.x[rows, cols], self.y[rows, cols]

    def cover(self, distance):
        """Signed distance -> coverage in [0, 1]."""
        return np.clip(0.5 - distance * (1.0 / self.pixel), 0.0, 1.0)


class Canvas:
    """Layers laid over each other, into what is wanted: "picture", "segmentation", "depth" or "edges"."""

    def __init__(self, size: int, want: str):
        self.want, self.size = want, size
        self.rgb = np.zeros((3, size, size), np.float32)
        self.map = np.zeros((size, size), np.uint8 if want == "segmentation" else np.float32)

    def put(self, where, alpha, colour, label: str | None = None, depth=None, sharp: float = 1.0) -> None:
        """Lay a layer over the canvas.

        where: slices; alpha: (h, w) coverage; colour: 3 numbers or (3, h, w) in [0, 1]; label: only layers
        with
        a label count in the segmentation and the edges; depth: number or (h, w), None leaves the depth;
        sharp: how many times steeper than the layer's alpha the line of its contour is.
        """
        if self.want == "picture":
            part = self.rgb[:, where[0], where[1]]
            colour = np.asarray(colour, np.float32)
            part += alpha * ((colour if colour.ndim == 3 else colour[:, None, None]) - part)
            return
        part = self.map[where]
        if self.want == "depth":
            if depth is not None:
                part += alpha * (depth - part)
        elif label is not None:
            if self.want == "segmentation":
                part[alpha >= 0.5] = LABELS.index(label)
            else:
                line = np.clip(1.0 - np.abs(2.0 * alpha - 1.0) * sharp, 0.0, 1.0)
                np.maximum(part * (1.0 - alpha), line, out=part)


def head_shape(f: Face, x, y):
    """Signed distance of the head in its own frame."""
    a, b, taper, square = f.head
    t = np.clip(y * (1.0 / b), 0.0, 1.2)
    return ellipse(x / (1.0 - taper * t * t), y, a, b, square * 0.9)


def eye_place(f: Face, side: int) -> tuple[float, float]:
    """Centre of the eye on a side (-1 left, 1 right), in the head's frame."""
    return side * (0.090 + 0.010 * f.eyes[2]), 0.0


def nose_place(f: Face) -> float:
    """Height of the tip of the nose in the head's frame."""
    return 0.070 + 0.022 * f.nose[0]


def mouth_place(f: Face) -> tuple[float, float, float]:
    """(height, half width, lift of the corners) of the mouth in the head's frame."""
    kind = list(MOUTH)[f.mouth]
    return (
        0.158,
        (0.058 + 0.022 * f.lips[0]) * (1.0 if kind == "neutral" else 1.15),
        {"neutral": 0.010 * (f.lips[0] - 0.6), "smile": 0.022, "open": 0.020}[kind],
    )
