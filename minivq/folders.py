"""A folder of pictures as one flat, memory-mapped file. Floor 1.

Pictures are decoded once, so that training does not wait for files and 100,000 pictures need no memory.
"""
import contextlib
import hashlib
import itertools
import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minivq.cache import cache_folder, replaced

SPLITS = ("train", "validation", "test")
SUFFIXES = frozenset(".png .jpg .jpeg .webp .bmp .gif .tif .tiff .ppm .pgm .pbm .avif .jp2".split())
PIXEL_LIMIT = 100_000_000  # one decoded picture of this many pixels already takes 400 MB as RGBA


class Unfit(Exception):
    """A picture that is left out; the message says why."""


@dataclass(frozen=True)
class Folder:
    """One split of a folder: `pixels[rows[i]]` (h, w, 3) uint8; `left_out`: (name, reason) of unfit files.

    version: of the files, and of how they are cut.
    """

    pixels: object
    rows: np.ndarray
    names: tuple[str, ...]
    labels: np.ndarray | None
    classes: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    version: str


class Ragged:
    """Pictures of different sizes, one behind the other in a flat uint8 array. `ragged[i]` -> (h, w, 3)."""

    def __init__(self, flat: np.ndarray, shapes: np.ndarray):
        self.flat, self.shapes = flat, shapes
        self.ends = np.cumsum(shapes.prod(1) * 3, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, i: int) -> np.ndarray:
        height, width = self.shapes[i]
        return self.flat[self.ends[i] - height * width * 3:self.ends[i]].reshape(height, width, 3)


def listing(root: Path) -> list[tuple[str, int, int]]:
    """Every picture file below `root` as (name with /, bytes, time of change), sorted; no hidden ones."""
    found, seen = [], set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        subfolders[:] = [] if real in seen else [s for s in subfolders if not s.startswith(".")]
        if real in seen:  # a link that leads back up
            continue
        seen.add(real)
        for file in files:
            if Path(file).suffix.lower() in SUFFIXES and not file.startswith("."):
                path = Path(folder, file)
                with contextlib.suppress(FileNotFoundError):  # a link that leads nowhere
                    stat = path.stat()
                    found.append((path.relative_to(root).as_posix(), stat.st_size, stat.st_mtime_ns))
    return sorted(found)


def to_rgb(image):
    """PIL image of any mode -> RGB: upright, transparency on white, 16 bits scaled by their range.

    Raises Unfit where the range of the values is unknown.
    """
    from PIL import Image, ImageOps
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits in one channel; Pillow's own conversion would clip them at 255
        values = np.asarray(image).astype(np.float64)
        if values.min() < 0 or values.max() > 65535:
            raise Unfit(f"32-bit values from {values.min():.0f} to {values.max():.0f}, wanted 0 to 65535")
        return Image.fromarray((values / 257).round().astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise Unfit("floating-point values of unknown range")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def square(image, size: int) -> np.ndarray:
    """PIL image of RGB -> (size, size, 3) uint8: its centre square, resized by Lanczos."""
    from PIL import Image
    (w, h), side = image.size, min(image.size)
    box = ((w - side) / 2, (h - side) / 2, (w + side) / 2, (h + side) / 2)
    same = image.size == (size, size)
    return np.asarray(image if same else image.resize((size, size), Image.Resampling.LANCZOS, box=box))


def decode(path: Path, size: int, whole: bool) -> tuple[np.ndarray, str]:
    """One file -> (its picture (h, w, 3) uint8, the sha256 of its content).

    The picture is the centre square at size x size, or, if `whole`, everything at its own size (enlarged
    where the shorter side is less than `size`). Raises Unfit with the reason, whatever is wrong with it.
    """
    from PIL import Image, UnidentifiedImageError
    try:
        with open(path, "rb") as file, Image.open(file) as image:
            w, h = image.size
            if w * h > PIXEL_LIMIT:
                raise Unfit(f"{w} x {h} px, more than {PIXEL_LIMIT // 10**6} megapixels")
            if min(w, h) < size / 2:
                raise Unfit(f"{w} x {h} px, less than half of {size} px")
            if not whole:  # JPEG alone: decoded at 1/2 to 1/8 while that is still three times what is wanted
                image.draft(None, (3 * size, 3 * size))
            picture = to_rgb(image)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except Unfit:
        raise
    except UnidentifiedImageError:
        raise Unfit("not a picture" if path.stat().st_size else "an empty file") from None
    except Image.DecompressionBombError:
        raise Unfit(f"more than {PIXEL_LIMIT // 10**6} megapixels") from None
    except Exception as error:  # each format fails in its own way, and none may stop the folder
        raise Unfit(f"cannot be read ({error})") from None
    if not whole:
        return square(picture, size), digest
    if min(picture.size) < size:
        scale = size / min(picture.size)
        picture = picture.resize([round(side * scale) for side in picture.size], Image.Resampling.LANCZOS)
    return np.asarray(picture), digest


def divide(digests: list[str]) -> list[str]:
    """sha256 of each file -> its split: 90 % train, 5 % validation, 5 % test, at least one content each.

    Equal contents get one split, and a file keeps its split when others come and go (except where a split
    would be empty). Raises ValueError below three different contents.
    """
    contents = sorted(set(digests))
    if len(contents) < 3:
        raise ValueError(f"{len(contents)} different pictures, wanted at least 3: one for each of {SPLITS}")
    share = {c: SPLITS[(int(c[:8], 16) % 100 >= 90) + (int(c[:8], 16) % 100 >= 95)] for c in contents}
    for split in SPLITS:
        if split not in share.values():
            held = {s: [c for c in contents if share[c] == s] for s in SPLITS}
            share[max(held.values(), key=len)[-1]] = split
    return [share[digest] for digest in digests]


def decode_all(root: Path, names: list[str], size: int, whole: bool, pixels: Path) -> dict:
    """Decode every file into `pixels` -> names, digests, shapes of the good ones, reasons of the others."""
    from tqdm import tqdm

    def attempt(name):
        try:
            return name, *decode(root / name, size, whole)
        except Unfit as reason:
            return name, None, str(reason)

    index = {"names": [], "digests": [], "shapes": [], "left_out": []}
    # Pillow lets go of the interpreter while it decodes, so threads suffice, in batches so that memory does.
    with (replaced(pixels) as file, ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool,
          tqdm(total=len(names), desc=f"decoding {root.name}", unit=" pictures", leave=False) as bar,
          warnings.catch_warnings()):
        warnings.simplefilter("ignore")  # Pillow's own remarks about files that it then reads or refuses
        todo = iter(names)
        while batch := list(itertools.islice(todo, 64)):
            for name, picture, text in pool.map(attempt, batch):
                if picture is None:
                    index["left_out"].append((name, text))
                else:
                    file.write(picture.tobytes())
                    index["names"].append(name)
                    index["digests"].append(text)
                    index["shapes"].append(picture.shape[:2])
            bar.update(len(batch))
    return index


def complain(root: Path, left_out: list) -> str:
    """One text that names the first ten pictures left out, with the reasons; empty where none are."""
    if not left_out:
        return ""
    lines = [f"  {name}: {reason}" for name, reason in left_out[:10]]
    more = [f"  and {len(left_out) - 10} more"] if len(left_out) > 10 else []
    return "\n".join([f"{len(left_out)} pictures of {root} are left out:", *lines, *more])


def read(path: str | Path, size: int, split: str, crop: str) -> Folder:
    """The pictures of one split of the folder `path`, in an order that depends on their content alone.

    Raises ValueError where the folder is missing, holds no pictures, or fewer than three that can be used.
    """
    root = Path(path).expanduser().resolve()
    if not root.is_dir():
        raise ValueError(f"folder {root}: " + ("that is a file" if root.exists() else "not found"))
    files = listing(root)
    if not files:
        raise ValueError(f"folder {root} has no pictures ({' '.join(sorted(SUFFIXES))})")
    stem = f"folder-{hashlib.sha256(str(root).encode()).hexdigest()[:8]}-{size}-{crop}-"
    key = hashlib.sha256(json.dumps(files).encode() + Path(__file__).read_bytes()).hexdigest()[:12]
    pixels, notes = (cache_folder() / f"{stem}{key}{end}" for end in (".u8", ".json"))
    if not notes.exists():
        index = decode_all(root, [name for name, _, _ in files], size, crop == "random", pixels)
        with replaced(notes) as file:  # written last: where it stands, the pixels are complete
            file.write(json.dumps(index).encode())
        for old in cache_folder().glob(f"{stem}*"):  # of this folder as it was before
            if old.suffix != ".part" and key not in old.name:
                with contextlib.suppress(OSError):
                    old.unlink()
    index = json.loads(notes.read_text())
    remark, different = complain(root, index["left_out"]), len(set(index["digests"]))
    if different < 3:
        raise ValueError(f"folder {root}: {different} different usable pictures, wanted at least 3. {remark}")
    if remark:
        warnings.warn(remark, stacklevel=3)  # shown where `datasets.load` was called
    shapes = np.array(index["shapes"])
    flat = np.asarray(np.memmap(pixels, np.uint8, "r"))
    digests, names = index["digests"], index["names"]
    order = sorted(range(len(names)), key=lambda i: (digests[i], names[i]))
    shares = divide(digests)
    rows = np.array([i for i in order if shares[i] == split])
    inner = sorted({name.split("/")[0] for name in names if "/" in name})
    classes = tuple(inner) if len(inner) > 1 and all("/" in name for name in names) else ()
    labels = np.array([inner.index(names[i].split("/")[0]) for i in rows]) if classes else None
    pixels = Ragged(flat, shapes) if crop == "random" else flat.reshape(-1, size, size, 3)
    return Folder(pixels, rows, tuple(names[i] for i in rows), labels, classes,
                  tuple(map(tuple, index["left_out"])), f"{crop}-{key}")
