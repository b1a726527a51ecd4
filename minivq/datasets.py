"""Pictures by name: the drawn worlds, torchvision's sets, any folder. Floor 1.

Whatever the source, pictures are drawn or decoded once, kept as uint8 under data/cache and memory-mapped.
"""
import hashlib
import math
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from minivq import cache, drawing, folders
from minivq.drawing import TRUTHS, WORLDS
from minivq.folders import SPLITS

TORCHVISION = ("FashionMNIST", "MNIST", "CIFAR10", "CelebA", "Flowers102")
WORLD_RANGES = {"train": (0, 50_000), "validation": (50_000, 55_000), "test": (55_000, 60_000)}
# Landscapes above 64 px are crops of 4,000 larger canvases: drawing 60,000 of those would take hours.
CANVAS_RANGES = {"train": (0, 3_600), "validation": (3_600, 3_800), "test": (3_800, 4_000)}


def to_uint8(x: Tensor) -> Tensor:
    """(B, C, H, W) in [-1, 1] -> (B, H, W, C) uint8: rounded, and cut off outside the range."""
    return ((x.detach() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).movedim(-3, -1)


def from_uint8(pictures: Tensor | np.ndarray) -> Tensor:
    """(B, H, W, C) uint8 -> (B, C, H, W) float32 in [-1, 1], on the same device."""
    return torch.as_tensor(pictures).movedim(-1, -3).contiguous().float() / 127.5 - 1


class Pictures(Dataset):
    """Pictures of one split. `p[i]` -> (C, H, W) and `p.batch(indices)` -> (B, C, H, W), float32 in [-1, 1].

    name, split, size, channels; labels (N,) int64 or None; classes: their names.
    source: per picture, where it comes from: its index in the world (of its canvas, for crops), its row in
    torchvision's set, or its file's name. left_out: (name, reason) of a folder's unfit pictures.
    version: changes where a folder's files do, or the way in which they are cut.
    """

    def __init__(self, name, split, size, pixels, rows, *, source, labels=None, classes=(), places=None,
                 left_out=(), version=""):
        self.name, self.split, self.size, self.pixels, self.rows = name, split, size, pixels, rows
        self.source, self.classes, self.left_out, self.version = source, tuple(classes), left_out, version
        self.labels = None if labels is None else torch.as_tensor(np.asarray(labels, dtype=np.int64))
        self.places = places  # (N, 2) in [0, 1): where each crop lies; None where pictures are kept at `size`
        self.channels = pixels[0].shape[-1]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"{self.name} {self.split}: {len(self):,} pictures of {self.size} x {self.size} px"

    def __getitem__(self, i: int) -> Tensor:
        """-> (C, H, W) float32 in [-1, 1]: picture i."""
        return self.batch([i])[0]

    def batch(self, indices, generator: torch.Generator | None = None) -> Tensor:
        """-> (B, C, H, W) float32 in [-1, 1]: the pictures at `indices` (a list, array or tensor of int).

        In a train set of crops a generator draws each place anew; else every crop has its one place.
        """
        return from_uint8(self.levels(indices, generator))

    def levels(self, indices, generator: torch.Generator | None = None) -> np.ndarray:
        """-> (B, H, W, C) uint8: the same as it is kept."""
        indices = np.asarray(indices, dtype=np.int64)
        rows = self.rows[indices]
        if self.places is None:
            return self.pixels[rows]
        places = self.places[indices]
        if generator is not None and self.split == "train":
            places = torch.rand(len(rows), 2, generator=generator, dtype=torch.float64).numpy()
        return np.stack([self._crop(row, place) for row, place in zip(rows, places, strict=True)])

    def whole(self) -> "Pictures":
        """The full pictures, of which this set's are crops, each once: `batch` then gives them as they are."""
        rows, first = np.unique(self.rows, return_index=True)
        return Pictures(self.name, self.split, self.size, self.pixels, rows, source=np.asarray(self.source)[first],
                        labels=None if self.labels is None else self.labels[first], classes=self.classes)

    def crops(self, most: int) -> "Pictures":
        """As many squares as would cover the full pictures, at most `most` in all, each at a place of its own.

        A set that keeps its pictures at `size` stays as it is.
        """
        if self.places is None:
            return self
        pixels = sum(math.prod(self.pixels[row].shape[:2]) for row in np.unique(self.rows))
        each = max(1, min(pixels // self.size**2, most) // len(self))
        rows, source = np.repeat(self.rows, each), np.repeat(np.asarray(self.source), each)
        places = np.random.default_rng([SPLITS.index(self.split), self.size]).random((len(rows), 2))
        return Pictures(self.name, self.split, self.size, self.pixels, rows, source=source, places=places,
                        labels=None if self.labels is None else self.labels.repeat_interleave(each),
                        classes=self.classes, version=self.version)

    def _crop(self, row, place) -> np.ndarray:
        picture, size = self.pixels[row], self.size
        top, left = (int(u * (side - size + 1)) for u, side in zip(place, picture.shape[:2], strict=True))
        return picture[top:top + size, left:left + size]


def one_hot(maps: Tensor, labels: int) -> Tensor:
    """Label maps (B, H, W) int -> (B, labels, H, W): 1 at the label of each place and -1 at all others.

    Raises ValueError for ids that are no label.
    """
    if maps.ndim != 3 or not 0 <= int(maps.min()) <= int(maps.max()) < labels:
        raise ValueError(f"label maps of shape {tuple(maps.shape)} with ids from {int(maps.min())} to "
                         f"{int(maps.max())}: wanted (B, H, W) with ids 0 to {labels - 1}")
    return 2 * torch.nn.functional.one_hot(maps.long(), labels).movedim(-1, 1).float() - 1


class LabelMaps(Pictures):
    """Segmentations as a first stage takes them: `batch(indices)` -> (B, labels, H, W), 1 at the label, else -1."""

    def __init__(self, maps: Pictures, labels: int):
        self.__dict__ |= vars(maps) | {"channels": labels}

    def batch(self, indices, generator: torch.Generator | None = None) -> Tensor:
        """-> (B, labels, H, W) float32 in {-1, 1}."""
        maps = np.ascontiguousarray(self.levels(indices, generator)[..., 0])
        return one_hot(torch.from_numpy(maps), self.channels)


def load(name: str, size: int, split: str, count: int | None = None, crop: str = "center",
         root: str | Path | None = None) -> Pictures:
    """The pictures called `name` at size x size px, three channels; grey ones are repeated.

    name: faces | landscapes | chimeras | FashionMNIST | MNIST | CIFAR10 | CelebA | Flowers102 | folder:PATH
    split: train | validation | test. The worlds: 50,000, 5,000, 5,000. torchvision's sets: their own, and
      where they have no validation set, a fixed tenth of train. A folder: 90/5/5 by content.
    count: only the first so many (worlds draw no more than that).
    crop: of a folder: "center" shrinks to the centre square, "random" cuts squares out of the full pictures.
    root: where torchvision's files lie or are to be downloaded to; default data/cache/torchvision.

    28 px pictures are padded to 32; every other change of size is Pillow's Lanczos filter, never a stretch.
    Landscapes above 64 px are crops of canvases of 4 size x 3 size. Raises ValueError for a request that
    cannot be met, OSError where files cannot be written or downloaded.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r}, wanted one of {SPLITS}")
    if int(size) != size or size < 8:
        raise ValueError(f"size {size!r}, wanted whole pixels, at least 8")
    if count is not None and count < 1:
        raise ValueError(f"count {count}, wanted at least 1")
    if crop not in ("center", "random") or (crop == "random" and not name.startswith("folder:")):
        raise ValueError(f"crop {crop!r} for {name}, wanted 'center', or 'random' for folder:PATH")
    if name in WORLDS:
        return _load_world(name, "picture", size, split, count)
    if name in TORCHVISION:
        return _load_torchvision(name, size, split, count, root)
    if not name.startswith("folder:") or name == "folder:":
        raise ValueError(f"data {name!r}, wanted one of {', '.join(WORLDS + TORCHVISION)} or folder:PATH")
    folder = folders.read(name.removeprefix("folder:"), size, split, crop)
    n = _checked(name, split, count, len(folder.rows))
    places = np.full((n, 2), 0.5) if crop == "random" else None
    return Pictures(name, split, size, folder.pixels, folder.rows[:n], source=folder.names[:n], places=places,
                    labels=None if folder.labels is None else folder.labels[:n], classes=folder.classes,
                    left_out=folder.left_out, version=folder.version)


def _checked(name, split, count, total) -> int:
    if count is not None and count > total:
        raise ValueError(f"count {count:,}, but {name} {split} has {total:,} pictures")
    return count or total


def truth(name: str, kind: str, size: int, split: str, count: int | None = None) -> Pictures:
    """The ground truth of the pictures that `load` gives: segmentation | depth | edges, of a world.

    Its `levels(indices)` are what is meant: label ids, or 0 to 255 for depth (near is high) and edges.
    Raises ValueError for another world or kind, and as `load` does.
    """
    if name not in WORLDS or kind not in TRUTHS:
        raise ValueError(f"{kind!r} of {name!r}, wanted one of {', '.join(TRUTHS)} of {', '.join(WORLDS)}")
    return _load_world(name, kind, size, split, count)


def _load_world(name, kind, size, split, count) -> Pictures:
    canvases = name == "landscapes" and size > 64
    width, height = (4 * size, 3 * size) if canvases else (size, size)
    first, stop = WORLD_RANGES[split]
    n = _checked(name, split, count, stop - first)
    rows = np.arange(n)
    if canvases:
        first, stop = CANVAS_RANGES[split]
        rows %= stop - first
    total, stem = stop - first, name if kind == "picture" else f"{name}-{kind}"
    pixels, labels = cache.pictures(
        f"{stem}-{width}x{height}-{split}-{drawing.version(name)}", min(n, total),
        lambda: (total, partial(drawing.blocks, name, kind, width, height, first)), f"drawing {stem}, {split}")
    # One fixed place per crop, spread evenly: a chance table of the split's own, the same for every count.
    places = np.random.default_rng([SPLITS.index(split), size]).random((n, 2)) if canvases else None
    return Pictures(name, split, size, pixels, rows, source=first + rows, labels=labels[rows], places=places,
                    classes=drawing.world(name).CLASSES)


def _load_torchvision(name, size, split, count, root) -> Pictures:
    import torchvision.datasets
    kind = getattr(torchvision.datasets, name)
    root = Path(root).expanduser().resolve() if root else cache.cache_folder() / "torchvision"
    own_validation = {"CelebA": "valid", "Flowers102": "val"}.get(name)

    def source():
        root.mkdir(parents=True, exist_ok=True)
        part = "test" if split == "test" else own_validation if split == "validation" else None
        part = part or "train"
        which = {"split": part} if own_validation else {"train": part == "train"}
        try:
            data = kind(str(root), download=True, **which)
        except Exception as error:  # a failed download raises whatever torchvision's helpers raise
            raise OSError(f"{name} is not complete under {root}; downloading it failed: {error}") from error
        rows = np.arange(len(data))
        if not own_validation and split != "test":  # a fixed tenth of train; random() is a stable stream
            order = np.argsort(np.random.default_rng(0).random(len(data)), kind="stable")
            tenth = len(data) // 10
            rows = order[:tenth] if split == "validation" else order[tenth:]
        return len(rows), partial(_convert, data, rows, size)

    stem = f"{name}-{size}-{split}-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}"
    pixels, labels = cache.pictures(stem, count, source, f"converting {name}, {split}")
    rows = np.arange(len(pixels))
    return Pictures(name, split, size, pixels, rows, source=rows, labels=None if name == "CelebA" else labels,
                    classes=getattr(kind, "classes", ()))


def _convert(data, rows, size, start, stop):
    """Yield blocks of torchvision's (PIL image, target) items as (pixels, labels)."""
    from PIL import ImageOps
    for block in range(start, stop, 256):
        pixels, labels = [], []
        for row in rows[block:min(block + 256, stop)]:
            image, target = data[int(row)]
            image = image.convert("RGB")
            if image.size == (28, 28):
                image = ImageOps.expand(image, 2, fill=0)
            pixels.append(folders.square(image, size))
            labels.append(target if isinstance(target, int) else -1)
        yield np.stack(pixels), np.array(labels)
