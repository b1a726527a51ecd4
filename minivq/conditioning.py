"""What a prior can be told, as a prefix of ids: maps by the codes of their own first stage, points and boxes by places.

Every kind begins with an id of its own, so that one prior can learn them all. Floor 2.
"""
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from minivq.autoencoder import VQVAE
from minivq.datasets import one_hot

KINDS = ("segmentation", "depth", "edges", "low", "keypoints", "boxes")
SMALLER = 4                         # "low": a picture of a quarter of the side


def smaller(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, H/4, W/4): each the mean of 4 x 4 pixels."""
    return F.avg_pool2d(x, SMALLER)


def boxes_of(maps: Tensor, labels: int) -> Tensor:
    """Label maps (B, H, W) -> (B, labels, 4): left, top, right, bottom in [0, 1] around each, NaN if absent."""
    B, H, W = maps.shape
    found = torch.full((B, labels, 4), float("nan"))
    for label in range(labels):
        here = maps == label                                                        # (B, H, W)
        for axis, (low, side) in enumerate(((here.any(1), W), (here.any(2), H))):
            shown = low.any(1)
            found[shown, label, axis] = low[shown].float().argmax(1) / side
            found[shown, label, 2 + axis] = 1 - low[shown].flip(1).float().argmax(1) / side
    return found


@dataclass(frozen=True)
class Vocabulary:
    """Which ids say what: a kind, a code of label maps, a code of pictures, a place along a side, "not there"."""

    map_codes: int
    codes: int
    levels: int = 64                # places along a side that are told apart

    @property
    def size(self) -> int:
        """How many ids there are."""
        return len(KINDS) + self.map_codes + self.codes + self.levels + 1

    def first(self, what: str) -> int:
        """The first id of "kind", "map", "code", "place" or "absent"."""
        sizes = {"kind": len(KINDS), "map": self.map_codes, "code": self.codes, "place": self.levels, "absent": 1}
        names = list(sizes)
        return sum(sizes[name] for name in names[:names.index(what)])

    def places(self, values: Tensor) -> Tensor:
        """Numbers in [0, 1], NaN for what is not there -> ids; outside the picture, the nearest place inside."""
        ids = (values.nan_to_num(0.0) * self.levels).long().clamp(0, self.levels - 1) + self.first("place")
        return torch.where(values.isnan(), self.first("absent"), ids)

    def values(self, ids: Tensor) -> Tensor:
        """The middles of the places that these ids name, NaN for "not there": the inverse of `places`."""
        values = (ids - self.first("place") + 0.5) / self.levels
        return torch.where(ids == self.first("absent"), float("nan"), values)


class Conditions:
    """Ground truth -> prefixes (B, c) int64, and prefixes -> pictures to look at.

    first_stage: of pictures; maps: of label maps, with as many channels as `palette` has colours.
    """

    def __init__(self, first_stage: VQVAE, maps: VQVAE, palette):
        self.first_stage, self.maps = first_stage, maps
        self.colours = [[int(v) for v in colour] for colour in palette]
        self.palette = torch.tensor(np.array(palette), dtype=torch.float32) / 127.5 - 1     # (labels, 3) in [-1, 1]
        self.vocabulary = Vocabulary(maps.config.K, first_stage.config.K)

    @torch.no_grad()
    def prefix(self, kind: str, truth: Tensor) -> Tensor:
        """What is known of B pictures -> (B, c): the kind's id, then what is told.

        segmentation: (B, H, W) ids. depth, edges: (B, 1, H, W) in [0, 1]. low: (B, 3, H/4, W/4) in [-1, 1]. keypoints:
        (B, P, 2), boxes: (B, labels, 4), both in [0, 1]. Raises ValueError for another kind.
        """
        words = self.vocabulary
        if kind == "segmentation":
            told = self.map_tokens(truth).flatten(1) + words.first("map")
        elif kind in ("depth", "edges", "low"):
            told = self.first_stage.encode(self.as_picture(kind, truth)).flatten(1) + words.first("code")
        elif kind in ("keypoints", "boxes"):
            told = words.places(truth.flatten(1))
        else:
            raise ValueError(f"a condition {kind!r}: wanted one of {', '.join(KINDS)}")
        return torch.cat([told.new_full((len(told), 1), KINDS.index(kind)), told], 1)

    @torch.no_grad()
    def map_tokens(self, maps: Tensor) -> Tensor:
        """Label maps (B, H, W) int -> (B, h, w): the codes of their own first stage."""
        return self.maps.encode(one_hot(maps, len(self.palette)))

    @staticmethod
    def as_picture(kind: str, truth: Tensor) -> Tensor:
        """Depth, edges or a small picture -> (B, 3, H, W) in [-1, 1], as the first stage takes it."""
        if kind == "low":
            return F.interpolate(truth, scale_factor=SMALLER, mode="bicubic", align_corners=False).clamp(-1, 1)
        return (2 * truth - 1).expand(-1, 3, -1, -1)

    @torch.no_grad()
    def picture(self, prefix: Tensor, size: int) -> Tensor:
        """Prefixes (B, c) of one kind -> (B, 3, size, size) in [-1, 1]: what the prior is told, to look at."""
        kind, told, words = KINDS[int(prefix[0, 0])], prefix[:, 1:], self.vocabulary
        if kind == "segmentation":
            grid = (size // self.maps.config.factor,) * 2
            maps = self.maps.decode((told - words.first("map")).unflatten(1, grid)).argmax(1)
            return self.palette[maps].movedim(-1, 1)
        if kind in ("depth", "edges", "low"):
            grid = (size // self.first_stage.config.factor,) * 2
            return self.first_stage.decode((told - words.first("code")).unflatten(1, grid)).clamp(-1, 1)
        if kind == "keypoints":
            return torch.stack([points(row, size) for row in words.values(told)])
        return torch.stack([frames(row, size, self.palette) for row in words.values(told)])


def points(values: Tensor, size: int) -> Tensor:
    """(2 P,) in [0, 1] -> (3, size, size): a light square of 3 px at each point, on dark ground."""
    picture = torch.full((3, size, size), -0.8)
    for x, y in (values.reshape(-1, 2) * size).long().tolist():
        picture[:, max(0, y - 1):y + 2, max(0, x - 1):x + 2] = 0.9
    return picture


def frames(values: Tensor, size: int, palette: Tensor) -> Tensor:
    """(4 L,) in [0, 1] -> (3, size, size): the outline of each box in the colour of its label, on dark ground."""
    picture = torch.full((3, size, size), -0.8)
    for colour, box in zip(palette, values.reshape(-1, 4), strict=True):
        if not box.isnan().any():
            left, top, right, bottom = (box * size).long().clamp(0, size - 1).tolist()
            for rows, columns in (((top, top), (left, right)), ((bottom, bottom), (left, right)),
                                  ((top, bottom), (left, left)), ((top, bottom), (right, right))):
                picture[:, rows[0]:rows[1] + 1, columns[0]:columns[1] + 1] = colour[:, None, None]
    return picture


def labels_of(picture: np.ndarray, palette, names: tuple[str, ...]) -> Tensor:
    """A painted label map (H, W, 3) uint8 in the colours of `palette` -> (1, H, W) ids.

    Raises ValueError for colours that are none of them: the first ones, with where they stand.
    """
    colours = np.array(palette, np.int64)
    apart = np.abs(picture[..., None, :3].astype(np.int64) - colours).sum(-1)       # (H, W, labels)
    wrong = np.argwhere(apart.min(-1) > 0)
    if len(wrong):
        met = [f"{tuple(int(v) for v in picture[y, x, :3])} at column {x}, row {y}" for y, x in wrong[:3]]
        known = ", ".join(f"{name} {tuple(colour)}" for name, colour in zip(names, palette, strict=True))
        raise ValueError(f"{len(wrong)} pixels have colours that name no label, first {'; '.join(met)}: wanted {known}")
    return torch.from_numpy(apart.argmin(-1))[None]
