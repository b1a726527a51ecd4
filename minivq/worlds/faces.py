"""The world of faces: portraits drawn from (seed, index), 32 to 256 px, with exact ground truth.

`attributes` draws what a face is, the other functions what it looks like. One light direction
shades everything; what occurs twice in a face (`pairs`) agrees in a real face and is independent in a
chimera. """

import numpy as np

from minivq.worlds.faces_attributes import (
    CLASSES,
    Face,
    Pair,
    Side,
    attributes,
    chance,
    flip,
    label,
    pairs,
    values,
)
from minivq.worlds.faces_canvas import LABELS, PALETTE, Frame, eye_place, mouth_place, nose_place
from minivq.worlds.faces_paint import frames, paint

__all__ = [
    "CLASSES",
    "LABELS",
    "PALETTE",
    "Face",
    "Pair",
    "Side",
    "attributes",
    "chance",
    "depth",
    "edges",
    "flip",
    "keypoints",
    "label",
    "pairs",
    "picture",
    "segmentation",
    "values",
]


def _painted(face: Face, size: int, want: str):
    if not 32 <= size <= 256:
        raise ValueError(f"size {size}: wanted 32 to 256 pixels")
    return paint(face, size, want)


def picture(face: Face, size: int = 64) -> np.ndarray:
    """Face -> (size, size, 3) uint8: the portrait.

    Raises:
        ValueError: size outside 32..256.
    """
    rgb = np.clip(_painted(face, size, "picture").rgb, 0.0, 1.0)
    return np.ascontiguousarray((rgb * 255.0 + 0.5).astype(np.uint8).transpose(1, 2, 0))


def segmentation(face: Face, size: int = 64) -> np.ndarray:
    """Face -> (size, size) uint8: ids in LABELS, of the foremost part that covers at least half of the pixel.

    Raises:
        ValueError: size outside 32..256.
    """
    return _painted(face, size, "segmentation").map


def depth(face: Face, size: int = 64) -> np.ndarray:
    """Face -> (size, size) float32 in [0, 1]: 0 the wall, 1 nearest to the viewer.

    Raises:
        ValueError: size outside 32..256.
    """
    return np.clip(_painted(face, size, "depth").map, 0.0, 1.0)


def edges(face: Face, size: int = 64) -> np.ndarray:
    """Face -> (size, size) float32 in [0, 1]: anti-aliased contours of the labelled parts, 1 on the line.

    Raises:
        ValueError: size outside 32..256.
    """
    return np.clip(_painted(face, size, "edges").map, 0.0, 1.0)


def keypoints(face: Face) -> dict[str, tuple[float, float]]:
    """Face -> points (x right, y down) in [0, 1] of the picture; left and right are the picture's."""
    head, body = frames(face, 32)
    a, b = face.head[:2]
    my, w, lift = mouth_place(face)

    def ends(frame: Frame, name: str, x: float, y: float) -> dict[str, tuple[float, float]]:
        return {f"left {name}": frame.place(-x, y), f"right {name}": frame.place(x, y)}

    ex, ey = eye_place(face, 1)
    return {
        "crown": head.place(0.0, -b),
        **ends(head, "brow", ex, ey - 0.08),
        **ends(head, "eye", ex, ey),
        **ends(head, "ear", a + 0.01, 0.02),
        "nose": head.place(0.0, nose_place(face)),
        **ends(head, "mouth corner", w, my + 0.006 - lift),
        "mouth": head.place(0.0, my + 0.008),
        "chin": head.place(0.0, b),
        **ends(body, "shoulder", 0.36, 0.50),
    }
