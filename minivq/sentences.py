"""Pictures as sentences of codes, what is told of each, and what predicts them without a network. Floor 3."""
import hashlib
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from minivq import cache, datasets, drawing
from minivq.autoencoder import VQVAE
from minivq.conditioning import KINDS, Conditions, boxes_of, smaller
from minivq.datasets import Pictures
from minivq.windows import coordinates

BATCH = 16      # pictures of 64 px encoded at once, few enough for a CPU's cache: 680 a second, with 64 450; a GPU: 256


@dataclass(frozen=True)
class Sentences:
    """Pictures as tokens (N, h, w) int16, mirrored ones behind the others; what is told of each, or None.

    conds: prefixes (N, c) int64, or several kinds of them by name, of which a batch gets one, each in its turn.
    """

    tokens: Tensor
    conds: Tensor | dict[str, Tensor] | None

    def batch(self, indices: Tensor, number: int = 0) -> tuple[Tensor, Tensor | None]:
        """(B,), number of the batch -> tokens (B, h · w) int64, conditions (B, c) or None."""
        conds = self.conds
        if isinstance(conds, dict):
            conds = list(conds.values())[number % len(conds)]
        return self.tokens[indices].flatten(1).long(), None if conds is None else conds[indices].long()

    @property
    def words(self) -> int:
        """Tokens of a sentence."""
        return self.tokens[0].numel()

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class Windows:
    """Pictures as maps of tokens (N, h, w) int16, of which each batch sees n x n somewhere, and is told of them.

    maps: label maps as tokens (N, h, w): the window's own part of them is told. places: its corner is told.
    """

    tokens: Tensor
    window: int
    maps: Tensor | None = None
    places: bool = False

    def batch(self, indices: Tensor, number: int = 0) -> tuple[Tensor, Tensor | None]:
        """(B,), number of the batch -> tokens (B, n²) int64, conditions (B, c) or None; the number sets the corners."""
        (h, w), n = self.tokens.shape[1:], self.window
        generator = torch.Generator().manual_seed(number)
        rows, columns = (torch.randint(side - n + 1, (len(indices),), generator=generator) for side in (h, w))
        inside = (indices[:, None, None], rows[:, None, None] + torch.arange(n)[:, None],
                  columns[:, None, None] + torch.arange(n))
        cond = None
        if self.maps is not None:
            cond = self.maps[inside].flatten(1).long()
        elif self.places:
            cond = coordinates(rows, columns, (h, w), n)
        return self.tokens[inside].flatten(1).long(), cond

    @property
    def words(self) -> int:
        """Tokens of a window."""
        return self.window**2

    def __len__(self) -> int:
        return len(self.tokens)


def together(device: torch.device) -> int:
    """How many pictures of 64 px are encoded at once."""
    return 256 if device.type == "cuda" else BATCH


@torch.no_grad()
def encoded(first_stage: VQVAE, pictures: Pictures, mirror: bool, classes: bool) -> Sentences:
    """All pictures of a set by the codes of an exported first stage, made once and kept in the cache.

    mirror: each picture mirrored, too; classes: the labels as conditions. Raises ValueError where there are none.
    """
    if classes and pictures.labels is None:
        raise ValueError(f"{pictures.name} has no classes: wanted a set with classes, or a prior without them")
    key = hashlib.sha256()
    for value in (*(v.detach().cpu().numpy() for v in first_stage.state_dict().values()),
                  np.asarray(pictures.source).astype(str)):
        key.update(np.ascontiguousarray(value).tobytes())
    H, W = pictures.batch([0]).shape[2:]
    size = pictures.size if H == W else (H, W)
    key.update(repr((pictures.name, size, pictures.split, len(pictures), mirror, pictures.version)).encode())
    path = cache.cache_folder() / f"codes-{key.hexdigest()[:20]}.npy"
    if not path.is_file():
        made, device = [], next(first_stage.parameters()).device
        for flip in (False, True)[:1 + mirror]:
            at_once = max(1, together(device) * 64 * 64 // (H * W))
            for rows in tqdm(torch.arange(len(pictures)).split(at_once), unit="batch", leave=False, desc="codes"):
                x = pictures.batch(rows).to(device, memory_format=torch.channels_last)
                made.append(first_stage.encode(x.flip(3) if flip else x).to("cpu", torch.int16))
        with cache.replaced(path) as file:
            np.save(file, torch.cat(made).numpy())
    labels = pictures.labels[:, None].repeat(1 + mirror, 1) if classes else None
    return Sentences(torch.from_numpy(np.load(path)), labels)


@torch.no_grad()
def told(conditions: Conditions, pictures: Pictures, mirror: bool) -> dict[str, Tensor]:
    """Pictures of a world -> what can be told of each, by kind, as prefixes (N, c) int16; landscapes have no points.

    mirror: behind them, of each picture mirrored, too. Made once and kept in the cache.
    """
    place, count = drawing.world(pictures.name), len(pictures)
    kinds = [kind for kind in KINDS if kind != "keypoints" or hasattr(place, "keypoints")]
    key = hashlib.sha256(repr((pictures.name, pictures.size, pictures.split, count, kinds, mirror)).encode())
    for net in (conditions.first_stage, conditions.maps):
        for value in net.state_dict().values():
            key.update(value.cpu().numpy().tobytes())
    path = cache.cache_folder() / f"told-{key.hexdigest()[:20]}.npz"
    if not path.is_file():
        truths = {kind: datasets.truth(pictures.name, kind, pictures.size, pictures.split, count)
                  for kind in ("segmentation", "depth", "edges")}
        made, device = {kind: [] for kind in kinds}, next(conditions.maps.parameters()).device
        for flip in (False, True)[:1 + mirror]:
            for rows in tqdm(torch.arange(count).split(together(device)), unit="batch", leave=False,
                             desc="conditions"):
                known = ground_truth(pictures, truths, rows, len(place.LABELS), flip)
                for kind in kinds:
                    made[kind].append(conditions.prefix(kind, known[kind].to(device)).to("cpu", torch.int16))
        with cache.replaced(path) as file:
            np.savez(file, **{kind: torch.cat(parts).numpy() for kind, parts in made.items()})
    with np.load(path) as file:
        return {kind: torch.from_numpy(file[kind]) for kind in file.files}


def ground_truth(pictures: Pictures, truths: dict[str, Pictures], rows: Tensor, labels: int,
                 flip: bool = False) -> dict[str, Tensor]:
    """What a world knows of the pictures at these rows, by kind, in the form that `Conditions.prefix` wants.

    flip: of the same pictures mirrored.
    """
    maps, depth, edges = (torch.from_numpy(np.ascontiguousarray(truths[kind].levels(rows)[..., 0]))
                          for kind in ("segmentation", "depth", "edges"))
    x = pictures.batch(rows)
    if flip:
        maps, depth, edges, x = (part.flip(-1) for part in (maps, depth, edges, x))
    found = {"segmentation": maps, "depth": depth[:, None] / 255, "edges": edges[:, None] / 255,
             "low": smaller(x), "boxes": boxes_of(maps, labels)}
    place = drawing.world(pictures.name)
    if hasattr(place, "keypoints"):
        things = [place.keypoints(drawing.thing(pictures.name, int(pictures.source[row]))) for row in rows]
        if flip:
            things = [mirrored(points) for points in things]
        found["keypoints"] = torch.tensor([list(points.values()) for points in things])
    return found


def mirrored(points: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Points by name, (x, y) in [0, 1] -> those of the mirrored picture, in the same order of names."""
    other = {"left": "right", "right": "left"}
    names = {" ".join(other.get(word, word) for word in name.split()): name for name in points}
    return {name: (1 - points[names[name]][0], points[names[name]][1]) for name in points}


def simple_models(train: Sentences, validation: Sentences, K: int) -> dict[str, float]:
    """What needs no network, in nats per token of `validation`: all codes alike, each by its share, by the one before.

    Shares are counted in `train`; a pair that is rare there is mixed with the share of its second code, which weighs
    as much as 20 pairs.
    """
    tokens, held = (data.tokens.flatten(1).long() for data in (train, validation))
    share = (torch.bincount(tokens.flatten(), minlength=K) + 1.0) / (tokens.numel() + K)
    pairs = torch.bincount((tokens[:, :-1] * K + tokens[:, 1:]).flatten(), minlength=K * K).reshape(K, K).double()
    mixed_pairs = (pairs + 20 * share) / (pairs.sum(1, keepdim=True) + 20)
    first = (torch.bincount(tokens[:, 0], minlength=K) + 20 * share) / (len(tokens) + 20)
    bigram = first[held[:, 0]].log().sum() + mixed_pairs[held[:, :-1], held[:, 1:]].log().sum()
    return {"uniform": math.log(K), "unigram": -share[held].log().mean().item(),
            "bigram": -bigram.item() / held.numel()}
