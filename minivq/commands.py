"""What several commands share: options for data, models and trainings, and what a result remembers. Floor 4."""
import argparse
import dataclasses
import json
import platform
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from minivq import checkpoint, datasets, distributed, judge, perceptual, pretrained, runs
from minivq.training import TrainConfig


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Names each default that says something: None, and a switch that is off, do not."""

    def _get_help_string(self, action: argparse.Action) -> str:
        silent = action.default is None or action.default is False or "(default: " in action.help
        return action.help if silent else super()._get_help_string(action)


STYLE = {"formatter_class": Help}


def add_data(command: argparse.ArgumentParser, of: str | None = None) -> None:
    """The options that name a set of pictures; of: the model whose own pictures are the default, see `follow`."""
    own = f" (default: that of {of})" if of else ""
    command.add_argument("--data", default=None if of else "faces", help="faces, landscapes, FashionMNIST, MNIST, "
                         "CIFAR10, CelebA, Flowers102 or folder:PATH" + own)
    command.add_argument("--size", type=int, default=None if of else 64, help="px, a multiple of f" + own)
    command.add_argument("--crop", choices=("center", "random"), default=None if of else "center",
                         help="of a folder: shrink to the centre square, or cut squares out of the full pictures" + own)


def follow(args: argparse.Namespace, model) -> None:
    """Where no pictures were asked for, take the model's own; of an imported one, of which nothing is known, faces."""
    known = {"data": "faces", "size": 64, "crop": "center"} | model.info
    if args.data not in (None, known["data"]):
        known["crop"] = "center"
    for name in ("data", "size", "crop"):
        if getattr(args, name) is None:
            setattr(args, name, known[name])


def add_count(command: argparse.ArgumentParser) -> None:
    """The option that bounds a training set."""
    command.add_argument("--count", type=int, default=None, help="pictures to learn from (default: all)")


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


def add_training(command: argparse.ArgumentParser, recipe: type[TrainConfig], minutes: float, batch: int | None = None,
                 seed: int = 0) -> None:
    """The options that every training has."""
    command.add_argument("--out", type=Path, required=True, help="folder of this run; the same command goes on there")
    length = command.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=minutes,
                        help="time to spend: 20 steps are timed, then the number of steps is fixed")
    length.add_argument("--steps", type=int, default=None, help="number of steps, instead of --minutes")
    command.add_argument("--batch", type=int, default=batch or recipe.batch, help="pictures a step, over all processes")
    command.add_argument("--peak", type=float, default=recipe.peak, help="highest learning rate")
    command.add_argument("--seed", type=int, default=seed, help="of weights, order and restarts")
    command.add_argument("--save-every", type=int, default=recipe.save_every, help="steps between saves; slow "
                         "ones are saved every minute")
    command.add_argument("--float32", action="store_true", help="no bf16, even where the processor has it")


def config_of(args: argparse.Namespace, recipe: type[TrainConfig], **more) -> TrainConfig:
    """The options -> how to train; one step stands in until --minutes are turned into steps.

    Raises ValueError where --out is taken: before any picture is drawn.
    """
    runs.check_folder(args.out)
    return recipe(steps=1 if args.steps is None else args.steps, batch=args.batch, peak=args.peak, seed=args.seed,
                  save_every=args.save_every, bf16=False if args.float32 else None, **more)


def with_steps(args: argparse.Namespace, config: TrainConfig, seconds: Callable[[], float]) -> TrainConfig:
    """`config` with the steps that fit into --minutes: those of the run that stands in --out, else by timing 20."""
    state = args.out / "state.pt"
    if args.steps is not None:
        return config
    if state.is_file():
        kept = checkpoint.read(state)
        steps = kept["about"].get("train", {}).get("steps", 1)
        talk(f"{args.out}: {kept['step']:,} of the {steps:,} steps that it was begun with are done; --minutes counts "
             "at the beginning alone")
        return dataclasses.replace(config, steps=steps)
    mean = distributed.all_reduce(torch.tensor(seconds(), dtype=torch.float64)).item() / distributed.world_size()
    talk(f"{mean:.2f} s a step of {config.batch} pictures")
    return dataclasses.replace(config, steps=max(20, int(args.minutes * 60 / mean)))


def history(args: argparse.Namespace, config: TrainConfig, **more) -> dict:
    """What a model remembers of its training."""
    return {"command": command_line(), "pictures_seen": config.steps * config.batch,
            "minutes": round(runs.read_minutes(args.out), 1), "machine": machine(), **more}


def data_of(args: argparse.Namespace, train: datasets.Pictures) -> dict:
    """What a card says of the pictures that a model was trained on."""
    names = [name for name, _ in train.left_out]
    more = [f"and {len(names) - 5} more"] if len(names) > 5 else []
    return {"pictures": len(train), "left out": names[:5] + more, "name": args.data, "px": args.size}


def stage_of(info: dict) -> dict:
    """What a card says of a first stage that remembers its training."""
    scores = info.get("validation") or {}
    used = f"{round(scores['usage'] * scores['K']):,} of {scores['K']:,}" if "usage" in scores else None
    shown = {name: {"validation": scores[name]} for name in ("psnr", "accuracy", "sharpness", "ffd") if name in scores}
    return {"command": info.get("command"), "minutes": info.get("minutes"), "codes used": used, **shown}


def pictures(args: argparse.Namespace, factor: int, count: int | None = None) -> tuple[datasets.Pictures, ...]:
    """The pictures to train on (the first `count`) and those to watch.

    Raises ValueError where their size does not fit the factor.
    """
    if args.size < 1 or args.size % factor:
        raise ValueError(f"size={args.size} is not a multiple of factor={factor}")
    return tuple(datasets.load(args.data, args.size, split, most, args.crop)
                 for split, most in (("train", count), ("validation", None)))


def picture_file(path: Path, size: int = 1):
    """One picture file -> Pillow's image, RGB, enlarged where its shorter side has less than `size` px.

    Raises ValueError where it is damaged, too large, or less than half of `size`.
    """
    from PIL import Image

    from minivq import folders
    try:
        return Image.fromarray(folders.decode(path, size, whole=True)[0])
    except folders.Unfit as reason:
        raise ValueError(f"{path}: {reason}") from reason


def note(name: str, entry: dict) -> None:
    """Write what is known of the shipped file NAME.pt, its sha256 included, into the manifest."""
    target = checkpoint.FOLDER / f"{name}.pt"
    manifest = checkpoint.manifest(checkpoint.FOLDER) | {name: {**entry, "sha256": checkpoint.sha256(target)}}
    checkpoint.write_text(checkpoint.FOLDER / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")


def write_json(path: Path, result: dict) -> None:
    """Write a result with the command and the machine that gave it."""
    about = {"command": command_line(), "machine": machine()}
    checkpoint.write_text(path, json.dumps({**result, **about}, indent=1) + "\n")


def kept(path: Path, make: Callable[[], dict]) -> dict:
    """What `make()` gives, made once and kept as JSON."""
    if not path.is_file():
        checkpoint.write_text(path, json.dumps(make(), indent=1) + "\n")
    return json.loads(path.read_text())


def write_study(args: argparse.Namespace, result: dict) -> int:
    """Write a study's result beside its runs, and where --json says."""
    for path in filter(None, (args.out / "result.json", args.json)):
        write_json(path, result)
    return 0


def talk(text: str) -> None:
    """Print on rank 0."""
    if distributed.rank() == 0:
        print(text, flush=True)


def command_line() -> str:
    """The command as it was given, quoted for a shell."""
    return shlex.join(["python", "-m", "minivq", *sys.argv[1:]])


def machine() -> str:
    """Processor, cores that torch uses, and torch's version."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"
