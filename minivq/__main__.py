"""The command line: python -m minivq train | reconstruct | evaluate | publish | course. Floor 5."""
import argparse
import dataclasses
import json
import platform
import sys
from pathlib import Path

import torch

from minivq import checkpoint, datasets, distributed, evaluation, metrics, pretrained, runs, training
from minivq.autoencoder import VQVAEConfig, reconstruct
from minivq.course.commands import add_parser as add_course

LARGEST = 2048                          # px: the longer side of a picture that `reconstruct` takes as it is


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its exit code: 0 done, 2 for input that cannot be used (one line says why), 130 interrupted."""
    args = parser().parse_args(arguments)
    try:
        with distributed.session():
            return args.run(args) or 0
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"minivq: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nminivq: interrupted; the same command goes on from the last save", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    top = argparse.ArgumentParser(prog="python -m minivq", description="Discrete image models, from scratch.")
    commands = top.add_subparsers(required=True, metavar="train | reconstruct | evaluate | publish | course")
    style = {"formatter_class": argparse.ArgumentDefaultsHelpFormatter}

    train = commands.add_parser("train", help="train a model").add_subparsers(required=True, metavar="vqvae")
    one = train.add_parser("vqvae", help="a first stage with absolute and squared error", **style)
    add_data(one)
    one.add_argument("--factor", type=int, default=8, help="downsampling factor f, a power of 2")
    one.add_argument("--codes", type=int, default=512, help="K, the number of codes")
    one.add_argument("--code-dim", type=int, default=16, help="d, the dimension of a code")
    one.add_argument("--quantizer", choices=("ema", "vq", "fsq"), default="ema", help="how codes are learned")
    one.add_argument("--levels", type=int, nargs="+", default=[8, 8, 8], help="of fsq: levels per dimension")
    one.add_argument("--widths", type=int, nargs="+", default=None,
                     help="channels per level, fine to coarse (default: 16 32 64 160, cut or repeated to fit f)")
    one.add_argument("--out", type=Path, required=True, help="folder of this run; the same command goes on there")
    length = one.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=15.0,
                        help="time to spend: 20 steps are timed, then the number of steps is fixed")
    length.add_argument("--steps", type=int, default=None, help="number of steps, instead of --minutes")
    recipe = training.TrainConfig
    one.add_argument("--batch", type=int, default=recipe.batch, help="pictures a step, over all processes")
    one.add_argument("--peak", type=float, default=recipe.peak, help="highest learning rate")
    one.add_argument("--seed", type=int, default=0, help="of weights, order and restarts")
    one.add_argument("--save-every", type=int, default=recipe.save_every, help="steps between saves")
    one.add_argument("--float32", action="store_true", help="no bf16, even where the processor has it")
    one.add_argument("--init", default=None, metavar="NAME", help="go on from this model's weights")
    one.set_defaults(run=train_vqvae)

    one = commands.add_parser("reconstruct", help="pictures drawn again, beside the originals", **style)
    one.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE", help="files that Pillow reads")
    add_model(one)
    one.add_argument("--out", type=Path, required=True, help="folder for NAME.png, original left, redrawn right")
    one.add_argument("--size", type=int, default=None, help="px: first make the shorter side this long")
    one.set_defaults(run=reconstruct_pictures)

    one = commands.add_parser("evaluate", help="scores on a whole split, beside baselines at the same bits", **style)
    add_model(one)
    add_data(one)
    one.add_argument("--split", choices=("validation", "test", "train"), default="test", help="which pictures")
    one.add_argument("--count", type=int, default=None, help="only the first so many pictures")
    one.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the scores here, too")
    one.set_defaults(run=evaluate)

    one = commands.add_parser("publish", help="score a trained model on test and ship it", **style)
    one.add_argument("folder", type=Path, help="of a finished training")
    one.add_argument("--name", required=True, help="data/checkpoints/NAME.pt")
    one.set_defaults(run=publish)

    add_course(commands)
    return top


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


def widths_for(factor: int, asked: list[int] | None) -> tuple[int, ...]:
    """f -> channels per level: as asked for, or the default cut or repeated to log2 f + 1 levels.

    Raises ValueError where f is no power of 2 or the number of widths does not give f.
    """
    if factor < 1 or factor & (factor - 1):
        raise ValueError(f"factor={factor}: wanted a power of 2")
    levels = factor.bit_length()
    if asked is None:
        return tuple(([16, 32, 64, 160] + [160] * levels)[:levels])
    if len(asked) != levels:
        raise ValueError(f"{len(asked)} widths make f={2 ** (len(asked) - 1)}, asked for f={factor}: "
                         f"wanted {levels} widths")
    return tuple(asked)


def train_vqvae(args: argparse.Namespace) -> int:
    """Train, resume or report a finished training; the last line gives the scores."""
    widths = widths_for(args.factor, args.widths)
    if args.size < 1 or args.size % args.factor:
        raise ValueError(f"size={args.size} is not a multiple of factor={args.factor}")
    train, validation = (datasets.load(args.data, args.size, split, crop=args.crop)
                         for split in ("train", "validation"))
    levels = tuple(args.levels) if args.quantizer == "fsq" else ()
    K, d = (torch.tensor(levels).prod().item(), len(levels)) if levels else (args.codes, args.code_dim)
    model_config = (pretrained.load(args.init).config if args.init else
                    VQVAEConfig(channels=train.channels, widths=widths, decoder_blocks=1, d=d, K=K,
                                quantizer=args.quantizer, levels=levels))
    config = training.TrainConfig(steps=args.steps or 1, batch=args.batch, peak=args.peak, seed=args.seed,
                                  save_every=args.save_every, bf16=False if args.float32 else None,
                                  unquantised=0.0 if args.init else training.TrainConfig.unquantised)
    training.check_fit(model_config, train, config)
    if args.steps is None:
        config = dataclasses.replace(config, steps=steps_for(args, model_config, config, train))
    talk(f"{train}\nf={model_config.factor}, K={model_config.K}, {config.steps} steps of {config.batch} pictures "
         f"in {args.out}")
    model = training.train_vqvae(model_config, config, train, validation, args.out, args.init)
    if distributed.rank() == 0:
        scores = evaluation.evaluate(model, validation)
        info = {"command": command_line(), "data": args.data, "size": args.size,
                "pictures_seen": config.steps * config.batch, "minutes": round(runs.read_minutes(args.out), 1),
                "machine": machine(), "validation": scores}
        path = pretrained.export(model, args.out / "model.pt", info)
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
        print(f"val psnr {scores['psnr']:.1f} dB, codes {round(scores['usage'] * scores['K'])}/{scores['K']}")
    distributed.barrier()
    return 0


def steps_for(args: argparse.Namespace, model_config: VQVAEConfig, config: training.TrainConfig, train) -> int:
    """How many steps fit into --minutes: those of the run that stands in --out, else by timing 20 steps."""
    state = args.out / "state.pt"
    if state.is_file():
        return checkpoint.read(state)["about"]["train"]["steps"]
    seconds = torch.tensor(training.seconds_per_step(model_config, config, train), dtype=torch.float64)
    seconds = distributed.all_reduce(seconds).item() / distributed.world_size()
    talk(f"{seconds:.2f} s a step of {config.batch} pictures")
    return max(20, int(args.minutes * 60 / seconds))


def reconstruct_pictures(args: argparse.Namespace) -> int:
    """Write each picture beside its reconstruction and print PSNR and bits per pixel."""
    from minivq import plot
    for path in args.pictures:
        if not path.is_file():
            raise ValueError(f"{path} is not a file: wanted a picture")
    model = pretrained.load(args.model)
    f, K = model.config.factor, model.config.K
    pictures = [(path, open_picture(path, model.config.channels, f, args.size)) for path in args.pictures]
    args.out.mkdir(parents=True, exist_ok=True)
    names = [path.stem for path in args.pictures]
    for path, picture in pictures:
        x = datasets.from_uint8(picture[None])
        x_rec, indices = reconstruct(model, x)
        name = path.stem if names.count(path.stem) == 1 else path.name
        target = plot.save(args.out / f"{name}.png", plot.side_by_side(x, x_rec, scale=max(1, 256 // x.shape[-2])))
        rows, columns = indices.shape[1:]
        bpp = metrics.bits_per_pixel(K, f)
        print(f"{target}: {x.shape[-1]}x{x.shape[-2]} px as {columns}x{rows} codes of {K}, "
              f"{metrics.psnr(x, x_rec):.2f} dB, {bpp:.4f} bits per pixel")
    return 0


def open_picture(path: Path, channels: int, factor: int, size: int | None):
    """One file -> (H, W, channels) uint8, its shorter side resized to `size`, cut in the middle to multiples of f.

    Raises ValueError for a file that is damaged, smaller than f or larger than folders.PIXEL_LIMIT.
    """
    import numpy as np
    from PIL import Image

    from minivq import folders
    try:
        picture, _ = folders.decode(path, size or 1, whole=True)
    except folders.Unfit as reason:
        raise ValueError(f"{path}: {reason}") from reason
    image = Image.fromarray(picture).convert("L" if channels == 1 else "RGB")
    scale = size / min(image.size) if size else min(1.0, LARGEST / max(image.size))
    image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.LANCZOS)
    width, height = (side // factor * factor for side in image.size)
    if not width or not height:
        raise ValueError(f"{path} has {image.width}x{image.height} px: wanted at least {factor}x{factor}, "
                         f"or --size {factor} and more")
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return np.array(image.crop((left, top, left + width, top + height))).reshape(height, width, channels)


def evaluate(args: argparse.Namespace) -> int:
    """Print the scores of a model as a table and write them as JSON."""
    model = pretrained.load(args.model)
    pictures = load_first(args.data, args.size, args.split, args.count, args.crop)
    train = load_first(args.data, args.size, "train", evaluation.BASELINE_PICTURES, args.crop)
    training.check_fit(model.config, pictures, training.TrainConfig(steps=1))
    scores = evaluation.evaluate(model, pictures, train, args.count)
    print(evaluation.table(scores))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({**scores, "model": str(args.model), "command": command_line(),
                                         "machine": machine()}, indent=2) + "\n")
    return 0


def load_first(data: str, size: int, split: str, count: int | None, crop: str = "center") -> datasets.Pictures:
    """The first `count` pictures of a split (None: all). Worlds draw no more than that; other sets are read whole."""
    return datasets.load(data, size, split, count if data in datasets.WORLDS else None, crop)


def publish(args: argparse.Namespace) -> int:
    """Copy a run's model to data/checkpoints, its scores and history to manifest.json, a picture to data/figures."""
    from minivq import plot
    model = pretrained.load(args.folder)
    history, target = model.info, checkpoint.FOLDER / f"{args.name}.pt"
    test = datasets.load(history["data"], history["size"], "test")
    train = load_first(history["data"], history["size"], "train", evaluation.BASELINE_PICTURES)
    scores = {"validation": history.pop("validation"), "test": evaluation.evaluate(model, test, train)}
    print(evaluation.table(scores["test"]))
    pretrained.export(model, target, history)
    manifest = checkpoint.manifest(target.parent)
    manifest[args.name] = {"kind": "vqvae", "sha256": checkpoint.sha256(target), **history, "scores": scores}
    x = test.batch(range(6))
    x_rec, indices = reconstruct(pretrained.load(target), x)
    plot.save(target.parents[1] / "figures" / f"{args.name}.png", plot.strip(x, indices, x_rec, model.config.K))
    checkpoint.write_text(target.parent / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
