"""A prior with the first stage whose codes it learned: pictures out of nothing, or out of a condition. Floor 2."""
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from minivq.autoencoder import VQVAE
from minivq.conditioning import Conditions
from minivq.sampling import SampleConfig, sample


class TwoStage:
    """What `minivq.load` gives for a prior. `classes`: the names of the classes that it can be told, maybe none.

    `conditions`: what turns label maps and the like into prefixes, where it can be told those, else None.
    Raises ValueError where prior and first stage do not belong together.
    """

    def __init__(self, first_stage: VQVAE, prior: nn.Module, grid: tuple[int, int], classes: Sequence[str] = (),
                 info: dict | None = None, conditions: Conditions | None = None):
        if prior.config.K != first_stage.config.K:
            raise ValueError(f"the prior knows K={prior.config.K} codes, its first stage has K={first_stage.config.K}")
        if grid[0] * grid[1] != prior.config.T:
            raise ValueError(f"a grid of {grid[1]}x{grid[0]} tokens: the prior wants T={prior.config.T}")
        self.first_stage, self.prior, self.grid = first_stage, prior, tuple(grid)
        self.classes, self.info, self.conditions = tuple(classes), info or {}, conditions

    def told(self, name: str | int, count: int) -> Tensor:
        """A class by its name or number -> prefixes (count, 1). Raises ValueError for an unknown one."""
        if not self.classes:
            raise ValueError(f"class {name!r} was asked for, this prior knows no classes")
        numbers = {text: i for i, text in enumerate(self.classes)} | {str(i): i for i in range(len(self.classes))}
        if str(name) not in numbers:
            known = "; ".join(f"{i} {text}" for i, text in enumerate(self.classes))
            raise ValueError(f"class {name!r} is not known: wanted one of {known}")
        return torch.full((count, 1), numbers[str(name)])

    def tokens(self, count: int, cond: Tensor | None = None, config: SampleConfig | None = None,
               given: tuple[Tensor, Tensor] | None = None, generator: torch.Generator | None = None) -> Tensor:
        """-> (count, h, w) int64, see `sampling.sample`; without `cond` a prior of classes is told none of them."""
        null = self.prior.config.cond_null
        if cond is None and null is not None:
            cond = torch.full((count, 1), null)
        return sample(self.prior, self.grid, count, cond, config or SampleConfig(), given, generator)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> (B, h, w) int64."""
        return self.first_stage.encode(x.to(next(self.first_stage.parameters()).device)).cpu()

    @torch.no_grad()
    def decode(self, tokens: Tensor, batch: int = 32) -> Tensor:
        """(B, h, w) -> (B, C, H, W) in [-1, 1], cut off outside."""
        device = next(self.first_stage.parameters()).device
        parts = [self.first_stage.decode(part.to(device)).float().cpu() for part in tokens.split(batch)]
        return torch.cat(parts).clamp(-1, 1)

    def sample(self, count: int, cond: Tensor | None = None, config: SampleConfig | None = None,
               given: tuple[Tensor, Tensor] | None = None, generator: torch.Generator | None = None) -> Tensor:
        """-> `count` pictures (count, C, H, W) in [-1, 1]."""
        return self.decode(self.tokens(count, cond, config, given, generator))
