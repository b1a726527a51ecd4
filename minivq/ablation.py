"""python -m minivq ablation: one prior, one window of tokens, first stages of growing f. Floor 5.

Everything it makes stands in its folder and is made once; given again, it goes on where it stopped.
"""
import argparse
import json
import math
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from minivq import checkpoint, datasets, distributed, evaluation, pretrained, sampling, sentences
from minivq.ablation_figures import draw_figures, table
from minivq.ablation_scores import (
    PLAIN,
    fast_seconds,
    floor_of_looks,
    judged,
    looks,
    plain_seconds,
    sliding_nats,
    spread,
)
from minivq.autoencoder import VQVAE, VQVAEConfig, reconstruct
from minivq.commands import STYLE, add_data, judge_of, kept, load_first, talk, write_study
from minivq.commands_train import train
from minivq.commands_use import readers
from minivq.layers import count_parameters
from minivq.metrics import bits_per_pixel
from minivq.quantize import kmeans
from minivq.twostage import TwoStage


@dataclass(frozen=True)
class Study:
    """The sizes of a study; the same for every f, or it would compare more than f."""

    layers: int
    width: int
    steps: int                  # of each prior
    batch: int                  # windows a step
    count: int | None           # training pictures, None: all
    samples: int                # of each prior
    samples_of_pixels: int      # at f = 1, where a picture has f² = 64 times the tokens of f = 8
    scored: int | None          # test pictures on which first stages are scored, None: all
    held: int                   # f times as many validation pictures tell what a token costs
    minutes: float              # of each of the two trainings of a first stage that is not shipped


STUDIES = {"small": Study(4, 128, 300, 32, 4000, 256, 16, 256, 8, 1.0),
           "full": Study(4, 128, 2000, 32, 20_000, 1000, 256, None, 32, 10.0)}


def add_parser(commands) -> None:
    """Add `ablation`."""
    one = commands.add_parser("ablation", help="the study of the downsampling factor f", **STYLE)
    add_data(one)
    one.add_argument("--factors", type=int, nargs="+", default=[1, 2, 4, 8, 16], help="f, powers of 2")
    one.add_argument("--only", type=int, nargs="+", default=None, help="work on these factors alone, of --factors")
    one.add_argument("--window", type=int, default=8, help="tokens a side that a prior sees")
    one.add_argument("--study", choices=tuple(STUDIES), default="full", help="how much is trained and drawn")
    one.add_argument("--seeds", type=int, default=3, help="priors for each f")
    one.add_argument("--out", type=Path, default=Path("runs/ablation"), help="folder of the study")
    one.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result here, too")
    one.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Make what is missing, factor by factor, then the table and the figures of all that is there."""
    study = STUDIES[args.study]
    check(args)
    about = {name: getattr(args, name) for name in ("data", "size", "crop", "window")} | asdict(study)
    if (found := kept(args.out / "about.json", lambda: about)) != about:
        raise ValueError(f"{args.out} holds another study, {found}: wanted {about}, or another --out")
    todo = [(f, seed) for f in args.only or args.factors for seed in range(args.seeds)]
    started = time.perf_counter()
    for number, (f, seed) in enumerate(todo):
        stage = first_stage(args, study, f)
        scores_of_stage(args, study, f, stage)
        prior(args, study, f, stage, seed)
        scores_of_samples(args, study, f, seed)
        spent = time.perf_counter() - started
        left = spent / (number + 1) * (len(todo) - number - 1) / 60
        talk(f"f={f}, seed {seed}: done" + (f"; about {left:.0f} minutes left" if left else f", all in {args.out}"))
    for f, seed in todo:                # one after the other, when nothing else is left to do
        seconds(args, f, seed)
    rows = {str(f): row_of(args, f) for f in args.factors if (args.out / f"f{f}" / "scores-0.json").is_file()}
    same = {(row["blocks"], row["tokens_seen"]) for row in rows.values() if row["window"] == args.window}
    if len(same) > 1:
        raise ValueError(f"priors of different (parameters, seen tokens) {sorted(same)} in {args.out}: wanted one "
                         "study in one folder")
    draw_figures(args.out, rows, args.json)
    print(table(rows))
    return write_study(args, {"data": args.data, "size": args.size, "study": args.study, "seeds": args.seeds,
                              "factors": rows, "anchors": anchors(args)})


def check(args: argparse.Namespace) -> None:
    """Raise ValueError for factors, sizes or windows that make no study, before anything is made."""
    for f in args.factors:
        if f < 1 or f & (f - 1):
            raise ValueError(f"factor {f}: wanted a power of 2")
        if f > args.size or args.size % f:
            raise ValueError(f"factor {f} of pictures of {args.size} px: wanted one that divides them")
    if args.window < 2 or args.window % 2:
        raise ValueError(f"window={args.window}: wanted an even number of tokens")
    if missing := set(args.only or ()) - set(args.factors):
        raise ValueError(f"--only {sorted(missing)}: wanted some of --factors {args.factors}")
    if args.seeds < 1:
        raise ValueError(f"seeds={args.seeds}: wanted at least 1")


def window_of(args: argparse.Namespace, f: int) -> int:
    """The window in tokens: the whole grid, where that is smaller."""
    return min(args.window, args.size // f)


def first_stage(args: argparse.Namespace, study: Study, f: int) -> str:
    """The name or the folder of the first stage of this f: the shipped one, or one trained here."""
    shipped = f"{args.data}-f{f}"
    if shipped in pretrained.available() and pretrained.load(shipped).info["size"] == args.size:
        return shipped
    folder = args.out / f"f{f}" / "stage"
    if (folder / "model.pt").is_file():
        return str(folder)
    if f == 1:
        model = colours(load_first(args.data, args.size, "train", study.count, args.crop))
        pretrained.export(model, folder / "model.pt", {"data": args.data, "size": args.size})
    else:
        talk(f"f={f}: a first stage, in {folder}")
        common = ["--data", args.data, "--size", args.size, "--crop", args.crop, "--minutes", study.minutes]
        train("vqvae", *common, "--factor", f, "--out", folder.with_name("stage-vqvae"))
        train("vqgan", *common, "--init", folder.with_name("stage-vqvae"), "--out", folder)
    return str(folder)


def colours(pictures: datasets.Pictures, K: int = 512) -> VQVAE:
    """The first stage of f = 1: K colours by k-means on the pixels of 500 pictures (Chen et al. 2020, Image GPT)."""
    points = pictures.batch(range(min(500, len(pictures)))).movedim(1, -1).reshape(-1, pictures.channels)
    model = VQVAE(VQVAEConfig(pictures.channels, (8,), d=pictures.channels, K=K, quantizer="colours")).eval()
    model.quantizer.start(kmeans(points[::max(1, len(points) // (200 * K))], K, 20, torch.Generator().manual_seed(0)))
    return model


def scores_of_stage(args: argparse.Namespace, study: Study, f: int, stage: str) -> dict:
    """PSNR, perceptual distance, usage and, of a world, consistency and FFD of reconstructions, on test."""
    file = checkpoint.sha256(pretrained.find(stage))

    def make() -> dict:
        model = pretrained.load(stage, distributed.device(), kind="vqvae")
        test = load_first(args.data, args.size, "test", study.scored, args.crop)
        scores = evaluation.evaluate(model, test, None, study.scored, **readers(args.data, args.size), anchored=False)
        x = test.batch(spread(test, study.samples))
        again = datasets.to_uint8(reconstruct(model, x.to(distributed.device()))[0].cpu())
        return scores | looks(again, test) | {"parameters": count_parameters(model), "sha256": file,
                                              "minutes": model.info.get("minutes", 0.0)}
    found = kept(args.out / f"f{f}" / "stage.json", make)
    if found["sha256"] != file:
        raise ValueError(f"{stage} has changed since {args.out / f'f{f}'} was begun: wanted the one of "
                         f"sha256={found['sha256'][:12]}, or another --out")
    return found


def prior(args: argparse.Namespace, study: Study, f: int, stage: str, seed: int) -> TwoStage:
    """The prior of this f and seed, trained or gone on with where it is not finished."""
    folder = args.out / f"f{f}" / f"prior-{seed}"
    if not (folder / "model.pt").is_file():
        talk(f"f={f}, seed {seed}: a prior, in {folder}")
        train("prior", "--data", args.data, "--size", args.size, "--crop", args.crop, "--first-stage", stage,
              "--window", window_of(args, f), "--places", "--layers", study.layers, "--width", study.width,
              "--steps", study.steps, "--batch", study.batch, "--seed", seed, "--patience", 99, "--few",
              "--out", folder,
              *(("--count", study.count) if study.count and args.data in datasets.WORLDS else ()))
    return pretrained.load(folder, distributed.device(), kind="prior")


def samples(args: argparse.Namespace, study: Study, f: int, seed: int) -> np.ndarray:
    """(N, H, W, C) uint8: what the prior draws, kept in parts of 64 pictures."""
    folder, total = args.out / f"f{f}" / f"samples-{seed}", study.samples_of_pixels if f == 1 else study.samples
    folder.mkdir(parents=True, exist_ok=True)
    model = pretrained.load(args.out / f"f{f}" / f"prior-{seed}", distributed.device(), kind="prior")
    grid, parts = model.window.grid, []
    for first in tqdm(range(0, total, 64), unit="part", leave=False, desc=f"samples, f={f}"):
        path, count = folder / f"{first}.npz", min(64, total - first)
        if not path.is_file():
            generator = torch.Generator().manual_seed(1000 * seed + first)
            tokens = sampling.sample_sliding(model.prior, grid, model.window.n, count, model.slide_cond(grid, count),
                                             PLAIN, generator)
            temporary = path.with_suffix(".tmp.npz")
            np.savez(temporary, pixels=datasets.to_uint8(model.decode(tokens)).numpy())
            temporary.replace(path)
        with np.load(path) as file:
            parts.append(file["pixels"])
    return np.concatenate(parts)


def scores_of_samples(args: argparse.Namespace, study: Study, f: int, seed: int) -> dict:
    """Likelihood on validation; of a world, consistency, coverage, each attribute's share, FFD on 256 and on all."""
    def make() -> dict:
        model = pretrained.load(args.out / f"f{f}" / f"prior-{seed}", distributed.device(), kind="prior")
        held = load_first(args.data, args.size, "validation", study.held * f, args.crop)
        held = sentences.encoded(model.first_stage, held, False, classes=False).tokens[:study.held * f]
        nats, tokens, area = sliding_nats(model, held), held[0].numel(), args.size**2
        found = {"nats_per_token": nats, "nats_per_picture": nats * tokens, "held": len(held),
                 "bits_per_pixel": nats * tokens / math.log(2) / area,
                 "minutes": model.info["minutes"], "machine": model.info["machine"],
                 "parameters": count_parameters(model.prior), "blocks": count_parameters(model.prior.blocks),
                 "tokens_seen": model.info["pictures_seen"] * model.window.n**2, "window": model.window.n}
        pixels = torch.from_numpy(samples(args, study, f, seed))
        test = load_first(args.data, args.size, "test", len(pixels), args.crop)
        return found | looks(pixels, test) | judged(judge_of(args.data), pixels, test)
    return kept(args.out / f"f{f}" / f"scores-{seed}.json", make)


def seconds(args: argparse.Namespace, f: int, seed: int) -> dict:
    """What a picture takes in the plain loop, and in ours."""
    def make() -> dict:
        model = pretrained.load(args.out / f"f{f}" / f"prior-{seed}", distributed.device(), kind="prior")
        return {"plain": plain_seconds(model), "fast": fast_seconds(model)}
    return kept(args.out / f"f{f}" / f"seconds-{seed}.json", make)


def anchors(args: argparse.Namespace) -> dict:
    """What the judge says of real pictures and of bad ones; nothing where there is no judge."""
    judge = judge_of(args.data)
    if judge is None:
        train, test = (load_first(args.data, args.size, split, None, args.crop) for split in ("train", "test"))
        return {"missing": "consistency and FFD: they need a world's ground truth",
                **floor_of_looks(train, test, STUDIES[args.study].samples)}
    count = STUDIES[args.study].samples
    test = datasets.load(args.data, args.size, "test", count)

    def make() -> dict:
        return evaluation.anchors(judge, test, evaluation.look(judge, test.batch, count), count)
    return kept(args.out / "anchors.json", make)


def row_of(args: argparse.Namespace, f: int) -> dict:
    """All that is known of one f: its first stage, and mean, deviation and standard error over the seeds.

    One seed tells of no deviation: it and the error are None then.
    """
    folder = args.out / f"f{f}"
    found = [json.loads((folder / f"scores-{seed}.json").read_text()) | seconds(args, f, seed)
             for seed in range(args.seeds) if (folder / f"scores-{seed}.json").is_file()]
    stage, n = json.loads((folder / "stage.json").read_text()), found[0]["window"]
    row = {"stage": stage, "seeds": found, "window": n, "tokens": (args.size // f)**2,
           "share_seen": min(1.0, (n * f / args.size)**2), "tokens_seen": found[0]["tokens_seen"],
           # The tables of codes and places differ from f to f; the blocks between are the same.
           "parameters": found[0]["parameters"], "blocks": found[0]["blocks"],
           "bits_per_pixel_of_codes": bits_per_pixel(stage["K"], f)}
    for name in ("consistency", "coverage", "mirror", "ffd", "ffd_256", "looks", "nats_per_token", "nats_per_picture",
                 "bits_per_pixel", "plain", "fast", "minutes"):
        values = [one[name] for one in found if name in one]
        if values:
            deviation = statistics.stdev(values) if len(values) > 1 else None
            row[name] = {"mean": statistics.fmean(values), "deviation": deviation,
                         "error": deviation and deviation / math.sqrt(len(values))}
    return row
