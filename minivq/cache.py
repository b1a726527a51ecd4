"""Files that are made once and kept: drawn worlds, decoded pictures. Floor 0."""
import contextlib
import os
from pathlib import Path

import numpy as np


def cache_folder() -> Path:
    """Where drawn and decoded pictures are kept: MINIVQ_CACHE, or data/cache beside the package."""
    place = os.environ.get("MINIVQ_CACHE")
    return Path(place).expanduser() if place else Path(__file__).resolve().parents[1] / "data" / "cache"


@contextlib.contextmanager
def replaced(path: Path):
    """A binary file to write, which becomes `path` once it is complete: nobody ever finds half of it.

    Raises OSError, naming MINIVQ_CACHE, where the place cannot be written or is full.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())     # or a computer that loses its power could find the name without the content
        os.replace(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and error.errno is not None:      # else it says already what it is
            raise OSError(f"cannot write {path}: {error.strerror or error}. "
                          f"MINIVQ_CACHE may name another place for such files.") from error
        raise


def pictures(stem: str, count: int | None, source, doing: str) -> tuple[np.ndarray, np.ndarray]:
    """-> pixels (count, H, W, C) uint8, memory-mapped, and labels (count,) int64: kept ones, or made now.

    stem names the set; its files are called `stem-NofTOTAL.npy` and `.labels`. A file serves every smaller
    count, and a larger count begins with what a smaller file has. count None: all.
    source() -> (total, blocks): blocks(start, stop) yields (pixels, labels) in order. Asked only if needed.
    Raises ValueError where count is more than the total, or a kept file is damaged.
    """
    held = {}
    for path in cache_folder().glob(f"{stem}-*of*.npy"):
        held[tuple(map(int, path.stem.removeprefix(f"{stem}-").split("of")))] = path
    key = min((key for key in held if key[0] >= (count or key[1])), default=None)
    if key is None:
        total, blocks = source()
        if count is not None and count > total:
            raise ValueError(f"count {count:,}, but {stem} has {total:,} pictures")
        key, smaller = (count or total, total), max(held, default=None)
        held[key] = cache_folder() / f"{stem}-{key[0]}of{total}.npy"
        _make(held[key], key[0], held.get(smaller), blocks, doing)
    try:
        labels = np.load(held[key].with_suffix(".labels"))
        return np.asarray(np.load(held[key], mmap_mode="r"))[:count], labels[:count]
    except (ValueError, EOFError, FileNotFoundError) as error:
        raise ValueError(f"{held[key]} or its .labels is damaged ({error}): remove both, and they are made again"
                         ) from error


def _make(path: Path, count: int, smaller: Path | None, blocks, doing: str) -> None:
    from tqdm import tqdm
    labels, done = [], 0
    # Written in order, not through a memory map, where a full disk would kill the process without a word.
    with replaced(path) as file, tqdm(total=count, desc=doing, unit=" pictures", leave=False) as bar:

        def write(pixels, ids):
            nonlocal done
            if not done:
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, *pixels.shape[1:])}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(pixels).tobytes())
            labels.append(ids)
            done += len(pixels)
            bar.update(len(pixels))

        if smaller:
            pixels, ids = np.load(smaller, mmap_mode="r"), np.load(smaller.with_suffix(".labels"))
            for start in range(0, len(pixels), 1000):
                write(pixels[start:start + 1000], ids[start:start + 1000])
        for pixels, ids in blocks(done, count):
            write(pixels, ids)
        with replaced(path.with_suffix(".labels")) as beside:
            np.save(beside, np.concatenate(labels).astype(np.int64))
