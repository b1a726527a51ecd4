"""How odds become tokens: one uniform number per token decides, so order and batch change nothing. Floor 2."""
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from minivq import distributed
from minivq.windows import Stretch, schedule


@dataclass(frozen=True)
class SampleConfig:
    """How tokens are drawn. Raises ValueError for values that make no distribution."""

    temperature: float = 1.0        # logits are divided by it; 0: always the likeliest code
    top_k: int | None = 100         # only the k likeliest codes; None, or more than there are: all
    top_p: float | None = None      # only the likeliest codes that together reach this probability; None: all
    guidance: float = 0.0           # g: logits with the condition, moved away from those without by g times the step
    batch: int = 64                 # pictures that are drawn at once
    bf16: bool | None = False       # the network in bf16; None: where the processor has it

    def __post_init__(self):
        if self.temperature < 0:
            raise ValueError(f"temperature={self.temperature}: wanted 0 (the likeliest code) or more")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k={self.top_k}: wanted at least 1, or None for all codes")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p}: wanted above 0 and up to 1")
        if self.batch < 1:
            raise ValueError(f"batch={self.batch}: wanted at least 1")


def probabilities(logits: Tensor, config: SampleConfig) -> Tensor:
    """(B, K) -> (B, K): the odds after temperature, then top-k, then top-p, each row summing to 1.

    Where top-k and top-p are both given, top-p counts what top-k left (Holtzman et al. 2020).
    """
    if config.temperature == 0:
        return nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = logits / config.temperature
    if config.top_k is not None and config.top_k < logits.shape[-1]:
        least = logits.topk(config.top_k, -1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    odds = logits.softmax(-1)
    if config.top_p is not None and config.top_p < 1:
        falling, order = odds.sort(dim=-1, descending=True, stable=True)
        before = falling.cumsum(-1) - falling                      # what more likely codes have already gathered
        odds = odds.masked_fill(torch.zeros_like(odds, dtype=torch.bool).scatter(-1, order, before >= config.top_p), 0)
        odds = odds / odds.sum(-1, keepdim=True)
    return odds


def draw(logits: Tensor, u: Tensor, config: SampleConfig = SampleConfig()) -> Tensor:
    """Logits (B, K) and one uniform number in [0, 1) each (B,) -> (B,) int64: by the inverse of the cumulated odds."""
    edges = probabilities(logits.double(), config).cumsum(-1)      # in double: a sum of float32 may miss its end
    # The last edge is 1 but for rounding; a u at it or beyond would fall on a code without odds.
    u = u.double().clamp(max=1 - 2**-32) * edges[:, -1]
    return torch.searchsorted(edges, u[:, None], right=True)[:, 0]


@torch.no_grad()
def sample(prior: nn.Module, grid: tuple[int, int], count: int, cond: Tensor | None = None,
           config: SampleConfig = SampleConfig(), given: tuple[Tensor, Tensor] | None = None,
           generator: torch.Generator | None = None) -> Tensor:
    """A prior -> `count` pictures of tokens (count, h, w) int64, drawn in raster order with a cache.

    cond: (count, c) prefixes. given: tokens (count, h, w) and where they count (h, w) or (count, h, w), bool: those
    stay, and what comes later in raster order sees them. The same generator gives the same pictures in any batch.
    Raises ValueError where grid, condition or given tokens do not fit the prior.
    """
    T, K = prior.config.T, prior.config.K
    if grid[0] * grid[1] != T:
        raise ValueError(f"a grid of {grid[1]}x{grid[0]} has {grid[0] * grid[1]} tokens: this prior wants {T}")
    if cond is not None and len(cond) != count:
        raise ValueError(f"{len(cond)} conditions for {count} pictures: wanted one each")
    tokens, keep = torch.zeros(count, T, dtype=torch.int64), torch.zeros(count, T, dtype=torch.bool)
    if given is not None:
        if given[0].shape != (count, *grid) or given[1].shape[-2:] != grid:
            raise ValueError(f"given tokens {tuple(given[0].shape)}, mask {tuple(given[1].shape)}: "
                             f"wanted {(count, *grid)}, and {grid} or {(count, *grid)}")
        keep = given[1].expand(count, *grid).flatten(1).clone()
        tokens = torch.where(keep, given[0].flatten(1), 0)
        if not 0 <= int(tokens.min()) <= int(tokens.max()) < K:
            raise ValueError(f"given tokens from {int(tokens.min())} to {int(tokens.max())}: wanted 0 to {K - 1}")
    u = torch.rand(count, T, generator=generator)                                   # one number decides one token
    device = next(prior.parameters()).device
    with tqdm(total=count * T, unit="token", leave=False, desc="sampling") as progress:
        for rows in torch.arange(count).split(config.batch):
            part = None if cond is None else cond[rows].to(device)
            with distributed.autocast(device, config.bf16):
                logits, state = begin(prior, len(rows), part, config)
            for place in range(T):
                drawn = draw(logits.cpu(), u[rows, place], config)
                tokens[rows, place] = torch.where(keep[rows, place], tokens[rows, place], drawn)
                progress.update(len(rows))
                if place + 1 < T:
                    with distributed.autocast(device, config.bf16):
                        logits, state = onward(prior, tokens[rows, place].to(device), place, state, config)
    return tokens.reshape(count, *grid)


def begin(prior: nn.Module, batch: int, cond: Tensor | None, config: SampleConfig) -> tuple[Tensor, object]:
    """Logits of the first token and the prior's state; with guidance both are made twice, with and without `cond`."""
    if not config.guidance:
        return prior.begin(batch, cond)
    null = prior.config.cond_null
    if cond is None or null is None:
        raise ValueError(f"guidance={config.guidance}: wanted a condition, and a prior trained without it, too")
    logits, state = prior.begin(2 * batch, torch.cat([cond, torch.full_like(cond, null)]))
    return guided(logits, config), state


def onward(prior: nn.Module, token: Tensor, place: int, state: object, config: SampleConfig) -> tuple[Tensor, object]:
    """The tokens drawn for `place` -> logits of the next one, and the state."""
    if not config.guidance:
        return prior.next(token, place, state), state
    return guided(prior.next(token.repeat(2), place, state), config), state


def guided(logits: Tensor, config: SampleConfig) -> Tensor:
    """(2 B, K), with the condition and without -> (B, K): with, plus `guidance` times the difference (Ho 2022)."""
    told, untold = logits.chunk(2)
    return told + config.guidance * (told - untold)


def best(scores: Tensor, share: float) -> Tensor:
    """Scores (N,) -> (n,) int64: the indices of the best `share` of N, at least one, best first: rejection sampling.

    Raises ValueError for a share outside (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share={share}: wanted above 0 and up to 1")
    return scores.argsort(descending=True, stable=True)[:max(1, round(share * len(scores)))]


@dataclass
class Painting:
    """A grid that is being drawn: tokens (count, h, w) int64, -1 where nothing is yet; the number that decides each."""

    tokens: Tensor
    u: Tensor

    @classmethod
    def begin(cls, count: int, grid: tuple[int, int], generator: torch.Generator | None = None) -> "Painting":
        """Nothing drawn yet."""
        return cls(torch.full((count, *grid), -1), torch.rand(count, *grid, generator=generator))


def sample_sliding(prior: nn.Module, grid: tuple[int, int], window: int, count: int = 1,
                   cond: Callable[[int, int], Tensor] | Tensor | None = None, config: SampleConfig = SampleConfig(),
                   generator: torch.Generator | None = None, stride: int = 1) -> Tensor:
    """A prior of windows of n x n tokens -> `count` pictures of tokens (count, h, w) int64, h and w at least n.

    See `paint`, of which this is the whole in one go.
    """
    painting = Painting.begin(count, grid, generator)
    with tqdm(total=grid[0] * grid[1], unit="token", leave=False, desc="sliding") as progress:
        for drawn in paint(prior, painting, window, cond, config, stride):
            progress.update(drawn)
    return painting.tokens


def paint(prior: nn.Module, painting: Painting, window: int, cond: Callable[[int, int], Tensor] | Tensor | None = None,
          config: SampleConfig = SampleConfig(), stride: int = 1) -> Iterator[int]:
    """Draw what is not yet drawn, in place; how many tokens of a picture each step drew.

    cond: tokens (count, h, w) of a map, of which each window sees its own n x n; or a function of the window's corner
    (row, column) -> (count, c). With stride 1 every token is drawn as if its window were computed alone; a larger one
    is faster, and then the window stands off centre by up to stride - 1. It may be left after any step and gone on
    with later, in another process too: the picture is the same. Raises ValueError for what does not fit.
    """
    (count, h, w), n = painting.tokens.shape, window
    if n % 2 or n * n != prior.config.T:
        raise ValueError(f"window={n}: wanted an even number whose square is this prior's T={prior.config.T}")
    if min(h, w) < n:
        raise ValueError(f"a grid of {w}x{h} is smaller than the window of {n}x{n}: use `sample`, and a prior of that")
    if not 1 <= stride <= n // 2:
        raise ValueError(f"stride={stride}: wanted 1 to {n // 2}, half the window")
    if isinstance(cond, Tensor) and cond.shape != (count, h, w):
        raise ValueError(f"a condition of shape {tuple(cond.shape)}: wanted {(count, h, w)}")
    if config.guidance:
        raise ValueError(f"guidance={config.guidance}: wanted 0, a sliding window is told all that there is")
    return steps(prior, painting, n, cond, config, stride)


@torch.no_grad()
def steps(prior: nn.Module, painting: Painting, n: int, cond: Callable | Tensor | None, config: SampleConfig,
          stride: int) -> Iterator[int]:
    """The steps of `paint`: all stretches that can begin are begun together, and each goes on with a cache."""
    tokens, u, device = painting.tokens, painting.u, next(prior.parameters()).device
    (count, h, w), K = tokens.shape, prior.config.K

    def told(corner: tuple[int, int]) -> Tensor:
        if isinstance(cond, Tensor):
            return cond[:, corner[0]:corner[0] + n, corner[1]:corner[1] + n].flatten(1)
        return cond(*corner)

    waiting: dict[int, dict[tuple[int, int], list[Stretch]]] = {}   # step -> (tokens before, length) -> stretches
    for one in schedule((h, w), n, stride):
        if tokens[0, one.row, one.last] >= 0:
            continue                                                # drawn before; a stretch begun is begun again
        key = ((one.row - one.corner[0]) * n + one.first - one.corner[1], one.last - one.first)
        waiting.setdefault(one.step, {}).setdefault(key, []).append(one)
    going, step = [], min(waiting, default=0)                       # groups of stretches, with their caches
    while going or waiting:
        for (before, length), group in waiting.pop(step, {}).items():
            seen = torch.cat([tokens[:, i:i + n, j:j + n].flatten(1)[:, :before] for i, j in
                              (one.corner for one in group)]).to(device)
            conds = None if cond is None else torch.cat([told(one.corner) for one in group]).to(device)
            with distributed.autocast(device, config.bf16):
                going.append([group, 0, before, *started(prior, seen, conds, length)])
        drawn = draw(torch.cat([entry[3] for entry in going]).cpu() if going else torch.empty(0, K),
                     torch.cat([u[:, one.row, one.first + entry[1]] for entry in going for one in entry[0]]), config)
        for entry, codes in zip(going, drawn.split([count * len(entry[0]) for entry in going]), strict=True):
            group, k, before, _, cache = entry
            for one, part in zip(group, codes.split(count), strict=True):
                tokens[:, one.row, one.first + k] = part
            entry[1] = k + 1
            if group[0].first + k < group[0].last:
                with distributed.autocast(device, config.bf16):
                    entry[3] = prior.next(codes.to(device), before + k, cache)
        yield sum(len(entry[0]) for entry in going)
        going, step = [entry for entry in going if entry[0][0].first + entry[1] <= entry[0][0].last], step + 1


def started(prior: nn.Module, seen: Tensor, cond: Tensor | None, more: int) -> tuple[Tensor, object]:
    """Tokens (B, t) of a window -> logits (B, K) of the next one; and the cache, where `more` are to follow it."""
    if not more:
        return prior.last(seen, cond), None
    logits, cache = prior.begin(len(seen), cond, length=seen.shape[1] + more + 1, tokens=seen)
    return logits, cache
