"""The plain ways of sampling that `bench` times ours against, and how it times. Floor 4."""
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from minivq.sampling import SampleConfig, draw
from minivq.transformer import Transformer

LONG = SampleConfig()


@torch.no_grad()
def recomputed(prior: Transformer, u: Tensor) -> Tensor:
    """u (B, T) -> tokens (B, T): for each token, all before it go through the network again."""
    tokens = torch.empty(len(u), 0, dtype=torch.int64)
    for place in range(u.shape[1]):
        tokens = torch.cat([tokens, draw(prior(tokens)[:, -1], u[:, place], LONG)[:, None]], 1)
    return tokens


@torch.no_grad()
def cached(prior: Transformer, u: Tensor) -> Tensor:
    """u (B, T) -> tokens (B, T): ours, with keys and values kept in place."""
    logits, cache = prior.begin(len(u))
    tokens = [draw(logits, u[:, 0], LONG)]
    for place in range(1, u.shape[1]):
        tokens.append(draw(prior.next(tokens[-1], place - 1, cache), u[:, place], LONG))
    return torch.stack(tokens, 1)


@torch.no_grad()
def concatenated(prior: Transformer, u: Tensor) -> Tensor:
    """u (B, T) -> tokens (B, T): keys and values are kept, but copied into longer tensors each time."""
    kept: list[tuple[Tensor, Tensor] | None] = [None] * len(prior.blocks)
    h, tokens = prior.prefix(len(u), None), []
    for place in range(u.shape[1]):
        for layer, block in enumerate(prior.blocks):
            q, k, v = (part.view(len(u), 1, block.heads, -1).transpose(1, 2)
                       for part in block.qkv(block.norm1(h)).split(h.shape[-1], 2))
            if kept[layer] is not None:
                k, v = (torch.cat([old, new], 2) for old, new in zip(kept[layer], (k, v), strict=True))
            kept[layer] = k, v
            h = h + block.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
            h = h + block.mlp(block.norm2(h))
        tokens.append(draw(prior.head(prior.norm(h[:, -1])), u[:, place], LONG))
        h = prior.embed(tokens[-1][:, None], place)
    return torch.stack(tokens, 1)


def in_turn(sides: dict[str, Callable], rounds: int, warm_up: int = 2) -> dict[str, float]:
    """Median seconds of each, timed in turn, so that a busy minute of the machine meets all of them."""
    seconds = {name: [] for name in sides}
    for round_ in range(rounds + warm_up):
        for name, one in sides.items():
            started = time.perf_counter()
            one()
            if round_ >= warm_up:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_memory() -> int:
    """The most bytes that this process has held so far."""
    import sys
    if sys.platform == "win32":
        import psutil
        return psutil.Process().memory_info().peak_wset
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
