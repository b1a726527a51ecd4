"""Painting what grows and sits on a head: hair behind and in front, beard, hat, earrings."""

import numpy as np

from minivq.worlds.faces_attributes import HAT, STYLES, hair_shows, style_name
from minivq.worlds.faces_canvas import bump, ellipse, head_shape, mouth_place, ramp, rounded

HAIR_RGB = (
    (0.13, 0.115, 0.13),
    (0.37, 0.205, 0.115),
    (0.89, 0.71, 0.41),
    (0.80, 0.38, 0.15),
    (0.74, 0.74, 0.76),
    (0.24, 0.38, 0.80),
    (0.93, 0.45, 0.64),
    (0.22, 0.64, 0.46),
)
HAT_RGB = (
    (0.72, 0.28, 0.25),
    (0.86, 0.66, 0.28),
    (0.25, 0.38, 0.56),
    (0.33, 0.50, 0.42),
    (0.90, 0.86, 0.78),
    (0.30, 0.30, 0.35),
    (0.62, 0.44, 0.56),
    (0.80, 0.50, 0.32),
)
RING_RGB = ((0, 0, 0), (0.97, 0.73, 0.18), (0.98, 0.96, 0.94), (0.06, 0.62, 0.52))
LONG = ("afro", "fringe", "bob", "straight", "wavy")


def arch(x, y, rx: float, ry: float):
    """Signed distance of an arched window about 0: half an ellipse above, open below."""
    return ellipse(x, np.minimum(y, 0.0), rx, ry)


def fall(x, y, top: float, rx: float, ry: float, end: float, flare: float, corner: float):
    """Signed distance of a dome with hair that falls from it down to `end`, wider by `flare` there."""
    t = np.clip((y - top) * (1.0 / max(end - top, 0.05)), 0.0, 1.0)
    return rounded(ellipse(x * (rx / (rx + flare * t)), np.minimum(y - top, 0.0), rx, ry), y - end, corner)


def outline(f, x, y):
    """Face, grid -> signed distances of the hair's outline and of the window in it for the face."""
    a, b = f.head[0], f.head[1]
    name, p, v = style_name(f), f.parting, f.volume
    line = arch(x, y - 0.05, a * 0.93, 0.225 - 0.02 * f.wave)
    if name == "buzz":
        return np.maximum(head_shape(f, x, y) - 0.009, y - 0.0), line
    if name == "parted":
        shape = ellipse(x + 0.012 * p, y + 0.08 - 0.06 * p * x, a + 0.03, b - 0.025 + 0.02 * v)
        return rounded(shape, y - 0.015, 0.03), arch(x + 0.02 * p, y - 0.05 + 0.42 * p * x, a * 0.93, 0.215)
    if name == "quiff":
        crest = ellipse(x - 0.03 * p, y + 0.275 + 0.25 * p * x, a * 0.74, 0.085 + 0.02 * v)
        shape = np.minimum(ellipse(x, y + 0.06, a + 0.016, b - 0.04), crest)
        return rounded(shape, y - 0.0, 0.03), arch(x, y - 0.05, a * 0.93, 0.235)
    if name == "curls":
        angle = np.arctan2(x, -(y + 0.08))
        shape = ellipse(x, y + 0.10, a + 0.035, b - 0.035 + 0.03 * v) + 0.011 * np.cos(angle * 11.0)
        return rounded(shape, y - 0.02, 0.03), line - 0.010 * np.cos(angle * 9.0 + 0.5 * p)
    if name == "mohawk":
        comb = ellipse(x - 0.03 * p * np.clip(-0.2 - y, 0.0, 0.2), y + 0.265, 0.074, 0.125 + 0.015 * v)
        return comb + 0.006 * np.cos((y + 0.2 - 0.5 * np.abs(x)) * 95.0) * ramp(y, -0.16, -0.24), line
    if name == "bun":
        cap = np.maximum(head_shape(f, x, y) - 0.020, y - 0.01)
        return np.minimum(cap, ellipse(x, y + b + 0.065, 0.078, 0.064)), line
    if name == "afro":
        angle = np.arctan2(x, -(y + 0.07))
        shape = ellipse(x, y + 0.07, 0.285 + 0.03 * v, 0.305 + 0.02 * v) + 0.008 * np.cos(angle * 17.0)
        return shape, arch(x, y - 0.05, a * 0.90, 0.215)
    if name == "fringe":
        shape = fall(x, y, -0.05, a + 0.04, b - 0.005 + 0.02 * v, 0.15, 0.012, 0.06)
        ends = -0.098 + 0.006 * np.sin(x * p * 60.0) + 0.5 * x * x
        return shape, rounded(np.abs(x) - a * 0.84, ends - y, 0.03)
    if name == "bob":
        shape = fall(x, y, -0.05, a + 0.045, b + 0.0 + 0.02 * v, 0.25, 0.03, 0.07)
        return shape, arch(x + 0.03 * p, y - 0.08 + 0.25 * p * x, a * 0.90, 0.26)
    if name == "straight":
        shape = fall(x, y, -0.04, a + 0.035, b + 0.01, 0.47, 0.035, 0.05)
        return shape, arch(np.abs(x) + 0.022, y - 0.10, a * 0.93, 0.32)
    bend = 0.013 * np.sin(y * 34.0 + 1.0) * np.sign(x) * ramp(y, -0.15, 0.0)
    shape = fall(x - bend, y, -0.04, a + 0.05, b + 0.015, 0.44, 0.06, 0.07)
    return shape, arch(np.abs(x - bend) + 0.012, y - 0.10 + 0.2 * p * x, a * 0.90, 0.31)


def texture(f, x, y):
    """Grid -> strands in [-1, 1]: they run from the parting; curls are a calm pattern of knots."""
    if style_name(f) in ("curls", "afro"):
        x = x * f.parting
        return np.sin(x * 62.0 + 2.2 * np.sin(y * 31.0)) * np.sin(y * 58.0 + 2.0 * np.sin(x * 29.0))
    x = x * f.parting  # so that a mirrored face has mirrored strands
    px = 0.06 if style_name(f) in ("parted", "bob", "quiff") else 0.0
    u = (x - px) / (0.13 + np.clip(y + 0.30, 0.0, 0.26))
    bend = 0.9 * np.sin(y * 34.0 + 1.0) * ramp(y, -0.2, 0.0) if style_name(f) == "wavy" else 0.0
    return 0.6 * np.sin(u * 15.0 + bend + 1.0) + 0.4 * np.sin(u * 27.0 + 2.0 * f.wave)


def hair_rgb(s, x, y, drop: float = 0.0):
    """Grid -> (3, h, w): lit hair with strands and a band of gloss."""
    f = s.face
    a = f.head[0]
    light, _ = s.dome(x, np.minimum(y + 0.06, 0.06), a + 0.07, 0.33)
    strand = texture(f, x, y)
    rgb = s.lit(s.sides(HAIR_RGB, "hair", x, f.hue[1]), light + 0.16 * strand - drop, 0.50)
    if drop == 0.0:
        lat = y + 0.19 + 1.5 * (x - 0.03 * s.lx) ** 2 + 0.012 * strand
        band = np.exp(-(lat * lat) * (1.0 / 0.034**2)) * np.clip(0.55 + 3.2 * x * s.lx, 0.08, 1.0)
        rgb += 0.15 * band * (0.7 + 0.3 * strand)
    return rgb


def behind(s) -> None:
    """The hair behind neck and shoulders."""
    f = s.face
    if not hair_shows(f) or style_name(f) not in LONG:
        return
    where, x, y = s.head.view(-0.36, 0.36, -0.42, 0.50)
    shape, _ = outline(f, x, y)
    if f.hat:
        shape = np.maximum(shape, -0.17 - y)
    s.canvas.put(where, s.head.cover(shape), hair_rgb(s, x, y, 0.45), "hair", 0.30)


def front(s) -> None:
    """The hair over forehead, temples and shoulders, with its shadow on the face; then the earrings."""
    f = s.face
    name = style_name(f)
    if hair_shows(f):
        long = name in ("straight", "wavy")
        side = 0.36 if name in LONG else 0.29
        where, x, y = s.head.view(-side, side, -0.48, 0.50 if long else 0.28)
        shape, window = outline(f, x, y)
        if f.hat:
            shape = np.maximum(shape, -0.17 - y)
        inner = s.head.cover(head_shape(f, x, y))
        if name == "mohawk":  # the sides are shaved
            shaved = np.maximum(np.maximum(head_shape(f, x, y), y - 0.0), -window)
            s.canvas.put(where, 0.40 * s.head.cover(shaved), hair_rgb(s, x, y, 0.3))
            hair = shape
        else:
            hair = np.maximum(shape, -window)
            shadow = ramp(-window, 0.055, 0.0)
            s.canvas.put(where, 0.30 * inner * shadow * (y < 0.2), (0.20, 0.08, 0.07))
        alpha = s.head.cover(hair) * (0.90 if name == "buzz" else 1.0)
        depth = 0.62 + 0.22 * np.sqrt(np.clip(1 - (x / 0.3) ** 2 - ((y + 0.05) / 0.4) ** 2, 0, 1))
        s.canvas.put(where, alpha, hair_rgb(s, x, y), "hair", depth)
    if not STYLES[name][2]:
        for side, own in ((-1, f.left), (1, f.right)):
            if own.earring:
                cx, cy = side * (f.head[0] + 0.020), 0.105
                where, x, y = s.head.view(cx - 0.04, cx + 0.04, cy - 0.04, cy + 0.05)
                u, v = x - cx, y - cy
                r = np.sqrt(u * u + v * v)
                ring = {1: r - 0.029, 2: r - 0.027, 3: ellipse(u, v - 0.006, 0.024, 0.036)}[own.earring]
                glow = 1.0 + 6.0 * (u * s.lx + v * s.ly)
                rgb = np.clip(np.asarray(RING_RGB[own.earring], np.float32)[:, None, None] * glow, 0, 1)
                s.canvas.put(where, 0.35 * s.head.cover(ring - 0.008), (0.15, 0.08, 0.06))
                s.canvas.put(where, s.head.cover(ring), rgb, None, 0.6)


def beard_zone(f, style: int, x, y, grow: float = 0.014):
    """Face, class id of a beard -> soft coverage in [0, 1]; a full beard stands `grow` off the jaw."""
    my = mouth_place(f)[0]
    ax = np.abs(x)
    lip = ellipse(x, y - (my - 0.029) - 1.8 * x * x, 0.080, 0.021)
    if style == 1:
        return ramp(-lip, -0.006, 0.007)
    if style == 2:
        chin = ellipse(x, y - 0.225, 0.066, 0.072 + grow)
        ring = np.abs(ellipse(x, y - my - 0.004, 0.088, 0.052)) - 0.013
        return ramp(-np.minimum(np.minimum(lip + 0.004, chin), ring), -0.007, 0.008)
    upper = 0.112 - 0.125 * ramp(ax, 0.085, f.head[0] * 1.02) + 0.03 * bump(ax, y, 0.08, 0.1, 0.03, 0.2)
    jaw = head_shape(f, x, y - grow) - grow
    return ramp(y - upper, -0.008, 0.022) * ramp(-jaw, -0.006, 0.007)


def beard(s) -> None:
    """Beard or moustache of each side, following the jaw, softly edged, lit like the head."""
    f = s.face
    one, two = f.left.beard, f.right.beard
    if not one and not two:
        return
    where, x, y = s.head.view(-0.26, 0.26, -0.04, 0.36)
    left = beard_zone(f, one, x, y) if one else np.zeros_like(x)
    zone = left if one == two else s.mix(left, beard_zone(f, two, x, y) if two else np.zeros_like(x), x, 0.02)
    light, nz = s.dome(x, y * 0.92, f.head[0] * 1.12, f.head[1] * 1.15)
    strand = np.cos(x * 70.0 / (0.6 + np.clip(y, 0, 1) * 1.2)) * np.sin(y * 40.0 + 6.0 * np.abs(x) * 10.0)
    hill = bump(x, y, 0.0, 0.235, 0.08, 0.06)
    light += hill * (x * 9.0 * s.lx + (y - 0.235) * 9.0 * s.ly) + 0.10 * strand
    rgb = s.lit(np.asarray(s.sides(HAIR_RGB, "natural", x, f.hue[1])) * np.float32(0.93), light, 0.48)
    s.canvas.put(where, 0.96 * zone, rgb, "beard", 0.50 + 0.30 * nz, 1.6)


def hat(s) -> None:
    """Beanie with a ribbed brim, or a cap with a visor and its shadow."""
    f = s.face
    kind = list(HAT)[f.hat]
    if kind == "none":
        return
    a, b = f.head[0], f.head[1]
    where, x, y = s.head.view(-0.32, 0.32, -0.48, 0.02)
    base = np.asarray(HAT_RGB[int(f.hat_tone * len(HAT_RGB))], np.float32)
    light, nz = s.dome(x, y + 0.10, a + 0.06, b)
    curve = 0.55 * x * x
    if kind == "beanie":
        dome = np.maximum(ellipse(x, y + 0.10, a + 0.026, b - 0.02 + 0.03 * f.volume), y + 0.14)
        ribs = np.cos(x * 75.0 / (0.35 + 0.65 * np.clip(nz, 0.3, 1.0)))
        band = np.maximum(np.abs(y + 0.150 + curve) - 0.040, np.abs(x) - (a + 0.034))
        s.canvas.put(
            where,
            0.35 * ramp(0.0 - (band - 0.028), -0.02, 0.03) * s.head.cover(head_shape(f, x, y)),
            (0.20, 0.08, 0.07),
        )
        s.canvas.put(where, s.head.cover(dome), s.lit(base, light + 0.10 * ribs), "hat", 0.66 + 0.2 * nz)
        fold = light + 0.10 + 0.16 * ribs + 5.0 * (y + 0.150 + curve) * s.ly
        s.canvas.put(
            where,
            s.head.cover(rounded(band, band, 0.0)),
            s.lit(base * np.float32(0.92), fold),
            "hat",
            0.72 + 0.2 * nz,
        )
        if f.wave > 0.55:
            r = ellipse(x, y + 0.10 + b + 0.03 * f.volume, 0.055, 0.050)
            plight, _ = s.dome(x, y + 0.10 + b + 0.03 * f.volume, 0.06, 0.055)
            s.canvas.put(where, s.head.cover(r), s.lit(base * 0.5 + 0.45, plight), "hat", 0.7)
        return
    dome = np.maximum(ellipse(x, y + 0.11, a + 0.018, b - 0.04), y + 0.12)
    seam = np.abs(np.abs(x) - 0.5 * a * nz) - 0.003
    s.canvas.put(where, s.head.cover(dome), s.lit(base, light), "hat", 0.66 + 0.2 * nz)
    s.canvas.put(where, 0.25 * s.head.cover(np.maximum(seam, dome)), base * np.float32(0.45))
    visor = np.maximum(ellipse(x, y + 0.145 - 0.0, a * 1.03, 0.062), -0.165 - y + 0.5 * x * x)
    under = ellipse(x + 0.03 * s.lx, y + 0.115, a * 1.0, 0.07)
    s.canvas.put(
        where, 0.42 * ramp(-under, -0.02, 0.03) * s.head.cover(head_shape(f, x, y)), (0.18, 0.07, 0.07)
    )
    sheen = light * 0.5 + 0.15 + 6.0 * (y + 0.13) * s.ly + 0.2
    s.canvas.put(where, s.head.cover(visor), s.lit(base * np.float32(0.80), sheen), "hat", 0.95)
