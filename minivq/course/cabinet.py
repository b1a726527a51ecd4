"""A collector's cabinet for lesson 15: a folder of drawn butterflies, beetles and leaves, as a reader might have one.

Every picture is its own mirror image, exactly: one thing that is known of it and can be asked of a sample. Some lie
in the folder twice, some have other sizes, shapes and modes, and three files are of no use.
"""

import hashlib
import math
import os
import shutil
from pathlib import Path

import numpy as np

from minivq.cache import cache_folder

KINDS = ("beetles", "butterflies", "leaves")
PAPERS = ((246, 240, 222), (226, 238, 240), (233, 241, 224), (240, 228, 232), (204, 212, 224), (70, 78, 96))
WINGS = ((236, 110, 40), (40, 110, 200), (250, 200, 50), (120, 60, 150), (60, 160, 110), (220, 60, 80), (250, 245, 235))
SHELLS = ((200, 40, 40), (30, 120, 80), (40, 60, 150), (220, 150, 30), (110, 70, 40), (90, 40, 110))
LEAVES = ((70, 130, 50), (120, 160, 50), (220, 170, 40), (215, 100, 35), (170, 45, 40), (110, 75, 40))
DARK, PALE = (38, 32, 40), (250, 248, 240)
ODD = {"square": 28, "wide": 52, "tall": 17, "half": 18, "palette": 19, "inks": 34}
FINER = 4                           # drawn so many times as large, then averaged: smooth edges


class Pen:
    """Draws on the right half of a canvas, x from 0 (middle) to 1, y from -1 (above) to 1; the left half follows."""

    def __init__(self, size: tuple[int, int], paper, rng):
        from PIL import Image, ImageDraw
        (self.w, self.h), self.scale = size, min(size) / 2 * rng.uniform(0.84, 0.96)
        fade = np.linspace(1.0, rng.uniform(0.86, 0.95), self.h)[:, None, None]
        light = np.broadcast_to(np.array(paper) * fade, (self.h, self.w, 3)).astype(np.uint8)
        self.image = Image.fromarray(light)
        self.draw, self.lift = ImageDraw.Draw(self.image), rng.uniform(-0.06, 0.06)

    def at(self, points):
        """Points (x, y) -> pixels."""
        return [(self.w / 2 + x * self.scale, self.h / 2 + (y + self.lift) * self.scale) for x, y in points]

    def shape(self, points, colour):
        self.draw.polygon(self.at(points), fill=tuple(colour))

    def dot(self, x, y, r, colour, tall=1.0):
        self.draw.ellipse([*self.at([(x - r, y - r * tall)])[0], *self.at([(x + r, y + r * tall)])[0]], tuple(colour))

    def line(self, points, width, colour):
        self.draw.line(self.at(points), fill=tuple(colour), width=max(1, round(width * self.scale)), joint="curve")

    def mirrored(self):
        """-> the picture: the right half, and its mirror image on the left, every FINER x FINER pixels made one."""
        from PIL import ImageOps
        right = self.image.crop((self.w // 2, 0, self.w, self.h))
        self.image.paste(ImageOps.mirror(right), (0, 0))
        return self.image.reduce(FINER)


def smooth(points, rounds: int = 3):
    """A closed polygon with its corners cut off, several times (Chaikin 1974)."""
    points = np.array(points, float)
    for _ in range(rounds):
        after = np.roll(points, -1, 0)
        points = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], 1).reshape(-1, 2)
    return points


def shrunk(points, share: float):
    """A shape drawn together towards its middle."""
    middle = points.mean(0)
    return middle + share * (points - middle)


def choose(rng, colours, *others):
    """One of the colours, none of the others."""
    left = [colour for colour in colours if colour not in others]
    return left[rng.integers(len(left))]


def butterfly(pen: Pen, rng) -> None:
    """Two wings a side with a border, a field and spots; a body with feelers."""
    border = choose(rng, (*WINGS, DARK, DARK))
    field = choose(rng, WINGS, border)
    below = field if rng.random() < 0.6 else choose(rng, WINGS, border)
    spot = choose(rng, (DARK, PALE, *WINGS), border, field)
    high, wide, low = rng.uniform(0.62, 0.88), rng.uniform(0.74, 0.95), rng.uniform(0.55, 0.85)
    above = [(0, -0.1), (0.24 * wide, -0.72 * high), (0.8 * wide, -high), (wide, -0.42), (0.55, 0.06), (0, 0.1)]
    wings = (smooth(above),
             smooth([(0, 0), (0.56, 0.0), (0.78 * wide, 0.3), (0.55, low), (0.26, 0.6 * low), (0, 0.28)]))
    for wing, colour in zip(wings[::-1], (below, field), strict=True):
        pen.shape(wing, border)
        pen.shape(shrunk(wing, rng.uniform(0.68, 0.84)), colour)
    for wing in wings[:1 + rng.integers(2)]:
        pen.dot(*(0.55 * wing.mean(0) + 0.45 * wing[np.abs(wing[:, 0]).argmax()]), rng.uniform(0.07, 0.13), spot)
    pen.line([(0.02, -0.3), (0.1, -0.6), (0.2, -0.72)], 0.03, DARK), pen.dot(0.2, -0.72, 0.035, DARK)
    pen.dot(0, 0.05, 0.075, DARK, tall=5.0)


def beetle(pen: Pen, rng) -> None:
    """Three legs a side, a shell with spots or bands, a shield and a head."""
    shell, shield = choose(rng, SHELLS), choose(rng, (*SHELLS, DARK, DARK))
    mark = choose(rng, (DARK, PALE, *SHELLS), shell)
    wide, long = rng.uniform(0.42, 0.62), rng.uniform(0.62, 0.82)
    for y, out in ((-0.2, -0.28), (0.12, 0.1), (0.4, 0.3)):
        pen.line([(0.7 * wide, y), (wide + 0.16, y + 0.5 * out), (wide + 0.26, y + 0.5 * out + 0.22)], 0.055, DARK)
    turn = np.linspace(0, math.pi, 40)
    pen.shape(np.stack([wide * np.sin(turn), 0.12 - long * np.cos(turn)], 1), shell)
    if rng.random() < 0.6:
        for y in np.linspace(-0.22, 0.5, rng.integers(1, 4)):
            pen.dot(rng.uniform(0.45, 0.55) * wide, y, rng.uniform(0.08, 0.13), mark)
    else:
        for y in np.linspace(-0.05, 0.45, rng.integers(1, 3)):
            pen.shape([(0, y), (0.8 * wide, y), (0.8 * wide, y + 0.13), (0, y + 0.13)], mark)
    pen.shape([(0, -0.62), (0.52 * wide, -0.58), (0.74 * wide, -0.34), (0, -0.34)], shield)
    pen.line([(0.08, -0.72), (0.26, -0.92)], 0.045, DARK), pen.dot(0, -0.68, 0.2, DARK)
    pen.line([(0, -0.34), (0, 0.12 + long)], 0.05, DARK)


def leaf(pen: Pen, rng) -> None:
    """An outline by its radius over the angle, with a stalk and veins."""
    colour, lobes = choose(rng, LEAVES), int(rng.choice((0, 0, 3, 5)))
    rim = choose(rng, LEAVES, colour) if rng.random() < 0.5 else tuple(int(0.75 * value) for value in colour)
    turn = np.linspace(0, math.pi, 90)                              # 0: the tip, above
    wide = rng.uniform(0.5, 0.7) if not lobes else rng.uniform(0.75, 0.88)
    radius = 0.86 - (0.86 - wide) * np.sin(turn) ** 2
    radius *= 1 - 0.3 * (1 - np.cos(lobes * turn * 2)) / 2 if lobes else 1 + 0.14 * np.cos(turn) ** 5
    outline = np.stack([radius * np.sin(turn), -radius * np.cos(turn) * 0.92 - 0.05], 1)
    pen.line([(0, 0.5), (0, 0.98)], 0.09, DARK)
    pen.shape(np.concatenate([outline, outline[::-1] * (0, 1)]), rim)
    inner = outline * (0.82, 0.84)
    pen.shape(np.concatenate([inner, inner[::-1] * (0, 1)]), colour)
    vein = tuple(int(0.5 * value + 120) for value in colour) if rng.random() < 0.7 else rim
    for k in range(rng.integers(1, 4)):
        y = 0.42 - 0.27 * k
        pen.line([(0, y), (0.62 * wide, y - 0.3)], 0.05, vein)
    pen.line([(0, 0.8), (0, -0.62)], 0.07, vein)


def drawing(number: int, side: int = 64, seed: int = 0):
    """number -> (name of its kind, Pillow's picture): most are squares of `side`, some are wider, taller or finer."""
    rng = np.random.default_rng([seed, number])
    kind = int(rng.integers(len(KINDS)))
    long = side * (2 if number % 11 == 5 else 1)
    size = ((long * 3 // 2, long), (long, long * 3 // 2))[number % 2] if number % 7 == 3 else (long, long)
    pen = Pen(tuple(FINER * pixels for pixels in size), PAPERS[rng.integers(len(PAPERS))], rng)
    (beetle, butterfly, leaf)[kind](pen, rng)
    return KINDS[kind], pen.mirrored()


def cabinet(count: int, side: int = 64, seed: int = 0) -> Path:
    """Draw `count` pictures into a folder of the cache, unless they are there; -> the folder, a sub-folder a kind.

    Beside them: every hundredth picture once more under another name, and three files that are no use.
    """
    from PIL import Image
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    place = cache_folder() / f"cabinet-{count}-{side}-{seed}-{version}"
    if place.is_dir():
        return place
    draft = place.with_name(f"{place.name}.{os.getpid()}.part")
    for kind in KINDS:
        (draft / kind).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        kind, picture = drawing(number, side, seed)
        if number % 9 == 4:
            picture = picture.quantize(64, dither=Image.Dither.NONE)        # numbers of colours, with a palette
        picture.save(draft / kind / f"{number:05d}.png", compress_level=1)
        if number % 100 == 50:
            shutil.copy(draft / kind / f"{number:05d}.png", draft / kind / f"copy of {number:05d}.png")
    whole = (draft / kind / f"{count - 1:05d}.png").read_bytes()
    (draft / "leaves" / "half.png").write_bytes(whole[:len(whole) // 2])
    (draft / "beetles" / "notes.png").write_text("found under a stone")
    Image.new("RGB", (5, 5), DARK).save(draft / "butterflies" / "icon.png")
    try:
        draft.rename(place)
    except OSError:                                                         # somebody else was faster
        shutil.rmtree(draft)
    return place


def odd_ones(folder: Path, side: int = 64) -> dict[str, Path]:
    """Write seven files as one finds them into `folder`: three good pictures and four odd ones; -> their paths."""
    from PIL import Image
    found = {name: folder / f"{name}.{end}" for name, end in (
        ("square", "png"), ("wide", "png"), ("tall", "png"), ("half", "png"), ("palette", "png"), ("inks", "jpg"),
        ("tiny", "png"))}
    kept = {name: drawing(number, side)[1] for name, number in ODD.items()}
    for name in ("square", "wide", "tall", "half"):
        kept[name].save(found[name])
    kept["palette"].quantize(64, dither=Image.Dither.NONE).save(found["palette"])
    light = np.asarray(kept["inks"]).astype(float)
    most = light.max(2, keepdims=True)                                      # what black takes away, the rest is colour
    inks = np.concatenate([255 * (1 - light / np.maximum(most, 1)), 255 - most], 2)
    Image.fromarray(inks.round().astype(np.uint8), "CMYK").save(found["inks"], quality=95)
    kept["square"].resize((5, 5)).save(found["tiny"])
    whole = found["half"].read_bytes()
    found["half"].write_bytes(whole[:len(whole) // 2])
    return found
