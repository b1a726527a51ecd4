"""python -m minivq study priors | sampling | memory: what the second stage's claims rest on. Floor 5."""
import argparse
import json
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from minivq import checkpoint, datasets, distributed, evaluation_samples, pretrained, selector, sentences
from minivq.commands import STYLE, judge_of, kept, talk, write_study
from minivq.commands_train import train
from minivq.layers import count_parameters
from minivq.sampling import SampleConfig, best
from minivq.training_prior import nll
from minivq.twostage import TwoStage

# Layers and width of each kind with as many parameters as a transformer of 6 layers of 192, within 5 %.
SHAPES = {"transformer": (6, 192), "pixelcnn": (8, 128), "pixelsnail": (7, 128)}
SETTINGS = {                            # one thing at a time, away from the plain draw at temperature 1
    "top_k": [{"top_k": k} for k in (1, 5, 20, 50, 100, 200, None)],
    "top_p": [{"top_k": None, "top_p": p} for p in (0.5, 0.7, 0.8, 0.9, 0.95, 1.0)],
    "temperature": [{"top_k": None, "temperature": t} for t in (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)],
    "guidance": [{"top_k": None, "guidance": g} for g in (0.0, 0.5, 1.0, 2.0)],
}
SHARES = (1.0, 0.5, 0.25, 0.1, 0.05)    # of the drawn pictures that are kept, in rejection


def add_parsers(kinds) -> None:
    """Add the studies of the second stage to `study`."""
    one = kinds.add_parser("priors", help="transformer, PixelCNN and PixelSNAIL on the same codes", **STYLE)
    one.add_argument("--data", default="faces", help="the pictures")
    one.add_argument("--size", type=int, default=64, help="px")
    one.add_argument("--first-stage", default="faces-f8", metavar="NAME", help="whose codes they learn")
    one.add_argument("--steps", type=int, default=500, help="of each training")
    one.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    add_out(one, "runs/study-priors")
    one.set_defaults(run=study_priors)

    one = kinds.add_parser("sampling", help="FFD over top-k, top-p, temperature, guidance and acceptance", **STYLE)
    add_model(one, 1000)
    add_out(one, "runs/study-sampling")
    one.set_defaults(run=study_sampling)

    one = kinds.add_parser("memory", help="a prior on few pictures: at its best, and knowing them by heart", **STYLE)
    one.add_argument("--first-stage", default="faces-f8", metavar="NAME", help="whose codes it learns")
    one.add_argument("--few", type=int, default=500, help="training pictures")
    one.add_argument("--steps", type=int, default=1200, help="of the training")
    one.add_argument("--count", type=int, default=1000, help="samples that are scored")
    add_out(one, "runs/study-memory")
    one.set_defaults(run=study_memory)


def add_model(one: argparse.ArgumentParser, count: int) -> None:
    """The options of a study that draws."""
    one.add_argument("--model", default="faces", metavar="NAME", help="the prior")
    one.add_argument("--count", type=int, default=count, help="samples at each setting")


def add_out(one: argparse.ArgumentParser, out: str) -> None:
    """Where a study leaves what it finds."""
    one.add_argument("--out", type=Path, default=Path(out), help="folder of the study")
    one.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the result here, too")


def study_priors(args: argparse.Namespace) -> int:
    """Train each kind with each seed for the same steps; curves of validation loss over steps and seconds."""
    runs, simple = {}, {}
    for seed in range(args.seeds):
        for kind, (layers, width) in SHAPES.items():
            folder = args.out / f"{kind}-{seed}"
            if not (folder / "model.pt").is_file():
                talk(f"{kind} {seed}, in {folder}")
                train("prior", "--data", args.data, "--size", args.size, "--first-stage", args.first_stage,
                      "--prior", kind, "--layers", layers, "--width", width, "--steps", args.steps, "--seed", seed,
                      "--few", "--out", folder)
            model = pretrained.load(folder, kind="prior")
            lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
            curve = [[line["step"] + 1, round(60 * line["minutes"], 1), line["val_nll"]] for line in lines
                     if "val_nll" in line]
            runs[f"{kind} {seed}"] = {"parameters": count_parameters(model.prior), "steps": args.steps,
                                      "minutes": model.info["minutes"], "curve": curve,
                                      "nats_per_token": model.info["validation"]["nats_per_token"]}
            simple = {name: model.info["validation"][name] for name in ("uniform", "unigram", "bigram")}
            talk(f"{kind} {seed}: {runs[f'{kind} {seed}']['nats_per_token']:.3f} nats a token, "
                 f"{curve[-1][1] / 60:.1f} minutes")
    return write_study(args, {"runs": runs, **simple, "first_stage": args.first_stage})


def study_sampling(args: argparse.Namespace) -> int:
    """Draw at every setting, score, and keep what is done in the study's folder."""
    model = pretrained.load(args.model, distributed.device(), kind="prior")
    data, size = model.info["data"], model.info["size"]
    judge, test = judge_of(data), datasets.load(data, size, "test")
    against = evaluation_samples.yardstick(judge, test, args.count)
    classes = test.labels[:args.count] if model.classes else None   # told to be what the test pictures are
    redrawn = model.decode(model.encode(test.batch(range(args.count))))
    found = {"redrawn": scored(args, "redrawn", lambda: redrawn, judge, against, classes)}
    for name, settings in SETTINGS.items():
        if name == "guidance" and not model.classes:
            continue
        rows = []
        for setting in settings:
            config = SampleConfig(**{"top_k": None, **setting})
            rows.append({**setting, **scored(args, f"{name}-{setting[name]}", partial(drawn, model, classes, config),
                                             judge, against, classes)})
        found[name] = rows
    if model.classes and f"selector-{data}" in pretrained.available("selector"):
        chooser = selector.load(f"selector-{data}")
        found["acceptance"] = [
            {"share": share, **scored(args, f"acceptance-{share}", partial(chosen, model, classes, share, chooser),
                                      judge, against, classes)}
            for share in SHARES]
    return write_study(args, {"model": str(args.model), **found})


def drawn(model: TwoStage, classes: Tensor | None, config: SampleConfig, count: int = 0, seed: int = 0) -> Tensor:
    """One picture for each class told (N,), or `count` -> (N, C, H, W)."""
    cond = None if classes is None else classes[:, None]
    return model.sample(count if cond is None else len(cond), cond, config,
                        generator=torch.Generator().manual_seed(seed))


def chosen(model: TwoStage, classes: Tensor, share: float, chooser: selector.Selector) -> Tensor:
    """For each class told (N,), 1 / share pictures drawn, and the one kept of which the chooser is surest."""
    each = round(1 / share)
    told = classes.repeat_interleave(each)
    x = drawn(model, told, SampleConfig(top_k=None))
    scores = chooser.scores(x, told).reshape(-1, each)
    return torch.stack([group[best(row, share)[0]] for group, row in
                        zip(x.unflatten(0, (-1, each)), scores, strict=True)])


def scored(args: argparse.Namespace, name: str, draw, judge, against,
           classes: Tensor | None = None) -> dict:
    """The scores of what `draw()` gives, measured once and kept in the study's folder."""
    scores = kept(args.out / f"{name}.json", lambda: evaluation_samples.evaluate_samples(
        datasets.to_uint8(draw()), judge, against, classes))
    talk(f"{name:<20} FFD {scores['ffd']:8.1f}  class score {scores['class_score']:.2f}"
         + (f"  class {scores['class_accuracy']:.3f}" if "class_accuracy" in scores else "")
         + (f"  consistency {scores['consistency']:.3f}" if "consistency" in scores else ""))
    return scores


def study_memory(args: argparse.Namespace) -> int:
    """Train on few faces until they are known by heart; score the best and the last weights."""
    train("prior", "--first-stage", args.first_stage, "--count", args.few, "--no-mirror", "--steps", args.steps,
            "--patience", args.steps, "--few", "--out", args.out / "run")
    model = pretrained.load(args.out / "run", distributed.device(), kind="prior")
    data, size = model.info["data"], model.info["size"]
    few, validation = datasets.load(data, size, "train", args.few), datasets.load(data, size, "validation")
    sets = {name: sentences.encoded(model.first_stage, part, False, False)
            for name, part in (("train", few), ("validation", validation))}
    judge = judge_of(data)
    against = evaluation_samples.yardstick(judge, datasets.load(data, size, "test"), args.count, few)
    lines = [json.loads(line) for line in (args.out / "run" / "log.jsonl").read_text().splitlines()]
    found = {"few": args.few, "curve": [[line["step"] + 1, line["nll"], line["val_nll"]] for line in lines
                                        if "val_nll" in line]}
    for name in ("best", "last"):
        if name == "last":
            model.prior.load_state_dict(checkpoint.read(args.out / "run" / "state.pt")["model"])
        scores = scored(args, name, partial(drawn, model, None, SampleConfig(top_k=None), args.count),
                        judge, against)
        found[name] = {**scores, **{f"nats_{part}": nll(model.prior, sets[part]) for part in sets}}
        talk(f"{name}: " + ", ".join(f"{part} {found[name][f'nats_{part}']:.3f} nats" for part in sets)
             + f", nearest {found[name]['neighbour']:.2f}, of real pictures {found[name]['neighbour_real']:.2f}")
    return write_study(args, found)
