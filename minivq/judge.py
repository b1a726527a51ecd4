"""Nets that read a picture: what it shows on the left and on the right, what each pixel is, 64 features. Floor 1.

A judge scores what other nets made and trains none of them. It was trained on pictures of a world and as often on
chimeras, so that it cannot read one side from the other.
"""
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minivq import checkpoint, halves
from minivq.drawing import thing, world
from minivq.layers import Downsample, ResBlock, group_norm

SIDE = 64                       # px: what a judge looks at; other pictures are resized, bilinear and anti-aliased


@dataclass(frozen=True)
class JudgeConfig:
    """What a judge answers, and its shape. questions: (name, number of answers); labels: of the segmentation."""

    world: str
    questions: tuple[tuple[str, int], ...]
    labels: int
    widths: tuple[int, ...] = (16, 32, 64, 128)
    hidden: int = 256
    features: int = 64
    groups: int = 8


class Reading(NamedTuple):
    """What a judge says: features (B, 64), answers name -> logits (B, n), segmentation logits (B, labels, 64, 64)."""

    features: Tensor
    answers: dict[str, Tensor]
    segmentation: Tensor
    guesses: dict[str, Tensor]      # the same answers from the features alone: they make the features worth reading


class Judge(nn.Module):
    """(B, 3, H, W) in [-1, 1] -> Reading."""

    def __init__(self, config: JudgeConfig):
        super().__init__()
        self.config, self.info, widths, groups = config, {}, config.widths, config.groups
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(ResBlock(before, width, groups)
                                    for before, width in zip((widths[0], *widths), widths, strict=False))
        self.downsamples = nn.ModuleList(Downsample(width) for width in widths[:-1])
        self.laterals = nn.ModuleList(nn.Conv2d(width, 16, 1) for width in widths)
        self.segment = nn.Conv2d(16, config.labels, 3, padding=1)
        side = SIDE // 2 ** (len(widths) - 1)
        self.norm, self.squeeze = group_norm(widths[-1], groups), nn.Conv2d(widths[-1], 32, 1)
        self.hidden = nn.Linear(32 * side * side, config.hidden)
        self.features = nn.Linear(config.hidden, config.features)
        total = sum(n for _, n in config.questions)
        self.answer, self.guess = nn.Linear(config.hidden, total), nn.Linear(config.features, total)

    def forward(self, x: Tensor) -> Reading:
        h, parts = self.conv_in(resized(x)), []
        for i, block in enumerate(self.blocks):
            h = block(h)                                                            # (B, widths[i], 64/2^i, 64/2^i)
            parts.append(self.laterals[i](h))
            if i < len(self.downsamples):
                h = self.downsamples[i](h)
        # From coarse to fine: each level adds what it knows to the doubled map of the coarser one.
        merged = parts.pop()
        while parts:
            merged = F.interpolate(merged, scale_factor=2.0, mode="nearest") + parts.pop()
        hidden = F.silu(self.hidden(F.silu(self.squeeze(F.silu(self.norm(h)))).flatten(1)))
        features = self.features(hidden)                                            # (B, 64)
        sizes = [n for _, n in self.config.questions]
        answers, guesses = (dict(zip((name for name, _ in self.config.questions), logits.split(sizes, 1), strict=True))
                            for logits in (self.answer(hidden), self.guess(F.silu(features))))
        return Reading(features, answers, self.segment(F.silu(merged)), guesses)

    @torch.no_grad()
    def read(self, x: Tensor, batch: int = 64) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """(N, 3, H, W) in [-1, 1] -> features (N, 64), answers name -> (N,) int64, segmentation (N, 64, 64) int64."""
        readings = [self(part) for part in x.split(batch)]
        answers = {name: torch.cat([reading.answers[name].argmax(1) for reading in readings])
                   for name, _ in self.config.questions}
        return (torch.cat([reading.features for reading in readings]), answers,
                torch.cat([reading.segmentation.argmax(1) for reading in readings]))


def resized(x: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 3, 64, 64), bilinear and anti-aliased; pictures of 64 px as they are."""
    if x.shape[-2:] == (SIDE, SIDE):
        return x
    return F.interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)


def questions(name: str) -> tuple[tuple[str, int], ...]:
    """The world `name` -> what its judge answers. Of a side of a picture: 0 nothing to be seen, else value + 1."""
    twice = doubled(name)
    sides = tuple((f"{pair} {side}", len(twice.values(pair)) + 1)
                  for pair in twice.pairs(thing(name, 0)) for side in ("left", "right"))
    return (("class", len(world(name).CLASSES)), *sides)


def doubled(name: str):
    """The module that knows what a world's pictures show twice: its `pairs`, `values` and `chance`."""
    return halves if name == "landscapes" else world(name)


def truths(name: str, shown) -> list[int]:
    """A Face or a Scene -> the right answers to `questions(name)`."""
    return [world(name).label(shown), *(answer for pair in doubled(name).pairs(shown).values() for answer in
                                        (pair.left_visible * (pair.left + 1), pair.right_visible * (pair.right + 1)))]


def load(name: str) -> Judge:
    """A shipped judge, "judge-faces" for example: frozen, in eval mode, float32."""
    return read(checkpoint.FOLDER / f"{name}.pt")


def read(path: str | Path) -> Judge:
    """The judge in a file, in the same state."""
    payload = checkpoint.read_kind(path, "judge")
    config = payload["config"]
    judge = Judge(JudgeConfig(**{**config, "questions": tuple(map(tuple, config["questions"])),
                                 "widths": tuple(config["widths"])}))
    judge.load_state_dict({key: value.float() for key, value in payload["model"].items()})
    judge.info = payload.get("info", {})
    return judge.requires_grad_(False).eval()
