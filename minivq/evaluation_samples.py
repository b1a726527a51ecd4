"""Scores of drawn pictures: they have no originals, so they are compared with others as sets. Floor 4."""
from dataclasses import dataclass

import torch
from torch import Tensor

from minivq import datasets, evaluation, metrics
from minivq.datasets import Pictures
from minivq.evaluation import Seen, look
from minivq.judge import Judge


@dataclass(frozen=True)
class Yardstick:
    """What drawn pictures are held against: as many real ones, as many others, and features of the training set."""

    real: Seen
    held: Seen
    known: Tensor | None
    about: dict


def yardstick(judge: Judge, pictures: Pictures, count: int, train: Pictures | None = None) -> Yardstick:
    """The first `count` of `pictures`, of the judge's world, and as many of another split.

    train: the pictures that a prior learned from; they are known as they are, and mirrored.
    """
    other = datasets.load(pictures.name, pictures.size, "validation" if pictures.split != "validation" else "test",
                          count)
    real, held = (look(judge, part.batch, count) for part in (pictures, other))
    known = None if train is None else torch.cat([look(judge, batch, len(train)).features for batch in (
        train.batch, lambda rows: train.batch(rows).flip(3))])      # a prior learns from mirrored pictures, too
    return Yardstick(real, held, known, {"pictures": count, "data": pictures.name, "size": pictures.size,
                                         "split": pictures.split,
                                         "judge": judge.info.get("name", judge.config.world)})


def evaluate_samples(drawn: Tensor, judge: Judge, against: Yardstick, classes: Tensor | None = None) -> dict:
    """Drawn pictures (N, H, W, C) uint8 -> their scores beside those of real pictures (`…_real`, `ffd_floor`).

    ffd: Fréchet distance of the judge's features; the floor is that of other real pictures. consistency and the like:
    see `evaluation.hangs_together`. class_score: how surely the judge names a class and how evenly they occur. classes
    (N,): what the pictures were told to be; class_accuracy: how often the judge sees it. neighbour: where the training
    set is known, how far the nearest of its pictures is by features; copies would be nearer than real pictures are.
    Raises ValueError where N is not the number of the real pictures: FFD compares sets of one size.
    """
    count = len(against.real.features)
    if len(drawn) != count:
        raise ValueError(f"{len(drawn)} drawn pictures, {count} real ones: FFD compares sets of one size")
    found, real, held = look(judge, lambda rows: datasets.from_uint8(drawn[rows]), count), against.real, against.held
    scores = {"ffd": metrics.frechet(found.features, real.features),
              "ffd_floor": metrics.frechet(held.features, real.features),
              "class_score": class_score(found.odds), "class_score_real": class_score(real.odds), **against.about}
    scores |= evaluation.hangs_together(judge, found) | evaluation.hangs_together(judge, real, "_real")
    if classes is not None:
        scores["class_accuracy"] = (found.answers["class"] == classes).float().mean().item()
    if against.known is not None:
        for name, features in (("", found.features), ("_real", held.features)):
            nearest = neighbours(features, against.known)[0]
            scores |= {f"neighbour{name}": nearest.mean().item(), f"neighbour{name}_5%": nearest.quantile(0.05).item()}
    return scores


def neighbours(features: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """(N, F), (M, F) -> (N,) the distance to the nearest row of `known`, (N,) which one that is."""
    found = [torch.cdist(part, known).min(1) for part in features.split(256)]
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])


def class_score(odds: Tensor) -> float:
    """Odds of the classes (N, classes) -> exp E KL(p(y|x) || p(y)): 1 where all pictures look alike, at most classes.

    What Salimans et al. (2016) call an Inception score, with the judge in the place of Inception.
    """
    mean = odds.mean(0, keepdim=True)
    return (odds * ((odds + 1e-12).log() - (mean + 1e-12).log())).sum(1).mean().exp().item()
