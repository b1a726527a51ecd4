"""Painted landscapes drawn by code from (seed, index), of any size, with exact ground truth.

Coordinates are in canvas heights: x runs right from the left border, y runs down from the top, so that
pixel (row i, column j) of a canvas of height H is centred at ((j + 0.5) / H, (i + 0.5) / H). A wider canvas
shows the same picture and more of the scene to the right of it; a larger one shows the scene in finer detail.

What always holds (coherence): the waterline is level, at scene.horizon; before ripples and tint, row y below
it shows row 2 * horizon - y above it; one light (scene.light) tells the lit side of every slope, and the sun,
its glow and its glitter on the water stand on that side.
"""

import numpy as np

from minivq.worlds import landscapes_far, landscapes_near
from minivq.worlds.landscapes_scene import CLASSES, Scene, scene
from minivq.worlds.landscapes_shapes import View

__all__ = [
    "CLASSES",
    "LABELS",
    "PALETTE",
    "Scene",
    "depth",
    "edges",
    "label",
    "picture",
    "scene",
    "segmentation",
]

LABELS = (
    "sky",
    "cloud",
    "sun",
    "far mountain",
    "mountain",
    "snow",
    "forest",
    "meadow",
    "shore",
    "water",
    "tree",
    "object",
)
PALETTE = (
    (158, 201, 232), (236, 240, 245), (255, 221, 87), (150, 150, 185), (96, 96, 130), (255, 255, 255),
    (32, 84, 61), (132, 187, 76), (233, 210, 150), (42, 120, 184), (18, 52, 34), (176, 72, 56),
)  # fmt: skip
BAND = 1 << 17  # pixels drawn at once: the arrays of one band stay within a few megabytes


def picture(scene, width=64, height=64):
    """-> (height, width, 3) uint8: the painted landscape.

    Raises: ValueError if width or height is outside 32..8192.
    """
    out = np.empty((height, width, 3), np.uint8) if _checked(width, height) else None
    for rows, crop, view in _bands(scene, width, height):
        canvas = np.empty((3, len(view.y), len(view.x)), np.float32)
        for layer in _layers(scene, view):
            part = canvas[:, layer.rows, layer.columns]
            colour = layer.colour(canvas)
            if isinstance(layer.cover, float):
                part[...] = colour
            else:
                part += layer.cover * (colour - part)
        part = np.clip(canvas[:, :, crop], 0, 1) * np.float32(255) + np.float32(0.5)
        out[rows] = part.astype(np.uint8).transpose(1, 2, 0)
    return out


def segmentation(scene, width=64, height=64):
    """-> (height, width) uint8: the place in LABELS of what covers most of each pixel. Nothing is painted.

    Raises: ValueError as picture does.
    """
    return _truth(scene, width, height, np.uint8, lambda part, layer: LABELS.index(layer.label))


def depth(scene, width=64, height=64):
    """-> (height, width) float32 in [0, 1]: 0 the sky, 1 at the viewer's feet; each slope has one depth.

    Raises: ValueError as picture does.
    """
    return _truth(scene, width, height, np.float32, lambda part, layer: layer.depth)


def edges(scene, width=64, height=64):
    """-> (height, width) float32 in [0, 1]: about 1 on the outline of everything that is seen, a pixel wide.

    Raises: ValueError as picture does.
    """
    _checked(width, height)
    out = np.zeros((height, width), np.float32)
    for rows, crop, view in _bands(scene, width, height):
        canvas = np.zeros((len(view.y), len(view.x)), np.float32)
        for layer in _layers(scene, view):
            if layer.label in ("sky", "cloud"):
                continue
            part = canvas[layer.rows, layer.columns]
            part[...] = np.maximum(part * (1 - layer.cover), 4 * layer.cover * (1 - layer.cover))
        out[rows] = canvas[:, crop]
    return out


def label(scene):
    """-> int: place in CLASSES, the hour of the day and whether there is water."""
    return 2 * scene.time + (0 if scene.water else 1)


def _layers(scene, view):
    yield from landscapes_far.layers(scene, view)
    yield from landscapes_near.layers(scene, view)


def _truth(scene, width, height, kind, value):
    _checked(width, height)
    out = np.empty((height, width), kind)
    for rows, crop, view in _bands(scene, width, height):
        canvas = np.zeros((len(view.y), len(view.x)), kind)
        for layer in _layers(scene, view):
            part = canvas[layer.rows, layer.columns]
            part[...] = np.where(layer.cover > 0.5, value(part, layer), part)
        out[rows] = canvas[:, crop]
    return out


def _checked(width, height):
    for name, value in (("width", width), ("height", height)):
        if not 32 <= value <= 8192:
            raise ValueError(f"{name} must be in 32..8192, got {value}")
    return True


def _bands(scene, width, height):
    """-> iterator of (rows of the canvas, columns to keep, View); ripples need a margin at the borders."""
    pixel = 1 / height
    margin = 2 + int(scene.ripple * height)
    parts = 3 if height <= 384 else 2
    columns = np.arange(-margin, width + margin)
    x = ((columns + 0.5) * pixel).astype(np.float32)
    sub = np.arange(-margin * parts, (width + margin) * parts)
    xs = (sub + 0.5) * (pixel / parts)
    step = max(8, BAND // len(x))
    for first in range(0, height, step):
        rows = slice(first, min(first + step, height))
        level = ((np.arange(rows.start, rows.stop) + 0.5) * pixel).astype(np.float32)[:, None]
        edge = np.float32(scene.horizon)
        y = edge - np.abs(edge - level) if scene.water else level
        yield rows, slice(margin, margin + width), View(x, xs, y, level, pixel, parts)
