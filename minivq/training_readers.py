"""Training nets that read pictures: the judge, which scores, and the selector, which chooses. Floor 3."""
import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minivq import checkpoint, datasets, distributed, drawing, halves, judge, runs
from minivq.judge import SIDE, Judge, JudgeConfig
from minivq.muon import Muon
from minivq.perceptual import MiniFeatures
from minivq.selector import Selector, SelectorConfig
from minivq.training import TrainConfig, autocast, batch_indices, descend, learning_rate, median_seconds, mixed

UNASKED = -1                    # the answer to a question that a picture is not asked
Loss = Callable[[nn.Module, int], tuple[Tensor, dict]]  # net, step -> a scalar, its log


def train(net: nn.Module, loss: Loss, config: TrainConfig, about: dict, out: str | Path) -> nn.Module:
    """Minimise loss(net, step) -> (scalar, log) in the folder `out`, or go on there; the net in eval mode.

    Raises ValueError where `out` holds another run, FloatingPointError for a loss that is not finite.
    """
    net = net.to(distributed.device(), memory_format=torch.channels_last).train()
    optimizer = Muon(net, config.peak)
    run = runs.Run(out, {**about, "train": dataclasses.asdict(config)}, {"model": net, "optimizer": optimizer},
                   config.steps, config.save_every)
    wrapped = distributed.wrap(net)
    for step in run:
        torch.manual_seed(mixed(config.seed, step * distributed.world_size() + distributed.rank()))
        value, log = loss(wrapped, step)
        descend(net, optimizer, value, config, step)
        run.log({"step": step, "lr": learning_rate(step, config), "loss": value.item(), **log},
                " ".join(f"{key} {number:.3f}" for key, number in log.items()))
    return net.eval()


def seconds_per_step(net: nn.Module, loss: Loss, config: TrainConfig) -> float:
    """Median time of a step, on a copy of the net."""
    copied = copy.deepcopy(net).to(distributed.device(), memory_format=torch.channels_last).train()
    optimizer = Muon(copied, 1e-6)

    def one(step: int) -> None:
        loss(copied, step)[0].backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return median_seconds(one)


@dataclasses.dataclass(frozen=True)
class Known:
    """Pictures of a world (in [-1, 1] by `pictures.batch`), their label maps, and the answers (N, questions)."""

    pictures: datasets.Pictures
    maps: datasets.Pictures
    answers: Tensor


def known(name: str, split: str, count: int | None) -> Known:
    """The first `count` pictures of a world with what is known of them."""
    pictures = datasets.load(name, SIDE, split, count)
    answers = [judge.truths(name, drawing.thing(name, int(i))) for i in pictures.source]
    return Known(pictures, datasets.truth(name, "segmentation", SIDE, split, count), torch.tensor(answers))


def chimeras_of(part: Known, name: str, split: str) -> Known:
    """As many pictures whose two sides have nothing to do with each other: drawn ones of faces, of landscapes halves.

    Two halves have no class together: that answer is UNASKED.
    """
    if name == "faces":
        return known("chimeras", split, len(part.pictures))
    pictures, answers = halves.Chimeras(part.pictures), part.answers.clone()
    answers[:, 0], answers[:, 2::2] = UNASKED, part.answers[pictures.next(range(len(answers))), 2::2]
    return Known(pictures, halves.Chimeras(part.maps), answers)


def judge_task(name: str, config: TrainConfig, count: int) -> tuple[Judge, Loss]:
    """The judge of a world and its loss on `count` pictures and as many chimeras: no side tells the other.

    The loss: cross-entropy of every answer, from all it knows and from the 64 features alone, and of every pixel.
    """
    sets = [known(name, "train", count)]
    sets.append(chimeras_of(sets[0], name, "train"))
    torch.manual_seed(config.seed)
    net = Judge(JudgeConfig(name, judge.questions(name), len(drawing.world(name).LABELS)))

    def loss(net: nn.Module, step: int) -> tuple[Tensor, dict]:
        chosen = distributed.share(batch_indices(step, config.batch // len(sets), count, config.seed))
        x = torch.cat([part.pictures.batch(chosen) for part in sets])
        answers = torch.cat([part.answers[chosen] for part in sets])
        maps = torch.cat([levels(part.maps, chosen) for part in sets]).long()
        x = x + 0.06 * torch.rand(len(x), 1, 1, 1) * torch.randn_like(x)             # not every picture is clean
        device = next(net.parameters()).device
        x, answers, maps = x.to(device, memory_format=torch.channels_last), answers.to(device), maps.to(device)
        with autocast(device, config.bf16):
            reading = net(x)
        asked = range(answers.shape[1])
        said, guessed = ([logits.float() for logits in part.values()] for part in (reading.answers, reading.guesses))
        first, second = (sum(F.cross_entropy(part[i], answers[:, i], ignore_index=UNASKED) for i in asked) / len(asked)
                         for part in (said, guessed))
        pixels = F.cross_entropy(reading.segmentation.float(), maps)
        right = torch.stack([said[i].argmax(1) == answers[:, i] for i in asked]).mT[answers != UNASKED].float().mean()
        return first + second + 0.5 * pixels, {"right": right.item(), "pixels": pixels.item()}

    return net, loss


def selector_task(name: str, config: TrainConfig, count: int) -> tuple[Selector, Loss]:
    """The selector of a world and its loss on the first `count` pictures: cross-entropy of the class."""
    pictures = datasets.load(name, SIDE, "train", count)
    torch.manual_seed(config.seed)
    net = Selector(SelectorConfig(name, len(pictures.classes)))

    def loss(net: nn.Module, step: int) -> tuple[Tensor, dict]:
        chosen = distributed.share(batch_indices(step, config.batch, count, config.seed))
        x = pictures.batch(chosen)
        x = x + 0.06 * torch.rand(len(x), 1, 1, 1) * torch.randn_like(x)             # not every picture is clean
        device = next(net.parameters()).device
        wanted = pictures.labels[chosen].to(device)
        with autocast(device, config.bf16):
            logits = net(x.to(device, memory_format=torch.channels_last))
        right = (logits.argmax(1) == wanted).float().mean().item()
        return F.cross_entropy(logits.float(), wanted), {"right": right}

    return net, loss


@torch.no_grad()
def examine_selector(net: Selector, split: str, count: int | None = None) -> dict[str, float]:
    """The share of pictures whose class a selector names."""
    pictures = datasets.load(net.config.world, SIDE, split, count)
    named = torch.cat([net(pictures.batch(rows)).argmax(1) for rows in torch.arange(len(pictures)).split(64)])
    return {"class": (named == pictures.labels).float().mean().item()}


def levels(pictures: datasets.Pictures, chosen: Tensor) -> Tensor:
    """Ground truth of one channel at these indices -> (B, H, W) uint8."""
    return torch.from_numpy(np.ascontiguousarray(pictures.levels(chosen)[..., 0]))


@torch.no_grad()
def examine(net: Judge, split: str, count: int | None = None, chimeras: bool = False) -> dict[str, float]:
    """How often a judge is right: of what is visible, question by question; of pixels. Shares in [0, 1]."""
    exam = known(net.config.world, split, count)
    if chimeras:
        exam = chimeras_of(exam, net.config.world, split)
    x = exam.pictures.batch(range(len(exam.pictures)))
    _, answers, maps = net.read(x)
    right, visible = {}, {}
    for i, (question, _) in enumerate(net.config.questions):
        seen = exam.answers[:, i] > 0 if question != "class" else exam.answers[:, i] != UNASKED
        if seen.any():
            right[question] = (answers[question] == exam.answers[:, i])[seen].float().mean().item()
            visible[question] = seen.sum().item()
    sides = [question for question in right if question != "class"]
    total = sum(visible[question] for question in sides)
    every = {"visible": sum(right[q] * visible[q] for q in sides) / total} if sides else {}
    pixels = (maps.numpy() == exam.maps.levels(range(len(x)))[..., 0]).mean()
    return {**every, "pixels": float(pixels), **right}


def export(net: Judge | MiniFeatures | Selector, path: str | Path, info: dict) -> Path:
    """Write a reader as its own module reads it: float16, with its configuration and `info` (plain values)."""
    kind = {Judge: "judge", MiniFeatures: "perceptual", Selector: "selector"}[type(net)]
    return checkpoint.write(path, {"kind": kind, "config": dataclasses.asdict(net.config),
                                   "model": checkpoint.half(net), "info": info})
