"""Painting a face: background, body, head and its features, in layers from back to front."""

import numpy as np

from minivq.worlds import faces_features as features
from minivq.worlds import faces_hair as hairdo
from minivq.worlds.faces_attributes import CLOTHES, Face
from minivq.worlds.faces_canvas import Canvas, Frame, bump, ellipse, head_shape, ramp

SKIN_RGB = ((0.96, 0.80, 0.69), (0.87, 0.65, 0.47), (0.66, 0.44, 0.29), (0.42, 0.265, 0.19))
CLOTH_RGB = (
    (0.93, 0.88, 0.78),
    (0.86, 0.64, 0.24),
    (0.72, 0.27, 0.25),
    (0.32, 0.53, 0.41),
    (0.25, 0.39, 0.64),
    (0.24, 0.24, 0.28),
)
BACK_RGB = (
    (0.66, 0.76, 0.80),
    (0.80, 0.72, 0.64),
    (0.72, 0.77, 0.66),
    (0.84, 0.70, 0.66),
    (0.70, 0.68, 0.79),
    (0.88, 0.80, 0.64),
    (0.52, 0.64, 0.68),
    (0.60, 0.56, 0.66),
    (0.46, 0.56, 0.54),
    (0.72, 0.57, 0.52),
    (0.80, 0.81, 0.80),
    (0.44, 0.50, 0.62),
)


def frames(face: Face, size: int) -> tuple[Frame, Frame]:
    """Face -> axes of the head, which is tilted, and of the body, which is not."""
    cx, cy = 0.5 + face.shift[0], 0.475 + face.shift[1]
    head = Frame(size, (cx, cy), face.scale, face.tilt)
    return head, Frame(size, (cx - 0.2 * float(np.sin(face.tilt)), cy), face.scale, 0.0)


class Scene:
    """What the painting functions share: canvas, frames, the mixing of both sides, and the light."""

    def __init__(self, face: Face, size: int, want: str):
        self.face, self.canvas = face, Canvas(size, want)
        self.head, self.body = frames(face, size)
        self.lx, self.ly = face.light
        self.lz = 0.72

    def mix(self, left, right, x, width: float = 0.035):
        """Two values (numbers, colours or maps) of the sides -> one, blended smoothly in the middle."""
        if left is right:
            return left
        t = ramp(x, -width, width)
        if np.ndim(left) == 1:
            left, right = np.asarray(left, np.float32), np.asarray(right, np.float32)
            if (left == right).all():
                return left
            left, right = left[:, None, None], right[:, None, None]
        return left + t * (right - left)

    def sides(self, table, name: str, x, tone: float = 0.0):
        """Colour of a doubled attribute from a table, (3,) or (3, h, w); tone in [0, 1] varies it."""
        shift = np.float32(1.0 + 0.10 * (tone - 0.5))
        left, right = (
            np.asarray(table[getattr(s, name)], np.float32) * shift for s in (self.face.left, self.face.right)
        )
        return self.mix(left, right, x)

    def skin(self, x):
        """Colour of the skin at x, (3,) or (3, h, w)."""
        return self.sides(SKIN_RGB, "skin", x, self.face.hue[0])

    def lit(self, colour, light, depth: float = 0.42):
        """(3,) or (3, h, w) colour, (h, w) Lambert term -> (3, h, w): soft terminator, shadows cooler."""
        colour = np.asarray(colour, np.float32)
        colour = colour if colour.ndim == 3 else colour[:, None, None]
        t = ramp(light, -0.25, 0.95)
        dark = np.array([1 - depth, 1 - 1.18 * depth, 1 - 1.08 * depth], np.float32)[:, None, None]
        span = np.array([1.07, 1.05, 1.03], np.float32)[:, None, None] - dark
        return colour * (dark + span * t)

    def dome(self, x, y, rx: float, ry: float):
        """Grid -> (Lambert term, nz): of an ellipsoid with these radii."""
        nx, ny = x * (1.0 / rx), y * (1.0 / ry)
        rr = nx * nx + ny * ny
        nz = np.sqrt(np.clip(1.0 - rr, 0.0, 1.0))
        k = 1.0 / np.sqrt(np.maximum(rr, 1.0))
        return (nx * self.lx + ny * self.ly) * k + nz * self.lz, nz


def paint(face: Face, size: int, want: str) -> Canvas:
    """Face -> Canvas holding what is wanted."""
    s = Scene(face, size, want)
    background(s)
    hairdo.behind(s)
    body(s)
    ears(s)
    head(s)
    features.eyes(s)
    features.nose(s)
    hairdo.beard(s)
    features.mouth(s)
    hairdo.front(s)
    features.brows(s)
    hairdo.hat(s)
    features.glasses(s)
    return s.canvas


def background(s: Scene) -> None:
    """A wall: brighter towards the light, a soft pool of it behind the head."""
    if s.canvas.want != "picture":
        return
    axis = (np.arange(s.canvas.size, dtype=np.float32) + 0.5) / s.canvas.size - 0.5
    x, y = axis[None, :], axis[:, None]
    lx, ly = s.face.back_light
    level = 0.92 + 0.42 * (x * lx + 0.7 * y * ly) + 0.10 * (1.0 - abs(lx)) * np.exp(-6.0 * (x * x + y * y))
    base = np.asarray(BACK_RGB[s.face.backdrop], np.float32) * (0.86 + 0.2 * s.face.back_tone)
    s.canvas.rgb += base[:, None, None] * level


def body(s: Scene) -> None:
    """Neck with the head's shadow, shoulders, clothes."""
    f, frame = s.face, s.body
    where, x, y = frame.view(-0.62, 0.62, 0.27, 0.75)
    kind = list(CLOTHES)[f.clothes]
    cloth = s.sides(CLOTH_RGB, "cloth", x, f.hue[2])
    light = (x * (1.0 / 0.42)) * s.lx - s.ly * 0.75 + 0.25 - 0.6 * ramp(y, 0.30, 0.62)
    if kind == "hoodie":  # the hood lies behind the neck
        hood = ellipse(x, y - 0.40, 0.25, 0.125, 0.3)
        s.canvas.put(where, frame.cover(hood), s.lit(cloth, light - 0.35), "clothes", 0.36)
    # Neck: a cylinder; the chin's shadow falls away from the light.
    half = 0.098 + 0.012 * f.volume
    nwhere, nx, ny = frame.view(-0.2, 0.2, 0.1, 0.48)
    width = half + 0.055 * ramp(ny, 0.27, 0.46) ** 2
    neck = np.maximum(np.abs(nx) - width, ny - 0.46)
    nlight, nz = s.dome(nx, ny * 0.0, half * 1.15, 1.0)
    nlight = (
        nlight - 0.85 * (1.0 - ramp(ny - 0.06 * (1 - nx * nx * 20), 0.20 - 0.4 * s.ly * 0.3, 0.40)) - 0.05
    )
    s.canvas.put(nwhere, frame.cover(neck), s.lit(s.skin(nx), nlight, 0.46), "neck", 0.33 + 0.08 * nz)
    # Shoulders.
    xx = x * x
    top = 0.375 + 0.62 * xx + 1.2 * xx * xx
    shape = np.maximum((top - y) * 0.9, np.abs(x) - 0.47)
    if kind == "crew":
        opening = ellipse(x, y - 0.36, 0.118, 0.088)
    elif kind == "hoodie":
        opening = ellipse(x, y - 0.355, 0.115, 0.10)
    elif kind == "collar":
        opening = (y - 0.50) * 0.55 + np.abs(x) * 0.95
    else:
        opening = ellipse(x, y - 0.36, 0.138, 0.075)
    edge = np.maximum(shape, -opening)
    if kind == "stripes":
        band = ramp(np.sin((y - 0.45 * xx) * 62.0), -0.35, 0.35)
        tint = 0.97 if f.hue[2] > 0.5 else 0.30
        cloth = np.asarray(cloth)
        cloth = cloth if cloth.ndim == 3 else cloth[:, None, None]
        cloth = cloth + 0.50 * band * (np.float32(tint) - cloth)
    rgb = s.lit(cloth, light)
    depth = 0.36 + 0.06 * ramp(y, 0.36, 0.6)
    s.canvas.put(where, frame.cover(edge), rgb, "clothes", depth)
    if kind in ("crew", "stripes"):
        rib = np.abs(opening - 0.011) - 0.011
        s.canvas.put(where, 0.8 * frame.cover(np.maximum(rib, shape)), rgb * 0.80)
    elif kind == "hoodie":
        roll = np.abs(opening - 0.022) - 0.022
        tube = s.lit(cloth, light + 0.2 - 18 * (opening - 0.02))
        s.canvas.put(where, frame.cover(np.maximum(roll, shape - 0.02)), tube, "clothes", 0.43)
        for side in (-1, 1):
            run = np.abs(x - side * (0.062 + 0.02 * (y - 0.45))) - 0.0075
            cord = np.maximum(run, np.abs(y - 0.52) - 0.06)
            s.canvas.put(where, 0.9 * frame.cover(cord), (0.95, 0.93, 0.88))
    elif kind == "collar":
        ax = np.abs(x)
        flap = np.maximum(np.maximum(-opening + 0.0, opening - 0.075), 0.335 + 0.1 * ax - y)
        flap = np.maximum(flap, (y - 0.49) + (ax - 0.1) * -0.25)
        shade = s.lit(np.minimum(np.asarray(cloth) * 1.12 + 0.04, 1.0), light + 0.15)
        s.canvas.put(where, 0.45 * np.clip(1 - np.abs(flap) / 0.02, 0, 1), rgb * 0.6)
        s.canvas.put(where, frame.cover(flap), shade, "clothes", 0.43)


def ears(s: Scene) -> None:
    """Ears; earrings are hung in `front`, over the hair behind."""
    a = s.face.head[0]
    for side in (-1, 1):
        cx = side * (a + 0.006)
        where, x, y = s.head.view(cx - 0.05, cx + 0.05, -0.06, 0.11)
        light, nz = s.dome(x - cx * 0.55, y - 0.02, 0.13, 0.12)
        colour = s.lit(s.skin(x), light - 0.1)
        shape = ellipse(x - cx + 0.10 * side * (y - 0.02), y - 0.02, 0.036, 0.062)
        s.canvas.put(where, s.head.cover(shape), colour, "skin", 0.45 + 0.05 * nz)
        s.canvas.put(where, 0.5 * np.clip(-shape / 0.02 - 0.25, 0, 1), colour * np.float32(0.72))


def head(s: Scene) -> None:
    """The head as a lit form: dome, brow ridge, cheeks, nose, chin; blush, freckles."""
    f, (a, b, _, _) = s.face, s.face.head
    where, x, y = s.head.view(-0.25, 0.25, -0.32, 0.32)
    shape = head_shape(f, x, y)
    light, nz = s.dome(x, y * 0.92, a * 1.10, b * 1.12)
    # Hills in the height change the normal by their slope.
    ax = np.abs(x)
    for cx, cy, rx, ry, h in ((0.0, 0.045, 0.030, 0.075, 0.034), (0.0, 0.255, 0.07, 0.05, 0.024)):
        hill = bump(x, y, cx, cy, rx, ry)
        light += hill * ((x - cx) * (2 * h / rx**2) * s.lx + (y - cy) * (2 * h / ry**2) * s.ly)
    cheek = bump(ax, y, 0.118, 0.10, 0.065, 0.055)
    light += cheek * ((x - np.sign(x) * 0.118) * 7.0 * s.lx + (y - 0.10) * 9.0 * s.ly + 0.05)
    light -= 0.30 * bump(ax, y, 0.088, -0.022, 0.066, 0.036)  # the sockets
    light -= 0.35 * bump(x, y, -0.055 * s.lx, 0.098, 0.045, 0.022)  # the nose's shadow
    base = s.skin(x)
    base = base if base.ndim == 3 else base[:, None, None]
    warm = (0.10 + 0.26 * f.blush) * cheek[None] * np.array([0.02, -0.14, -0.10], np.float32)[:, None, None]
    rgb = s.lit(base + warm, light, 0.46)
    rim = ramp(shape, -0.03, 0.0) * np.clip(-x * np.sign(s.lx) * 6.0, 0.0, 1.0) * abs(s.lx)
    rgb += 0.06 * rim
    s.head_rgb = rgb
    s.head_where = where
    s.canvas.put(where, s.head.cover(shape), rgb, "skin", 0.46 + 0.34 * nz)
    if f.freckles > 0:
        for px, py in (
            (0.062, 0.068),
            (0.098, 0.06),
            (0.13, 0.072),
            (0.08, 0.092),
            (0.115, 0.094),
            (0.03, 0.056),
        ):
            for side in (-1, 1):
                w, u, v = s.head.view(side * px - 0.014, side * px + 0.014, py - 0.014, py + 0.014)
                dot = bump(u, v, side * px, py, 0.008, 0.008)
                s.canvas.put(w, (0.25 + 0.3 * f.freckles) * dot, (0.42, 0.22, 0.12))
    if f.stubble > 0.45 and f.left.beard * f.right.beard == 0:
        zone = hairdo.beard_zone(f, 3, x, y, 0.0)
        zone = s.mix(zone * (f.left.beard == 0), zone * (f.right.beard == 0), x)
        s.canvas.put(where, 0.22 * (f.stubble - 0.2) * zone * s.head.cover(shape), (0.16, 0.12, 0.12))
