"""Scores of drawn pictures: they have no originals, so they are compared with others as sets. Floor 4."""
import torch
from torch import Tensor

from minivq import datasets, evaluation, metrics
from minivq.datasets import Pictures
from minivq.judge import Judge


def evaluate_samples(drawn: Tensor, pictures: Pictures, judge: Judge, train: Pictures | None = None,
                     classes: Tensor | None = None) -> dict:
    """Drawn pictures (N, H, W, C) uint8 against the first N of `pictures`, of the judge's world.

    ffd: Fréchet distance of the judge's features, and that of the reconstructions' floor, other real pictures;
    consistency and coverage, of faces; class_score: how surely the judge names a class and how evenly they occur, see
    `class_score`, beside that of real pictures. classes (N,): what the pictures were told to be; class_accuracy: how
    often the judge sees it. With `train`: how far the nearest of its pictures is by features, for drawn pictures and
    for as many real ones; copies would be nearer. Raises ValueError where there are fewer pictures than N.
    """
    count = len(drawn)
    if count > len(pictures):
        raise ValueError(f"{count} drawn pictures, {len(pictures)} real ones: FFD compares sets of one size")
    x = evaluation.look(judge, lambda rows: datasets.from_uint8(drawn[rows]), count)
    real = evaluation.look(judge, pictures.batch, count)
    split = "validation" if pictures.split != "validation" else "test"
    other = datasets.load(pictures.name, pictures.size, split, count)
    held = evaluation.look(judge, other.batch, count)
    scores = {"ffd": metrics.frechet(x[0], real[0]), "ffd_floor": metrics.frechet(held[0], real[0]),
              "class_score": class_score(judge, lambda rows: datasets.from_uint8(drawn[rows]), count),
              "class_score_real": class_score(judge, pictures.batch, count),
              "pictures": count, "data": pictures.name, "size": pictures.size, "split": pictures.split,
              "judge": judge.info.get("name", judge.config.world)}
    if evaluation.sides(judge):
        for name, answers in (("", x[1]), ("_real", real[1])):
            found = metrics.consistency(*evaluation.pairs(judge, answers))
            scores |= {f"consistency{name}": found[0], f"coverage{name}": found[1]}
    if classes is not None:
        scores["class_accuracy"] = (x[1]["class"] == classes).float().mean().item()
    if train is not None:
        known = evaluation.look(judge, train.batch, len(train))[0]
        for name, features in (("", x[0]), ("_real", held[0])):
            nearest = neighbours(features, known)[0]
            scores |= {f"neighbour{name}": nearest.mean().item(), f"neighbour{name}_5%": nearest.quantile(0.05).item()}
    return scores


def neighbours(features: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """(N, F), (M, F) -> (N,) the distance to the nearest row of `known`, (N,) which one that is."""
    found = [torch.cdist(part, known).min(1) for part in features.split(256)]
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])


@torch.no_grad()
def class_score(judge: Judge, batch, count: int) -> float:
    """exp E KL(p(y|x) || p(y)) of the judge's classes: 1 where all pictures look alike to it, at most their number.

    What Salimans et al. (2016) call an Inception score, with the judge in the place of Inception.
    """
    odds = torch.cat([judge(batch(rows)).answers["class"].softmax(1) for rows in torch.arange(count).split(64)])
    mean = odds.mean(0, keepdim=True)
    return (odds * ((odds + 1e-12).log() - (mean + 1e-12).log())).sum(1).mean().exp().item()
