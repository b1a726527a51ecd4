"""A prior with the first stage whose codes it learned: pictures out of nothing, or out of a condition. Floor 2."""
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from minivq.autoencoder import VQVAE
from minivq.conditioning import Conditions
from minivq.sampling import SampleConfig, sample
from minivq.windows import Window, coordinates


class TwoStage:
    """What `minivq.load` gives for a prior. `classes`: the names of the classes that it can be told, maybe none.

    `conditions`: what turns label maps and the like into prefixes, where it can be told those, else None. `window`: of
    a prior that slides, what it was trained on, else None. Raises ValueError where prior and first stage do not belong
    together.
    """

    def __init__(self, first_stage: VQVAE, prior: nn.Module, grid: tuple[int, int], classes: Sequence[str] = (),
                 info: dict | None = None, conditions: Conditions | None = None,
                 window: Window | None = None):
        if prior.config.K != first_stage.config.K:
            raise ValueError(f"the prior knows K={prior.config.K} codes, its first stage has K={first_stage.config.K}")
        if grid[0] * grid[1] != prior.config.T:
            raise ValueError(f"a grid of {grid[1]}x{grid[0]} tokens: the prior wants T={prior.config.T}")
        self.first_stage, self.prior, self.grid = first_stage, prior, tuple(grid)
        self.classes, self.info, self.conditions, self.window = tuple(classes), info or {}, conditions, window

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

    def slide_cond(self, grid: tuple[int, int], count: int, maps: Tensor | None = None):
        """What `sample_sliding` takes as `cond` on a grid (h, w): label maps (count, H, W) in tokens, places, None.

        Raises ValueError for a prior that does not slide, maps that it wants and does not get, or places elsewhere.
        """
        if self.window is None:
            raise ValueError("this prior draws whole pictures: wanted one of windows, of `train prior --window`")
        wanted = tuple(side * self.first_stage.config.factor for side in grid)
        if self.window.told == "maps":
            if maps is None or maps.shape[1:] != wanted:
                raise ValueError(f"label maps {None if maps is None else tuple(maps.shape)}: "
                                 f"wanted (count, {wanted[0]}, {wanted[1]})")
            return self.conditions.map_tokens(maps).expand(count, -1, -1)
        if self.window.told == "places":
            if tuple(grid) != tuple(self.window.grid):
                raise ValueError(f"a grid of {grid[1]}x{grid[0]}: wanted {self.window.grid[1]}x{self.window.grid[0]}, "
                                 "the places that it was told in training")
            return lambda row, column: coordinates(torch.full((count,), row), torch.full((count,), column), grid,
                                                   self.window.n)
        return None

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
