"""What the study of f asks of samples: how they look as a set, whether they hang together, how long they took. Floor 4.
"""
import statistics
import time
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from minivq import datasets, distributed, evaluation, metrics, perceptual, sampling
from minivq.datasets import Pictures
from minivq.judge import Judge
from minivq.perceptual import unit
from minivq.sampling import SampleConfig
from minivq.twostage import TwoStage
from minivq.windows import corner

PLAIN = SampleConfig(top_k=None, bf16=None)     # every prior draws as it has learned, nothing cut off
AT_ONCE = 16                                    # pictures that the fast way draws together when it is timed


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
    agree, seen_ = ((left == right) & shown).sum(0).tolist(), shown.sum(0).tolist()
    found["attributes"] = {name: agree[i] / seen_[i] if seen_[i] else None      # None: on no picture is it to be seen
                           for i, name in enumerate(evaluation.sides(judge))}
    return found


@torch.no_grad()
def sliding_nats(model: TwoStage, tokens: Tensor) -> float:
    """Pictures as tokens (N, h, w) -> nats per token, each read in the window in which it would be drawn."""
    (h, w), n, total, tokens = tokens.shape[1:], model.window.n, 0.0, tokens.long()
    cond, device = model.slide_cond((h, w), len(tokens)), distributed.device()
    rows, columns = ([[k for k in range(side) if corner(k, side, n) == first] for first in range(side - n + 1)]
                     for side in (h, w))                            # which of them belong to each corner
    for top, left in product(range(h - n + 1), range(w - n + 1)):
        window = tokens[:, top:top + n, left:left + n].flatten(1).to(device)
        own = [(i - top) * n + j - left for i in rows[top] for j in columns[left]]
        with distributed.autocast(device, None):
            logits = model.prior(window[:, :max(own)], None if cond is None else cond(top, left).to(device))[:, own]
        total += F.cross_entropy(logits.float().flatten(0, 1), window[:, own].flatten(), reduction="sum").item()
    return total / tokens.numel()


@torch.no_grad()
def plain_seconds(model: TwoStage, most: int = 1024) -> float:
    """Seconds that the plain loop needs for one picture: a token at a time, its whole window computed, in float32.

    At most so many tokens are timed, in the middle rows; the others cost the same.
    """
    (h, w), n, prior = model.window.grid, model.window.n, model.prior
    rows = max(1, min(h, most // w))
    tokens, u = torch.zeros(1, h, w, dtype=torch.int64), torch.rand(h, w, generator=torch.Generator().manual_seed(0))
    cond, config, seconds = model.slide_cond((h, w), 1), SampleConfig(top_k=None), []
    device = next(prior.parameters()).device
    for i in range((h - rows) // 2, (h - rows) // 2 + rows):
        started = time.perf_counter()
        for j in range(w):
            top, left = corner(i, h, n), corner(j, w, n)
            window = tokens[:, top:top + n, left:left + n].flatten(1)
            place = (i - top) * n + j - left
            logits = prior(window[:, :-1].to(device), cond(top, left).to(device))[:, place]
            tokens[:, i, j] = sampling.draw(logits.cpu(), u[i, j, None], config)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * h


def fast_seconds(model: TwoStage) -> float:
    """Seconds a picture by `sample_sliding`, 16 at once, in bf16 where the processor has it."""
    grid, started = model.window.grid, time.perf_counter()
    sampling.sample_sliding(model.prior, grid, model.window.n, AT_ONCE, model.slide_cond(grid, AT_ONCE), PLAIN)
    return (time.perf_counter() - started) / AT_ONCE
