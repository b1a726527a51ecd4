"""A net that names the class of a picture: of many drawn pictures, those stay that it is surest of. Floor 1.

It is not the judge, who scores: another net, other weights, another seed, trained on the class alone.
"""
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from minivq import checkpoint
from minivq.judge import resized
from minivq.layers import Downsample, ResBlock, group_norm


@dataclass(frozen=True)
class SelectorConfig:
    """The shape of a selector."""

    world: str
    classes: int
    widths: tuple[int, ...] = (16, 32, 48, 64)
    groups: int = 8


class Selector(nn.Module):
    """(B, 3, H, W) in [-1, 1] -> (B, classes): logits of the classes, from the mean over all places."""

    def __init__(self, config: SelectorConfig):
        super().__init__()
        self.config, self.info, widths = config, {}, config.widths
        layers = [nn.Conv2d(3, widths[0], 3, padding=1)]
        for before, width in zip(widths, widths[1:], strict=False):
            layers += [ResBlock(before, width, config.groups), Downsample(width)]
        self.trunk = nn.Sequential(*layers, group_norm(widths[-1], config.groups), nn.SiLU())
        self.classes = nn.Linear(widths[-1], config.classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.trunk(resized(x)).mean((2, 3)))

    @torch.no_grad()
    def scores(self, x: Tensor, told: Tensor, batch: int = 64) -> Tensor:
        """Pictures (N, 3, H, W), the classes that they were told to be (N,) -> (N,): log odds of those classes."""
        parts = [self(part.to(self.classes.weight.device)).log_softmax(1).cpu() for part in x.split(batch)]
        return torch.cat(parts).gather(1, told[:, None])[:, 0]


def load(name: str) -> Selector:
    """A shipped selector, "selector-faces" for example: frozen, in eval mode, float32."""
    return read(checkpoint.FOLDER / f"{name}.pt")


def read(path: str | Path) -> Selector:
    """The selector in a file, in the same state."""
    payload = checkpoint.read_kind(path, "selector")
    net = Selector(SelectorConfig(**{**payload["config"], "widths": tuple(payload["config"]["widths"])}))
    net.load_state_dict({key: value.float() for key, value in payload["model"].items()})
    net.info = payload.get("info", {})
    return net.requires_grad_(False).eval()
