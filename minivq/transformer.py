"""The prior: a transformer that gives, for every token, the odds of each code, given all tokens before it. Floor 1.

The sequence is [prefix | tokens]. The prefix is a condition, in a table of its own, or one learned start vector. A map
that has a word for each token can be told in place instead: its words are added where they belong, not put in front.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class TransformerConfig:
    """The shape of a transformer prior. Raises ValueError for values that make no transformer."""

    K: int                          # codes: what a token can be
    T: int                          # tokens: the longest sequence, without its prefix
    layers: int = 6
    heads: int = 6
    width: int = 192
    dropout: float = 0.0
    cond_values: int = 0            # rows of the condition's table; 0: no condition is known
    cond_length: int = 0            # the longest prefix of a condition
    cond_null: int | None = None    # the id that says "no condition", where the prior was trained with it, too
    in_place: bool = False          # of conditions of T words, or T behind one in front: each is told at its place

    def __post_init__(self):
        for name in ("K", "T", "layers", "heads", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: wanted at least 1")
        if self.width % self.heads:
            raise ValueError(f"width={self.width} does not divide among {self.heads} heads")
        if bool(self.cond_values) != bool(self.cond_length):
            raise ValueError(f"cond_values={self.cond_values}, cond_length={self.cond_length}: wanted both or none")
        if self.in_place and not self.cond_length >= self.T == math.isqrt(self.T)**2:
            raise ValueError(f"in_place=True, cond_length={self.cond_length}, T={self.T}: wanted as many words as "
                             "tokens, or more, and a square number of tokens")


class Cache:
    """Keys and values of every layer for sequences of up to `length` places, allocated once; `used` are filled."""

    def __init__(self, config: TransformerConfig, batch: int, length: int, like: Tensor):
        size = (config.layers, batch, config.heads, length, config.width // config.heads)
        self.keys, self.values, self.used = like.new_empty(size), like.new_empty(size), 0
        self.told: Tensor | None = None             # (B, T, width): what is told in place

    def add(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (B, heads, new, d) of one layer -> those of all places so far. The block moves `used`."""
        end = self.used + k.shape[2]
        self.keys[layer, :, :, self.used:end], self.values[layer, :, :, self.used:end] = k, v
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]


class Block(nn.Module):
    """(B, t, width) -> (B, t, width): causal self-attention, then two dense layers, each added to its input.

    Norms come first, the dense layers are four times as wide inside (Radford et al. 2019).
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        width = config.width
        self.heads, self.dropout = config.heads, config.dropout
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, cache: Cache | None = None, layer: int = 0, last: bool = False) -> Tensor:
        B, t, width = x.shape
        q, k, v = (part.view(B, t, self.heads, -1).transpose(1, 2)                  # (B, heads, t, width/heads)
                   for part in self.qkv(self.norm1(x)).split(width, 2))
        if cache is not None:
            k, v = cache.add(layer, k, v)
        if last:                                                                    # only that place is wanted
            x, q, t = x[:, -1:], q[:, :, -1:], 1
        # One new place may look at all before it; several are masked. A cache that is not empty takes one at a time.
        h = F.scaled_dot_product_attention(q, k, v, is_causal=t > 1, dropout_p=self.dropout if self.training else 0.0)
        x = x + self.drop(self.out(h.transpose(1, 2).reshape(B, t, width)))
        return x + self.drop(self.mlp(self.norm2(x)))

    def drop(self, h: Tensor) -> Tensor:
        return F.dropout(h, self.dropout, self.training)


class Surroundings(nn.Module):
    """Words of a square map (B, T, width) -> the same, each with what lies up to three places around it, on all sides.

    So a place knows of the shore below it before anything is drawn there, as it would from a map in front.
    """

    def __init__(self, width: int):
        super().__init__()
        self.look, self.out = nn.Conv2d(width, width, 7, padding=3, groups=width), nn.Linear(width, width)

    def forward(self, words: Tensor) -> Tensor:
        B, T, width = words.shape
        seen = self.look(words.mT.reshape(B, width, math.isqrt(T), -1)).flatten(2).mT
        return words + self.out(F.gelu(seen))


class Transformer(nn.Module):
    """tokens (B, t), cond (B, c) -> logits (B, t + 1, K): the odds of tokens 0 to t, each given those before it.

    Tokens and conditions have separate tables and positions, and logits are over codes alone: no id can mean two
    things, and no condition can be drawn. With cond None the prefix is the learned start vector (Esser et al. 2021,
    section 3.2; Radford et al. 2019). Raises ValueError for tokens or conditions out of range or too long.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.config = config
        self.codes = nn.Embedding(config.K, config.width)
        self.positions = nn.Parameter(torch.empty(config.T, config.width))
        self.start = nn.Parameter(torch.empty(1, config.width))
        if config.cond_values:
            self.conditions = nn.Embedding(config.cond_values, config.width)
            if config.in_place:
                self.surroundings = Surroundings(config.width)
            if not config.in_place or config.cond_length > config.T:
                self.cond_positions = nn.Parameter(torch.empty(config.cond_length, config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm, self.head = nn.LayerNorm(config.width), nn.Linear(config.width, config.K, bias=False)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif "norm" not in name:
                # What is added to the stream: smaller, so that its size does not grow with the number of layers.
                added = name.endswith(("out.weight", "mlp.2.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * config.layers) if added else
                                1 / 7 if "look" in name else 0.02)

    def forward(self, tokens: Tensor, cond: Tensor | None = None) -> Tensor:
        h = F.dropout(self.embedded(tokens, cond), self.config.dropout, self.training)
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h[:, -tokens.shape[1] - 1:]))                    # (B, t + 1, K)

    def embedded(self, tokens: Tensor, cond: Tensor | None) -> Tensor:
        """tokens (B, t), cond (B, c) -> the whole sequence (B, c + t, width). Raises ValueError as the class does."""
        check_input(self.config, tokens, cond)
        front, told = self.told(cond)
        h = torch.cat([self.prefix(len(tokens), front), self.embed(tokens)], 1)
        # The word of what is to be drawn is added to the token before it, and the first one to what stands in front.
        return h if told is None else h + told[:, :h.shape[1]]

    def told(self, cond: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """A condition (B, c) -> its ids in front, and vectors (B, T, width) that are added in place; None for none."""
        T = self.config.T
        if cond is None or not self.config.in_place or cond.shape[1] not in (T, T + 1):
            return cond, None
        return cond[:, :-T] if cond.shape[1] > T else None, self.surroundings(self.conditions(cond[:, -T:]))

    def prefix(self, batch: int, cond: Tensor | None) -> Tensor:
        """The start vector or the condition (B, c) -> (B, c, width)."""
        if cond is None:
            return self.start.expand(batch, 1, -1)
        return self.conditions(cond) + self.cond_positions[:cond.shape[1]]

    def embed(self, tokens: Tensor, first: int = 0) -> Tensor:
        """Tokens (B, t) at the places first, first + 1, … -> (B, t, width)."""
        return self.codes(tokens) + self.positions[first:first + tokens.shape[1]]

    def begin(self, batch: int, cond: Tensor | None = None, length: int | None = None,
              tokens: Tensor | None = None) -> tuple[Tensor, Cache]:
        """Logits (B, K) of the token after `tokens` (B, t), and the cache that `next` goes on with.

        It holds sequences of `length` tokens (None: T); tokens None: the first token is to come.
        """
        tokens = torch.empty(batch, 0, dtype=torch.int64, device=self.start.device) if tokens is None else tokens
        h = self.embedded(tokens, cond)
        cache = Cache(self.config, batch, h.shape[1] - tokens.shape[1] + (length or self.config.T) - 1, h)
        cache.told = self.told(cond)[1]
        return self.through(h, cache), cache

    def last(self, tokens: Tensor, cond: Tensor | None = None) -> Tensor:
        """tokens (B, t) -> logits (B, K) of the token after them alone: the last block looks from one place only."""
        h = self.embedded(tokens, cond)
        for block in self.blocks[:-1]:
            h = block(h)
        return self.head(self.norm(self.blocks[-1](h, last=True)))[:, 0]

    def next(self, token: Tensor, place: int, cache: Cache) -> Tensor:
        """The token (B,) that was drawn for `place` -> logits (B, K) of the one after it."""
        h = self.embed(token[:, None], place)
        return self.through(h if cache.told is None else h + cache.told[:, place + 1:place + 2], cache)

    def through(self, h: Tensor, cache: Cache) -> Tensor:
        """New places (B, t, width) -> logits (B, K) after the last of them; the cache then holds them."""
        for layer, block in enumerate(self.blocks):
            h = block(h, cache, layer)
        cache.used += h.shape[1]
        return self.head(self.norm(h[:, -1]))


def check_input(config, tokens: Tensor, cond: Tensor | None) -> None:
    """Raise ValueError where tokens or condition are not what a prior of this configuration knows."""
    if tokens.ndim != 2 or tokens.shape[1] > config.T - 1:
        raise ValueError(f"tokens of shape {tuple(tokens.shape)}: wanted (B, t) with t up to {config.T - 1} "
                         f"(the last of T={config.T} tokens is never looked at)")
    if cond is not None and not config.cond_values:
        raise ValueError("a condition was given, this prior knows none")
    least = config.T if config.in_place and config.cond_length == config.T else 1
    if cond is not None and (cond.ndim != 2 or len(cond) != len(tokens)
                             or not least <= cond.shape[1] <= config.cond_length):
        raise ValueError(f"cond of shape {tuple(cond.shape)}: wanted ({len(tokens)}, {least} to {config.cond_length})")
    for name, ids, count in (("token", tokens, config.K), ("condition", cond, config.cond_values)):
        if ids is not None and ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < count:
            raise ValueError(f"{name} ids from {int(ids.min())} to {int(ids.max())}: wanted 0 to {count - 1}")
