"""The landscapes world's tools: hashed lattice noise, the view of a canvas, coverage of shapes.

All lengths are in canvas heights: x runs right from the left border, y runs down from the top.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

MASK = 0xFFFF


def _hash(i):
    h = (i ^ i >> 16) * 0x7FEB352D & 0xFFFFFFFF
    h = (h ^ h >> 15) * 0x846CA68B & 0xFFFFFFFF
    return h ^ h >> 16


# hashes of 0..65535 in [0, 1): a seed reads them from its own place on, faster than hashing each time
VALUES = _hash(np.arange(MASK + 1, dtype=np.int64) * 0x9E3779B1 & 0xFFFFFFFF) * 2.0**-32
SIGNED = np.append(2 * VALUES - 1, 2 * VALUES[0] - 1)


def lattice(i, seed):
    """(...) whole numbers -> (...) float64 in [0, 1): a hash of each number and the seed."""
    return VALUES[(np.asarray(i).astype(np.int64) + _hash(seed * 0x9E3779B1 & 0xFFFFFFFF)) & MASK]


def noise(x, seed, smooth=True):
    """(...) -> (...) in [-1, 1]: value noise on the integers, smooth or with straight pieces."""
    i = np.floor(x)
    f = x - i
    k = (i.astype(np.int64) + _hash(seed * 0x9E3779B1 & 0xFFFFFFFF)) & MASK
    left = SIGNED[k]
    if smooth:
        f = f * f * (3 - 2 * f)
    k += 1
    return (left + f * (SIGNED[k] - left)).astype(x.dtype)


def fractal(x, seed, octaves, pixel, smooth=True, gain=0.5):
    """(...) -> (...) in about [-1, 1]: octaves of noise; those finer than `pixel` (in x) fade out."""
    total, weight, frequency = 0.0, 1.0, 1.0
    for octave in range(octaves):
        fade = min(1.0, max(0.0, 2 - 4 * frequency * pixel))
        if fade == 0:
            break
        total = total + weight * fade * noise(x * frequency + 17.3 * octave, seed + octave, smooth)
        weight, frequency = weight * gain, frequency * 2
    return total


def noise2(x, y, seed):
    """x (rows, columns), y (rows, 1) -> (rows, columns) float32 in [-1, 1]: smooth noise of the plane."""
    ix, iy = np.floor(x), np.floor(y)
    fx, fy = x - ix, y - iy
    x0, y0 = int(ix.min()), int(iy.min())
    nx, ny = int(ix.max()) - x0 + 2, int(iy.max()) - y0 + 2
    cells = np.arange(x0, x0 + nx) + 7919 * np.arange(y0, y0 + ny)[:, None]
    table = (2 * lattice(cells, seed) - 1).astype(np.float32).ravel()
    fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
    k = (ix - x0).astype(np.int32) + (iy - y0).astype(np.int32) * nx
    top = table[k]
    top += fx * (table[k + 1] - top)
    k += nx
    low = table[k]
    low += fx * (table[k + 1] - low)
    return top + fy * (low - top)


def ramp(t, low, high):
    """(...) -> (...): 0 at `low`, 1 at `high`, a smooth step between."""
    t = np.minimum(np.maximum((t - low) * (1 / (high - low)), 0), 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True)
class View:
    """A band of rows of a canvas: pixel centres and, for thin silhouettes, sub-columns.

    Below the waterline `y` runs back up: row y shows row 2 * waterline - y (the mirror's geometry).
    """

    x: np.ndarray  # (columns,) float32
    xs: np.ndarray  # (columns * parts,) float64, the sub-columns in order
    y: np.ndarray  # (rows, 1) float32, mirrored below the waterline
    level: np.ndarray  # (rows, 1) float32, not mirrored
    pixel: float  # size of a pixel
    parts: int  # sub-columns in a pixel

    def rows(self, low, high=9.0, mirrored=True):
        """-> list of slices: the runs of rows whose y lies in [low, high], a pixel around included."""
        y = (self.y if mirrored else self.level)[:, 0]
        inside = (y > low - self.pixel) & (y < high + self.pixel)
        runs = np.flatnonzero(inside)
        if len(runs) == 0:
            return []
        if runs[-1] - runs[0] + 1 == len(runs):
            return [slice(int(runs[0]), int(runs[-1]) + 1)]
        steps = np.flatnonzero(np.diff(np.concatenate(([False], inside, [False])).astype(np.int8)))
        return [slice(int(a), int(b)) for a, b in zip(steps[::2], steps[1::2], strict=True)]

    def columns(self, low, high):
        """-> slice: the columns whose x lies in [low, high], a pixel around included."""
        a, b = np.searchsorted(self.x, [low - self.pixel, high + self.pixel])
        return slice(int(a), int(b))

    def below(self, top, y):
        """top (columns * parts,), y (rows, 1) -> (rows, columns): the part of each pixel under the curve."""
        steep = np.empty_like(top)
        steep[1:-1] = np.abs(top[2:] - top[:-2]) * 0.5
        steep[0], steep[-1] = steep[1], steep[-2]
        scale = 1 / np.maximum(self.pixel, steep)
        shift = 0.5 - top * scale
        scale, shift = scale.astype(np.float32), shift.astype(np.float32)
        total = 0.0
        for part in range(self.parts):
            one = y * scale[part :: self.parts]
            one += shift[part :: self.parts]
            np.maximum(one, 0, out=one)
            total = total + np.minimum(one, 1, out=one)
        return total * np.float32(1 / self.parts)

    def mean(self, values):
        """(columns * parts,) -> (columns,) float32: the mean over each pixel's sub-columns."""
        return values.reshape(-1, self.parts).mean(axis=1, dtype=np.float32)

    def inside(self, distance):
        """(...) distance to a border, positive inside -> (...) coverage."""
        return np.minimum(np.maximum(distance * np.float32(1 / self.pixel) + np.float32(0.5), 0), 1)


class Layer(NamedTuple):
    """What one stroke covers; `colour` is called by the painter alone, with what lies below."""

    label: str
    rows: slice
    columns: slice
    cover: np.ndarray | float  # broadcasts to (rows, columns), in [0, 1]
    depth: np.ndarray | float  # broadcasts to (rows, columns), 0 far, 1 near
    colour: Callable[[np.ndarray], np.ndarray]


EVERY = slice(None)


def rgb(colour):
    """3 numbers -> (3, 1, 1) float32."""
    return np.asarray(colour, np.float32)[:, None, None]


def blend(a, b, t):
    """Colour or picture from a (t = 0) to b (t = 1)."""
    return a + (b - a) * t
