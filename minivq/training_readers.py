"""Training the nets that read pictures: the judges that score, and the small net of the perceptual distance. Floor 3.

They share nothing: other tasks, other seeds, other weights.
"""
import copy
import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minivq import checkpoint, datasets, distributed, drawing, judge, runs
from minivq.judge import SIDE, Judge, JudgeConfig
from minivq.muon import Muon
from minivq.perceptual import MiniConfig, MiniFeatures, Perceptual, feature_distance
from minivq.training import TrainConfig, autocast, batch_indices, descend, learning_rate, median_seconds, mixed, seeded

KINDS = ("none", "blur", "noise", "jpeg", "pixels")     # the distortions that the small net tells apart
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


def judge_task(name: str, config: TrainConfig, count: int) -> tuple[Judge, Loss]:
    """The judge of a world and its loss on `count` pictures; of faces, on as many chimeras: no side tells the other.

    The loss: cross-entropy of every answer, from all it knows and from the 64 features alone, and of every pixel.
    """
    sets = [known(part, "train", count) for part in (("faces", "chimeras") if name == "faces" else (name,))]
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
        first = sum(F.cross_entropy(said[i], answers[:, i]) for i in asked) / len(asked)
        second = sum(F.cross_entropy(guessed[i], answers[:, i]) for i in asked) / len(asked)
        pixels = F.cross_entropy(reading.segmentation.float(), maps)
        right = torch.stack([said[i].argmax(1) == answers[:, i] for i in asked]).float().mean()
        return first + second + 0.5 * pixels, {"right": right.item(), "pixels": pixels.item()}

    return net, loss


def levels(pictures: datasets.Pictures, chosen: Tensor) -> Tensor:
    """Ground truth of one channel at these indices -> (B, H, W) uint8."""
    return torch.from_numpy(np.ascontiguousarray(pictures.levels(chosen)[..., 0]))


@torch.no_grad()
def examine(net: Judge, name: str, split: str, count: int | None = None) -> dict[str, float]:
    """How often a judge is right: of what is visible, question by question; of pixels. Shares in [0, 1]."""
    exam = known(name, split, count)
    x = exam.pictures.batch(range(len(exam.pictures)))
    _, answers, maps = net.read(x)
    right, visible = {}, {}
    for i, (question, _) in enumerate(net.config.questions):
        seen = exam.answers[:, i] > 0 if question != "class" else torch.ones(len(x), dtype=torch.bool)
        if seen.any():
            right[question] = (answers[question] == exam.answers[:, i])[seen].float().mean().item()
            visible[question] = seen.sum().item()
    sides = [question for question in right if question != "class"]
    total = sum(visible[question] for question in sides)
    every = {"visible": sum(right[q] * visible[q] for q in sides) / total} if sides else {}
    pixels = (maps.numpy() == exam.maps.levels(range(len(x)))[..., 0]).mean()
    return {**every, "pixels": float(pixels), **right}


class MiniTrainer(nn.Module):
    """The small net with the heads that teach it: (B, 3, H, W) -> kind of distortion, its strength, depth and edges."""

    def __init__(self, config: MiniConfig):
        super().__init__()
        self.net = MiniFeatures(config)
        self.kind = nn.Linear(sum(config.widths), len(KINDS))
        self.strength = nn.Linear(sum(config.widths), 1)
        self.maps = nn.ModuleList(nn.Conv2d(width, 2, 1) for width in config.widths)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.net(x)
        pooled = torch.cat([part.mean((2, 3)) for part in features], 1)
        maps = sum(F.interpolate(head(part), x.shape[-2:], mode="bilinear", align_corners=False)
                   for head, part in zip(self.maps, features, strict=True))
        return self.kind(pooled), self.strength(pooled)[:, 0], maps


def perceptual_task(config: TrainConfig, count: int) -> tuple[MiniTrainer, Loss]:
    """The small net with its heads and its loss on `count` pictures of each world: distortion, strength, depth, edges.

    """
    names = ("faces", "landscapes")
    pictures = [datasets.load(name, SIDE, "train", count) for name in names]
    truths = [[datasets.truth(name, kind, SIDE, "train", count) for kind in ("depth", "edges")] for name in names]
    torch.manual_seed(config.seed)

    def loss(net: nn.Module, step: int) -> tuple[Tensor, dict]:
        chosen = distributed.share(batch_indices(step, config.batch // len(names), count, config.seed))
        x = torch.cat([part.batch(chosen) for part in pictures])
        maps = torch.cat([torch.stack([levels(part, chosen) / 255 for part in both], 1) for both in truths])
        generator = seeded(config.seed, step * distributed.world_size() + distributed.rank())
        x, maps = varied(x, maps, generator)
        x, kinds, strengths = puzzles(x, generator)
        device = next(net.parameters()).device
        x, kinds, strengths, maps = (part.to(device) for part in (x, kinds, strengths, maps))
        with autocast(device, config.bf16):
            kind, strength, found = net(x.to(memory_format=torch.channels_last))
        named = F.cross_entropy(kind.float(), kinds)
        return (named + 4 * F.mse_loss(strength.float(), strengths) + 4 * F.l1_loss(found.float(), maps),
                {"named": (kind.argmax(1) == kinds).float().mean().item(), "maps": F.l1_loss(found, maps).item()})

    return MiniTrainer(MiniConfig()), loss


def puzzles(x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """(B, 3, H, W) -> the same, each distorted in one way or none; (B,) which, (B,) how strongly, 0 to 1."""
    kinds = torch.randint(len(KINDS), (len(x),), generator=generator)
    strengths = torch.rand(len(x), generator=generator) * (kinds > 0)
    x = torch.stack([distorted(picture, KINDS[kind], strength, generator)
                     for picture, kind, strength in zip(x, kinds.tolist(), strengths.tolist(), strict=True)])
    return x, kinds, strengths


@torch.no_grad()
def examine_perceptual(net: nn.Module, count: int = 200) -> dict[str, float]:
    """Shares of validation pictures: of which a stronger distortion is more distant; of which a shift is nearer than
    a blur of the same squared error."""
    distance = Perceptual(net, lambda net, x, y: feature_distance(net(x), net(y)))
    found = {}
    for world in ("faces", "landscapes"):
        x = datasets.load(world, SIDE, "validation", count).batch(range(count))
        for kind in ("blur", "noise", "jpeg"):
            weak, strong = (torch.stack([distorted(picture, kind, strength, seeded(0, i))
                                         for i, picture in enumerate(x)]) for strength in (0.3, 0.5))
            found[f"{world} {kind}"] = (distance(strong, x) > distance(weak, x)).float().mean().item()
        shifted = torch.cat([x[..., :1], x[..., :-1]], -1)
        blurred = torch.stack([blur_as_bad(picture, moved) for picture, moved in zip(x, shifted, strict=True)])
        found[f"{world} shift before blur"] = (distance(shifted, x) < distance(blurred, x)).float().mean().item()
    return found


def blur_as_bad(x: Tensor, other: Tensor) -> Tensor:
    """(3, H, W), (3, H, W) -> (3, H, W): x, blurred until its squared error is that of `other`."""
    from torchvision.transforms.functional import gaussian_blur
    wanted, low, high = (other - x).square().mean(), 0.05, 20.0
    for _ in range(16):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if (gaussian_blur(x, 31, middle) - x).square().mean() < wanted else (low, middle)
    return gaussian_blur(x, 31, low)


def varied(x: Tensor, maps: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(B, 3, H, W) and (B, 2, H, W), varied alike: mirrored, turned; colours exchanged, contrast changed."""
    turn = int(torch.randint(4, (), generator=generator))
    x, maps = torch.rot90(x, turn, (2, 3)), torch.rot90(maps, turn, (2, 3))
    if torch.rand((), generator=generator) < 0.5:
        x, maps = x.flip(3), maps.flip(3)
    order = torch.stack([torch.randperm(3, generator=generator) for _ in x])
    x = torch.take_along_dim(x, order[:, :, None, None], 1)
    contrast = 0.5 + 0.5 * torch.rand(len(x), 1, 1, 1, generator=generator)
    sign = torch.where(torch.rand(len(x), 1, 1, 1, generator=generator) < 0.25, -1.0, 1.0)
    shift = (1 - contrast) * (2 * torch.rand(len(x), 1, 1, 1, generator=generator) - 1)
    return sign * contrast * x + shift, maps


def distorted(x: Tensor, kind: str, strength: float, generator: torch.Generator | None = None) -> Tensor:
    """(3, H, W) in [-1, 1] -> (3, H, W): blurred, noisy, compressed as JPEG or in large pixels; strength 0 to 1.

    Raises ValueError for another kind.
    """
    if kind == "none":
        return x
    if kind == "blur":
        from torchvision.transforms.functional import gaussian_blur
        return gaussian_blur(x, 13, 0.3 + 2.2 * strength)
    if kind == "noise":
        return (x + (0.02 + 0.38 * strength) * torch.randn(x.shape, generator=generator)).clamp(-1, 1)
    if kind == "pixels":
        small = [max(1, round(side / (1 + 4 * strength))) for side in x.shape[-2:]]
        return F.interpolate(F.interpolate(x[None], small, mode="area"), x.shape[-2:], mode="nearest")[0]
    if kind != "jpeg":
        raise ValueError(f"distortion {kind!r}: wanted one of {', '.join(KINDS)}")
    from PIL import Image
    file = io.BytesIO()
    picture = Image.fromarray(datasets.to_uint8(x[None])[0].numpy())
    picture.save(file, "JPEG", quality=round(75 - 70 * strength))
    with Image.open(file) as again:
        return datasets.from_uint8(np.array(again)[None])[0]


def export(net: Judge | MiniFeatures, path: str | Path, info: dict) -> Path:
    """Write a reader as its own module reads it: float16, with its configuration and `info` (plain values)."""
    kind = "judge" if isinstance(net, Judge) else "perceptual"
    return checkpoint.write(path, {"kind": kind, "config": dataclasses.asdict(net.config),
                                   "model": checkpoint.half(net), "info": info})
