"""What several commands share: options that name data and models, and what a result remembers. Floor 4."""
import argparse
import json
import platform
import sys
from pathlib import Path

import torch

from minivq import checkpoint, datasets, distributed, judge, perceptual, pretrained

STYLE = {"formatter_class": argparse.ArgumentDefaultsHelpFormatter}


def add_data(command: argparse.ArgumentParser) -> None:
    """The options that name a set of pictures."""
    command.add_argument("--data", default="faces", help="faces, landscapes, FashionMNIST, MNIST, CIFAR10, CelebA, "
                                                         "Flowers102 or folder:PATH")
    command.add_argument("--size", type=int, default=64, help="px, a multiple of f")
    command.add_argument("--crop", choices=("center", "random"), default="center",
                         help="of a folder: shrink to the centre square, or cut squares out of the full pictures")


def add_model(command: argparse.ArgumentParser) -> None:
    """The option that names a model."""
    command.add_argument("--model", default="faces-vqvae-f8",
                         help=f"a shipped model ({', '.join(pretrained.available())}), a .pt file or a run's folder")


def add_perceptual(command: argparse.ArgumentParser) -> None:
    """The option that names a perceptual distance."""
    command.add_argument("--perceptual", choices=("mini", "lpips"), default="mini",
                         help="the shipped small net, or LPIPS with VGG16 (528 MB, downloaded when first used)")


def distance(name: str) -> perceptual.Perceptual:
    """The perceptual distance called "mini" or "lpips". Raises ValueError or OSError where its weights are missing."""
    return (perceptual.mini() if name == "mini" else perceptual.lpips()).to(distributed.device())


def judge_of(data: str) -> judge.Judge | None:
    """The shipped judge of a world; None for other data, of which no truth is known."""
    return judge.load(f"judge-{data}") if f"judge-{data}" in pretrained.available("judge") else None


def load_first(data: str, size: int, split: str, count: int | None, crop: str = "center") -> datasets.Pictures:
    """The first `count` pictures of a split (None: all). Worlds draw no more than that; other sets are read whole."""
    return datasets.load(data, size, split, count if data in datasets.WORLDS else None, crop)


def note(name: str, entry: dict) -> None:
    """Write what is known of the shipped file NAME.pt, its sha256 included, into the manifest."""
    target = checkpoint.FOLDER / f"{name}.pt"
    manifest = checkpoint.manifest(checkpoint.FOLDER) | {name: {**entry, "sha256": checkpoint.sha256(target)}}
    checkpoint.write_text(checkpoint.FOLDER / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def write_json(path: Path, result: dict) -> None:
    """Write a result with the command and the machine that gave it."""
    about = {"command": command_line(), "machine": machine()}
    checkpoint.write_text(path, json.dumps({**result, **about}, indent=1) + "\n")


def talk(text: str) -> None:
    """Print on rank 0."""
    if distributed.rank() == 0:
        print(text, flush=True)


def command_line() -> str:
    """The command as it was given."""
    return " ".join(["python -m minivq", *sys.argv[1:]])


def machine() -> str:
    """Processor, cores that torch uses, and torch's version."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"
