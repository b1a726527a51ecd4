"""One file per model, written whole or not at all, read without running anything in it. Floor 0."""
import hashlib
import json
import os
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import torch
from torch import nn

FOLDER = Path(__file__).resolve().parents[1] / "data" / "checkpoints"      # of the shipped models


def write(path: str | Path, payload: dict) -> Path:
    """Write a dict of tensors and plain values to `path`: to a temporary file beside it, then renamed.

    A full disk or a kill leaves the file that was there before. Raises OSError where it cannot be written.
    """
    return replace(path, lambda file: torch.save(payload, file))


def write_text(path: str | Path, text: str) -> Path:
    """Write a text in the same way."""
    return replace(path, lambda file: file.write(text.encode()))


def replace(path: str | Path, fill: Callable[[BinaryIO], object]) -> Path:
    """Let `fill` write a temporary file beside `path`, then rename it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    try:
        with open(temporary, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:                    # torch hides a full disk behind a RuntimeError
        temporary.unlink(missing_ok=True)
        kept = "; the save before it is kept" if path.exists() else ""
        cause = error.__context__ if isinstance(error, RuntimeError) and error.__context__ else error
        why = getattr(cause, "strerror", None) or str(cause).partition("\n")[0]
        raise OSError(f"could not write {path} ({why}){kept}: wanted a writable place with free space") from error
    return path


def read(path: str | Path) -> dict:
    """Read a file of `write`. Only tensors and plain values are read (weights_only), never code.

    Raises FileNotFoundError for a missing file; ValueError for a damaged file, one that holds other objects, and
    one whose sha256 is not that of the manifest beside it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: wanted a checkpoint file (.pt)")
    expected = manifest(path.parent).get(path.stem, {}).get("sha256")
    if expected and (met := sha256(path)) != expected:
        raise ValueError(f"{path} is damaged: its sha256 is {met[:12]}…, the manifest wants {expected[:12]}…")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is damaged or no checkpoint: its structure is not that of a file by torch.save "
                         f"({path.stat().st_size} bytes; cut off while copying?)")
    try:
        payload = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        raise ValueError(f"{path} is refused: it holds {found[1] if found else 'Python objects'}, and reading that "
                         "could run code: wanted tensors and plain values alone") from error
    except (RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
    if not isinstance(payload, dict):
        raise ValueError(f"{path} holds a {type(payload).__name__}: wanted a dict")
    return payload


def read_kind(path: str | Path, kind: str) -> dict:
    """Read a file that says of itself that it is of this kind: "vqvae", for example. Raises ValueError if not."""
    payload = read(path)
    if payload.get("kind") != kind:
        raise ValueError(f"{path} has kind={payload.get('kind')!r}: wanted {kind!r}")
    return payload


def sha256(path: str | Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest(folder: Path) -> dict:
    """What manifest.json in `folder` says about each checkpoint, by name; empty where there is none."""
    path = folder / "manifest.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def half(model: nn.Module) -> dict:
    """The state of `model` with every floating tensor in float16: how models are shipped.

    Raises ValueError where a number does not fit into float16.
    """
    state = {}
    for name, tensor in model.state_dict().items():
        state[name] = tensor.detach().cpu().half() if tensor.is_floating_point() else tensor.detach().cpu()
        if tensor.is_floating_point() and not state[name].isfinite().all():
            raise ValueError(f"{name} reaches {tensor.abs().max().item():.3g}: wanted finite numbers below 65504")
    return state
