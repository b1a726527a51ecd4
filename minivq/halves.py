"""What a landscape shows twice: left and right the hour, the light's side, the horizon; below water what is above it.

A real scene has one hour, one light and a level horizon. Two scenes of which each gives one half are a chimera.
Floor 1.
"""
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from minivq import drawing
from minivq.datasets import Pictures, from_uint8

HORIZONS = (0.48, 0.525, 0.57, 0.615, 0.66)     # the world's horizons lie between the first and the last; 3 px apart
BLEND = 4                                       # px over which one half of a chimera turns into the other
MIRRORED = 8                                    # px below the waterline that are compared with those above it
SCENES = 5000                                   # from which the world's probabilities are counted


class Pair(NamedTuple):
    """One doubled attribute: ids of the left and of the right half, and whether each can be seen."""

    left: int
    right: int
    left_visible: bool = True
    right_visible: bool = True


def values(name: str) -> tuple[str, ...]:
    """The names of the ids of "hour", "light" or "horizon", in their order."""
    from minivq.worlds.landscapes_palettes import TIMES
    return {"hour": TIMES, "light": ("left", "right"),
            "horizon": tuple(f"{low:.3f} to {high:.3f}" for low, high in pairwise(HORIZONS))}[name]


def pairs(scene) -> dict[str, Pair]:
    """Scene -> its doubled attributes by name. Under an overcast sky no side is the light's."""
    level = int(np.searchsorted(HORIZONS[1:-1], scene.horizon, side="right"))
    overcast = values("hour")[scene.time] == "overcast"
    light = int(scene.light > 0)
    return {"hour": Pair(scene.time, scene.time), "light": Pair(light, light, not overcast, not overcast),
            "horizon": Pair(level, level)}


@cache
def chance(name: str) -> float:
    """How often a pair that counts agrees when both halves are of other scenes, by the shares of SCENES scenes.

    A pair counts if either half shows it; it agrees if both show the same.
    """
    met = [pairs(drawing.thing("landscapes", i))[name] for i in range(SCENES)]
    share = np.bincount([pair.left_visible * (pair.left + 1) for pair in met], minlength=len(values(name)) + 1) / SCENES
    return float((share[1:]**2).sum() / (1 - share[0]**2))


class Chimeras(Pictures):
    """Pictures whose right half is that of the next one: `batch` blends them over a few pixels, `levels` does not."""

    def __init__(self, pictures: Pictures):
        self.__dict__ |= vars(pictures)

    def next(self, indices) -> np.ndarray:
        """The rows of which the right halves are."""
        return (np.asarray(indices, dtype=np.int64) + 1) % len(self)

    def batch(self, indices, generator: torch.Generator | None = None) -> Tensor:
        """-> (B, C, H, W) float32 in [-1, 1]."""
        left, right = (from_uint8(super(Chimeras, self).levels(rows, generator)) for rows in
                       (indices, self.next(indices)))
        x = torch.arange(left.shape[-1]) + 0.5 - left.shape[-1] / 2
        return torch.lerp(left, right, (x / BLEND + 0.5).clamp(0, 1))

    def levels(self, indices, generator: torch.Generator | None = None) -> np.ndarray:
        """-> (B, H, W, C) uint8."""
        left, right = (super(Chimeras, self).levels(rows, generator) for rows in (indices, self.next(indices)))
        return np.concatenate([left[:, :, :left.shape[2] // 2], right[:, :, left.shape[2] // 2:]], 2)


def mirror(x: Tensor, maps: Tensor) -> Tensor:
    """Pictures (N, C, H, W), labels (N, H, W) -> (N,): how far water shows what stands above it; NaN without water.

    The correlation, from -1 to 1, of the rows below the waterline with those above it, turned over, over the columns
    that are water there; what all columns share is taken off first. NaN, too, where fewer than 16 columns are left.
    """
    wet = maps == drawing.world("landscapes").LABELS.index("water")                 # (N, H, W)
    found = torch.full((len(x),), float("nan"))
    for i, (picture, water) in enumerate(zip(x, wet, strict=True)):
        lines = water.float().argmax(0)[water.any(0)]                               # of each column its first wet row
        line = int(lines.mode().values) if len(lines) else 0                        # the picture's: the most frequent
        reach = min(MIRRORED, line, len(water) - line)
        columns = water[line:line + reach].all(0)
        if reach < MIRRORED // 2 or columns.sum() < 16:
            continue
        above, below = (part[..., columns] - part[..., columns].mean(-1, keepdim=True) for part in
                        (picture[:, line - reach:line].flip(1), picture[:, line:line + reach]))
        found[i] = (above * below).sum() / (above.square().sum() * below.square().sum()).sqrt().clamp_min(1e-9)
    return found
