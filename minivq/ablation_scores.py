"""What the study of f asks of samples: how they look as a set, whether they hang together, how long they took. Floor 4.
"""
import statistics
import time

import torch
from torch import Tensor

from minivq import datasets, evaluation, metrics, perceptual, sampling
from minivq.datasets import Pictures
from minivq.judge import Judge
from minivq.perceptual import unit
from minivq.sampling import SampleConfig
from minivq.twostage import TwoStage
from minivq.windows import corner


@torch.no_grad()
def features(pixels: Tensor) -> Tensor:
    """(N, H, W, C) uint8 -> (N, F): what the small perceptual net sees in each, means over places, layer by layer."""
    net = perceptual.mini().net
    return torch.cat([torch.cat([unit(layer).mean((2, 3)) for layer in net(datasets.from_uint8(part).expand(
        -1, 3, -1, -1))], 1) for part in pixels.split(64)])


def spread(pictures: Pictures, count: int) -> Tensor:
    """-> (count,) rows, at most all, evenly through the set: the first ones of a folder are all of its first class."""
    return torch.linspace(0, len(pictures) - 1, min(count, len(pictures))).long()


def looks(pixels: Tensor, test: Pictures) -> dict[str, float]:
    """Pictures (N, H, W, C) uint8, of any kind -> the Fréchet distance of their `features` from those of N test ones.

    For pictures without a judge: it sees colours and textures, and compares with nothing but itself, at equal N.
    Nothing for pictures below 32 px, or fewer than two.
    """
    count = min(len(pixels), len(test))
    if test.size < perceptual.SMALLEST or count < 2:
        return {}
    real = datasets.to_uint8(test.batch(spread(test, count)))
    return {"looks": metrics.frechet(features(pixels[:count]), features(real)), "looked_at": count}


def floor_of_looks(train: Pictures, test: Pictures, count: int) -> dict[str, float]:
    """How far other real pictures look from the test ones: mean and deviation of `looks` of up to 8 sets of `count`.

    One set would not do: by chance alone, 250 real pictures can lie twice as far away as 250 others.
    """
    count = min(count, len(test), len(train))
    sets = min(8, len(train) // count)
    found = [looks(datasets.to_uint8(train.batch(torch.arange(first, len(train), sets)[:count])), test).get("looks")
             for first in range(sets)]
    if None in found:
        return {}
    return {"looks": statistics.fmean(found), "looks_deviation": statistics.pstdev(found), "sets": sets}


def judged(judge: Judge | None, pixels: Tensor, test: Pictures) -> dict:
    """Samples (N, H, W, C) uint8 -> what the judge of the test pictures' world says of them; nothing without one."""
    if judge is None:
        return {}
    seen = evaluation.look(judge, lambda rows: datasets.from_uint8(pixels[rows]), len(pixels))
    real = evaluation.look(judge, test.batch, len(pixels)).features
    few = min(256, len(pixels))
    found = {"samples": len(pixels), "ffd": metrics.frechet(seen.features, real),
             "ffd_256": metrics.frechet(seen.features[:few], real[:few])}
    left, right = evaluation.pairs(judge, seen.answers)
    found |= evaluation.hangs_together(judge, seen)
    shown = (left > 0) | (right > 0)
    found["attributes"] = {name: ((left == right) & shown)[:, i].sum().item() / max(1, shown[:, i].sum().item())
                           for i, name in enumerate(evaluation.sides(judge))}
    return found


@torch.no_grad()
def plain_seconds(model: TwoStage, most: int = 1024) -> float:
    """Seconds that the plain loop needs for one picture: a token at a time, its whole window computed, in float32.

    At most so many tokens are timed, in the middle rows; the others cost the same.
    """
    (h, w), n, prior = model.window.grid, model.window.n, model.prior
    rows = max(1, min(h, most // w))
    tokens, u = torch.zeros(1, h, w, dtype=torch.int64), torch.rand(h, w, generator=torch.Generator().manual_seed(0))
    cond, config, seconds = model.slide_cond((h, w), 1), SampleConfig(top_k=None), []
    for i in range((h - rows) // 2, (h - rows) // 2 + rows):
        started = time.perf_counter()
        for j in range(w):
            top, left = corner(i, h, n), corner(j, w, n)
            window = tokens[:, top:top + n, left:left + n].flatten(1)
            place = (i - top) * n + j - left
            logits = prior(window[:, :-1], cond(top, left))[:, place]
            tokens[:, i, j] = sampling.draw(logits, u[i, j, None], config)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * h
