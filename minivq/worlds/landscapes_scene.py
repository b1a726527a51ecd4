"""The landscapes world's scenes: everything about a picture that is drawn from the generator."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from minivq.worlds.landscapes_palettes import NAMES, PALETTES, TIMES, colours

CLASSES = tuple(f"{time}, {place}" for time in TIMES for place in ("water", "land"))


@dataclass(frozen=True)
class Ridge:
    """A row of mountains ("alpine"), of hills ("rolling") or of conifers on a hill ("forest")."""

    kind: str
    seed: int
    base: float  # y of its foot
    height: float
    width: float  # distance of two peaks, or of two hills
    far: float  # 0 near, 1 as far as the haze lets one see
    snow: float  # y below which (downwards) there is no snow; -1 where there is none
    size: float  # height of its trees


@dataclass(frozen=True)
class CloudRow:
    """A row of clouds at one height: cells of `width`, a part `share` of them filled."""

    seed: int
    y: float
    height: float
    width: float
    share: float


@dataclass(frozen=True)
class Ground:
    """A piece of the near ground: everything below its border."""

    kind: str  # shore | meadow
    seed: int
    y: float
    swing: float  # how far its border swings up and down
    tone: float  # 0 to 1 between the two colours
    flowers: float  # share of places with a flower
    grass: float  # height of its tufts


@dataclass(frozen=True)
class Thing:
    """Something that stands in the picture: a tree, rock, boat or house, by its foot and height."""

    kind: str  # conifer | broadleaf | rock | boat | house
    seed: int
    x: float
    y: float
    size: float

    @property
    def place(self):
        """Where it stands: on the water, on the meadow behind the nearest band, or near."""
        return {"boat": "water", "house": "meadow"}.get(self.kind, "near")


@dataclass(frozen=True)
class Scene:
    """A landscape. Lengths in canvas heights: x from the left border, y down from the top."""

    index: int
    seed: int
    time: int  # place in TIMES
    place: str  # lake | sea | land
    palette: tuple[tuple[float, float, float], ...]  # colours by NAMES, in [0, 1]
    sun: tuple[float, float]  # sun or moon
    sun_radius: float  # 0: behind the clouds
    crescent: float  # 0 full disc, else how far the shadow has moved, in radii
    light: int  # -1: light comes from the left, 1: from the right
    horizon: float  # y of the level line where water or meadow begins
    clouds: tuple[CloudRow, ...]
    ridges: tuple[Ridge, ...]  # far to near
    grounds: tuple[Ground, ...]  # far to near
    things: tuple[Thing, ...]  # far to near
    grove: float  # share of places in the foreground with a tree
    grove_kind: str
    ripple: float  # how far the water's ripples shift the mirror, in canvas heights

    @property
    def water(self):
        """Whether there is water below the horizon."""
        return self.place != "land"

    @cached_property
    def _colours(self):
        arrays = np.asarray(self.palette, np.float32)[:, :, None, None]
        return dict(zip(NAMES, arrays, strict=True))

    def colour(self, name):
        """-> (3, 1, 1) float32: a colour of the palette by its name."""
        return self._colours[name]


def scene(index, seed=0):
    """-> Scene: the landscape of this index and seed; the same always.

    Raises: ValueError if index or seed is negative.
    """
    if index < 0 or seed < 0:
        raise ValueError(f"index and seed must be >= 0, got index {index}, seed {seed}")
    generator = np.random.default_rng([seed, index])
    stream = iter(generator.random(400).tolist())

    def draw(low=0.0, high=1.0):
        return low + (high - low) * next(stream)

    def pick(weights):
        u = draw() * sum(weights)
        for choice, weight in enumerate(weights):
            u -= weight
            if u < 0:
                return choice
        return len(weights) - 1

    def hashed():
        return int(draw() * 2**31)

    time = pick((16, 24, 19, 17, 14, 10))
    place = ("lake", "sea", "land")[pick((46, 16, 38))]
    choices = [colours(text) for text in PALETTES[TIMES[time]]]
    first, second, mix = choices[pick([1] * len(choices))], choices[pick([1] * len(choices))], draw(0, 0.5)
    tint = [draw(0.95, 1.05) for _ in range(3)]
    palette = tuple(
        tuple(min(1.0, (p + mix * (q - p)) * t) for p, q, t in zip(one, two, tint, strict=True))
        for one, two in zip(first, second, strict=True)
    )
    light = 1 if draw() < 0.5 else -1
    horizon = draw(0.5, 0.66) if place != "land" else draw(0.48, 0.62)
    height = {0: (0.55, 0.85), 1: (0.15, 0.5), 2: (0.45, 0.8), 3: (0.65, 0.92), 4: (0.15, 0.5), 5: (0.3, 0.5)}
    sun = (0.5 + light * draw(0.12, 0.4), horizon * draw(*height[time]))
    radius = draw(0.035, 0.06) * (0.8, 0.8, 1.0, 1.25, 0.85, 0.0)[time]
    crescent = draw(0.35, 0.6) if draw() < 0.4 and time == 4 else 0.0

    rows = pick((2, 3, 4, 2)) if time != 5 else 4
    clouds = []
    for row in range(rows):
        if time == 5:
            clouds.append(
                CloudRow(hashed(), draw(0.06, 0.1) + 0.085 * (3 - row), draw(0.06, 0.09), draw(0.5, 0.8), 1.0)
            )
        else:
            flat = draw() < (0.7, 0.25, 0.55, 0.7, 0.8, 0)[time]
            tall = draw(0.018, 0.03) if flat else draw(0.06, 0.12)
            y = horizon * (draw(0.2, 0.36) + draw(0.2, 0.24) * row)
            clouds.append(
                CloudRow(hashed(), y, tall, draw(0.45, 0.8) if flat else draw(0.4, 0.65), draw(0.4, 0.8))
            )

    ridges = []
    ranges = pick((0, 3, 4, 3)) if place != "sea" else pick((3, 3, 2))
    alpine = draw() < 0.68
    top = draw(0.26, 0.44)  # height of the highest range
    snowy = draw() < 0.75
    for k in range(ranges):
        far = 1 - (k + 0.35) / (ranges + 0.35)
        high = top * (1 - 0.62 * k / max(1, ranges)) * draw(0.85, 1.1)
        kind = "alpine" if alpine and draw() < 0.9 - 0.25 * k else "rolling"
        if kind == "rolling":
            high *= 0.7
        snow = horizon - high * draw(0.36, 0.62) if kind == "alpine" and snowy and k < 2 else -1.0
        ridges.append(
            Ridge(kind, hashed(), horizon + 0.01, high, high * draw(1.3, 2.0) + 0.12, far, snow, 0.0)
        )
    woods = pick((1, 3, 3)) if place != "sea" else pick((4, 2, 1))
    for k in range(woods):
        size = draw(0.03, 0.05) + 0.014 * k
        high = draw(0.05, 0.15) if k == 0 else draw(0.02, 0.06)
        far = 0.3 - 0.22 * k
        ridges.append(Ridge("forest", hashed(), horizon + 0.004, high, draw(0.5, 1.1), far, -1.0, size))

    grounds, things = [], []
    if place == "land":
        bands = 3 + pick((1, 2, 1))
        for k in range(bands):
            y = horizon + (1 - horizon) * (k / bands) * (0.75 + 0.25 * k / bands) + 0.012 * (k > 0)
            bloom = draw(0.05, 0.4) if draw() < 0.5 and k > 0 else 0.0
            grass = (0.006 + 0.03 * k / bands) * draw(0.5, 1)
            grounds.append(Ground("meadow", hashed(), y, 0.012 + 0.045 * k / bands, draw(), bloom, grass))
    elif draw() < 0.86:
        y = draw(0.8, 0.93)
        sandy = draw() < 0.75
        if sandy:
            grounds.append(Ground("shore", hashed(), y, draw(0.04, 0.1), draw(), 0.0, 0.0))
        if not sandy or draw() < 0.75:
            for _ in range(1 + pick((2, 1))):
                bloom = draw(0.05, 0.4) if draw() < 0.5 else 0.0
                y += draw(0.035, 0.06)
                grounds.append(
                    Ground("meadow", hashed(), y, draw(0.04, 0.08), draw(), bloom, draw(0.012, 0.03))
                )

    if place != "land" and draw() < (0.5 if place == "sea" else 0.22):
        things.append(Thing("boat", hashed(), draw(0.15, 0.85), horizon + draw(0.03, 0.12), draw(0.07, 0.13)))
    if place == "land" and draw() < 0.4:
        things.append(Thing("house", hashed(), draw(0.15, 0.85), horizon + draw(0.03, 0.1), draw(0.05, 0.08)))
    near = grounds[-1].y if grounds else 1.0
    for _ in range(pick((3, 2, 2, 1)) if grounds else 0):
        things.append(Thing("rock", hashed(), draw(0, 1), draw(near + 0.04, 1.02), draw(0.03, 0.07)))
    grove = draw(0.25, 0.6) if grounds and draw() < 0.55 else 0.0
    grove_kind = "conifer" if draw() < 0.7 else "broadleaf"
    return Scene(
        index, seed, time, place, palette, sun, radius,
        crescent, light, horizon, tuple(clouds), tuple(ridges), tuple(grounds),
        tuple(things), grove, grove_kind,
        draw(0.004, 0.009),
    )  # fmt: skip
