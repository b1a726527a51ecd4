"""python -m minivq study vqgan | rate | …: the trainings and scores behind a claim, by one command. Floor 5.

A study is a list of trainings by the ordinary commands, each in a folder of its own, and of scores on the test split.
Given again, it goes on where it was: finished trainings and scores are kept.
"""
import argparse
import statistics
from pathlib import Path

import torch

from minivq import commands_train, datasets, distributed, evaluation, metrics, pretrained, studies_priors
from minivq.autoencoder import reconstruct
from minivq.commands import STYLE, kept, load_first, talk, write_study
from minivq.commands_use import readers

SPREAD = ("psnr", "ffd", "feature_distance", "perceptual", "sharpness", "usage", "consistency")


def add_parser(commands) -> None:
    """Add `study` with its kinds."""
    kinds = commands.add_parser("study", help="the trainings and scores behind a claim")
    kinds = kinds.add_subparsers(required=True, metavar="vqgan | rate | priors | sampling | memory")

    one = kinds.add_parser("vqgan", help="VQGAN against VQ-VAE, both trained on from one first stage", **STYLE)
    one.add_argument("--data", choices=("faces", "landscapes"), default="faces", help="the world")
    one.add_argument("--init", default=None, metavar="NAME", help="first stage (default: DATA-vqvae-f8)")
    one.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    add_study(one, minutes=20.0, out="runs/study-vqgan")
    one.set_defaults(run=study_vqgan)

    one = kinds.add_parser("rate", help="rate against quality: three numbers of codes at f = 8", **STYLE)
    one.add_argument("--data", choices=("faces", "landscapes"), default="faces", help="the world")
    one.add_argument("--codes", type=int, nargs="+", default=[64, 512, 4096], help="K of each training")
    add_study(one, minutes=6.0, out="runs/study-rate")
    one.set_defaults(run=study_rate)

    studies_priors.add_parsers(kinds)


def add_study(command: argparse.ArgumentParser, minutes: float, out: str) -> None:
    """The options that every study has."""
    command.add_argument("--minutes", type=float, default=minutes, help="of each training")
    command.add_argument("--steps", type=int, nargs="+", default=None, metavar="N", help="of each training, in place "
                         "of --minutes, where another machine does what yours would: of a VQ-VAE, then of a VQGAN")
    command.add_argument("--out", type=Path, default=Path(out), help="folder of the study")
    command.add_argument("--count", type=int, default=None, help="test pictures that are scored (default: all)")
    command.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result here, too")


def study_vqgan(args: argparse.Namespace) -> int:
    """Train both kinds with every seed, score them on test, print and write means and deviations."""
    init, runs = args.init or f"{args.data}-vqvae-f8", {}
    for seed in range(args.seeds):
        for kind in ("vqvae", "vqgan"):
            runs[f"{kind} {seed}"] = trained(args, kind, f"{kind}-{seed}", ["--init", init, "--seed", str(seed)])
    means = {kind: {name: spread([run[name] for key, run in runs.items() if key.startswith(kind)])
                    for name in SPREAD if name in runs[f"{kind} 0"]} for kind in ("vqvae", "vqgan")}
    for name in means["vqvae"]:
        row = [f"{means[kind][name]['mean']:>10.4f} ± {means[kind][name]['deviation']:.4f}" for kind in means]
        talk(f"{name:<18}" + "".join(row))
    return finish(args, {"init": init, "start": scored(args, args.out / "start.json", init), "runs": runs,
                         "means": means})


def study_rate(args: argparse.Namespace) -> int:
    """Train a first stage for each number of codes, score it on test, print and write the rows."""
    runs = {str(K): trained(args, "vqvae", f"codes-{K}", ["--codes", str(K)]) for K in args.codes}
    for K, run in runs.items():
        talk(f"K={K:<6}{run['bits_per_pixel']:.4f} bits per pixel  {run['psnr']:.2f} dB  {run['usage']:.0%} of codes")
    return finish(args, {"runs": runs})


def trained(args: argparse.Namespace, kind: str, name: str, options: list[str]) -> dict:
    """Train one model of a study in its folder, unless it is done; its scores on test, measured once and kept."""
    folder = args.out / name
    if not (folder / "scores.json").is_file():
        talk(f"{name}, in {folder}")
        length = ("--minutes", args.minutes)
        if args.steps is not None:
            length = ("--steps", args.steps[0] if kind == "vqvae" else args.steps[-1])
        commands_train.train(kind, "--data", args.data, *length, "--out", folder / "run", *options)
    return scored(args, folder / "scores.json", folder / "run")


def scored(args: argparse.Namespace, path: Path, name: str | Path) -> dict:
    """The scores of a model on test, measured once and kept in the file `path`."""
    def make() -> dict:
        test = load_first(args.data, 64, "test", args.count)
        model = pretrained.load(name, distributed.device(), kind="vqvae")
        scores = evaluation.evaluate(model, test, None, args.count, **readers(args.data, 64), anchored=False)
        return scores | {"train": model.info | {"validation": None}, **checkerboard(model, test)}
    return kept(path, make)


@torch.no_grad()
def checkerboard(model, pictures: datasets.Pictures) -> dict[str, float]:
    """Energy of redrawn pictures at periods of f and 2 f px, as shares of the originals' (1: no pattern of its own)."""
    x = pictures.batch(range(min(len(pictures), 512))).to(next(model.parameters()))
    x_rec, _ = reconstruct(model, x)
    f = model.config.factor
    return {f"energy_at_{period}_px": metrics.period_energy(x_rec, period) / metrics.period_energy(x, period)
            for period in (f, 2 * f)}


def spread(values: list[float]) -> dict[str, float]:
    """Mean and standard deviation (0 of a single value)."""
    return {"mean": statistics.fmean(values), "deviation": statistics.stdev(values) if len(values) > 1 else 0.0}


def finish(args: argparse.Namespace, result: dict) -> int:
    """Write the result with the anchors of its scores beside the runs, and where --json says."""
    judge = readers(args.data, 64)["judge"]
    if judge is not None:
        test = load_first(args.data, 64, "test", args.count)
        seen = evaluation.look(judge, test.batch, len(test))
        result["anchors"] = evaluation.anchors(judge, test, seen, len(test))
    return write_study(args, result)
