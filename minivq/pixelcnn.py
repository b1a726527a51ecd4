"""The prior before transformers: causal convolutions over the grid of tokens, with attention if wanted. Floor 1.

Nothing is masked: the picture is moved instead. One stack sees the rows above, moved down by one; the other the row to
the left, moved right by one. From there on ordinary convolutions that look up and left cannot see a token too early.
"""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minivq.transformer import check_input


@dataclass(frozen=True)
class PixelCNNConfig:
    """The shape of a convolutional prior. Raises ValueError for values that make none."""

    K: int                          # codes: what a token can be
    grid: tuple[int, int]           # h, w: the tokens of a picture
    layers: int = 12
    width: int = 128
    kernel: int = 5                 # odd: a layer looks (kernel - 1) / 2 up, left and right
    attend_every: int = 0           # causal attention after so many layers, as in PixelSNAIL; 0: none
    heads: int = 4
    dropout: float = 0.0
    cond_values: int = 0            # classes it can be told; 0: none
    cond_null: int | None = None    # the class that says "none told", where it was trained with it, too

    def __post_init__(self):
        if min(self.K, *self.grid, self.layers, self.width) < 1:
            raise ValueError(f"K={self.K}, grid={self.grid}, layers={self.layers}, width={self.width}: "
                             "wanted at least 1 each")
        if self.kernel < 3 or self.kernel % 2 == 0:
            raise ValueError(f"kernel={self.kernel}: wanted an odd number from 3 on")
        if self.attend_every and self.width % self.heads:
            raise ValueError(f"width={self.width} does not divide among {self.heads} heads")

    cond_length = 1                 # a class is one id
    in_place = False

    @property
    def T(self) -> int:
        """Tokens of a picture."""
        return self.grid[0] * self.grid[1]


def gate(h: Tensor) -> Tensor:
    """(B, 2 C, h, w) -> (B, C, h, w): tanh of one half, let through by the sigmoid of the other."""
    value, opening = h.chunk(2, 1)
    return value.tanh() * opening.sigmoid()


class GatedLayer(nn.Module):
    """Both stacks (B, C, h, w), and what was told (B, 2 C, 1, 1) -> both stacks (van den Oord et al. 2016, figure 2).

    The vertical one hands what it found to the horizontal one, never the other way.
    """

    def __init__(self, width: int, kernel: int, dropout: float):
        super().__init__()
        self.reach, self.dropout = kernel // 2, nn.Dropout(dropout)
        self.vertical = nn.Conv2d(width, 2 * width, (self.reach + 1, kernel))
        self.horizontal = nn.Conv2d(width, 2 * width, (1, self.reach + 1))
        self.across, self.out = nn.Conv2d(2 * width, 2 * width, 1), nn.Conv2d(width, width, 1)

    def forward(self, above: Tensor, left: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        n = self.reach
        found = self.vertical(F.pad(above, (n, n, n, 0)))                           # (B, 2 C, h, w)
        here = self.horizontal(F.pad(left, (n, 0, 0, 0))) + self.across(found)
        return gate(found + told), left + self.out(self.dropout(gate(here + told)))


class CausalAttention(nn.Module):
    """(B, C, h, w) -> (B, C, h, w): every place adds what it finds at itself and earlier places (Chen et al. 2018).

    A place's features know the tokens before it alone, so it may look at its own, too.
    """

    def __init__(self, config: PixelCNNConfig):
        super().__init__()
        self.heads, width = config.heads, config.width
        self.places = nn.Parameter(0.02 * torch.randn(width, *config.grid))
        self.qkv, self.out = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x + self.places).unflatten(1, (3, self.heads, -1)).flatten(4).transpose(3, 4).unbind(1)
        h = F.scaled_dot_product_attention(q, k, v, is_causal=True)                 # (B, heads, T, C/heads)
        return x + self.out(h.transpose(2, 3).reshape(x.shape))


class PixelCNN(nn.Module):
    """tokens (B, t), cond (B, 1) -> logits (B, t + 1, K): the odds of tokens 0 to t, each given those before it.

    Raises ValueError for tokens or classes out of range or too many.
    """

    def __init__(self, config: PixelCNNConfig):
        super().__init__()
        self.config, width = config, config.width
        self.codes = nn.Embedding(config.K, width)
        self.border = nn.Parameter(0.02 * torch.randn(2, width))                    # beyond the picture: above, left
        if config.cond_values:
            self.told = nn.Embedding(config.cond_values, 2 * width)
        self.layers = nn.ModuleList(GatedLayer(width, config.kernel, config.dropout) for _ in range(config.layers))
        self.attentions = nn.ModuleDict({str(i): CausalAttention(config) for i in range(config.layers)
                                         if config.attend_every and (i + 1) % config.attend_every == 0})
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, config.K)

    def forward(self, tokens: Tensor, cond: Tensor | None = None) -> Tensor:
        check_input(self.config, tokens, cond)
        h, w = self.config.grid
        B, t = tokens.shape
        # What is not there yet is not looked at: any code can stand in its place.
        x = self.codes(F.pad(tokens, (0, h * w - t))).transpose(1, 2).unflatten(2, (h, w))      # (B, C, h, w)
        beyond = self.border[:, None, :, None, None].expand(2, B, -1, h, w)
        above = torch.cat([beyond[0, :, :, :1], x[:, :, :-1]], 2)
        left = torch.cat([beyond[1, :, :, :, :1], x[:, :, :, :-1]], 3)
        told = x.new_zeros(()) if cond is None else self.told(cond[:, 0])[:, :, None, None]     # (B, 2 C, 1, 1)
        for i, layer in enumerate(self.layers):
            above, left = layer(above, left, told)
            left = self.attentions[str(i)](left) if str(i) in self.attentions else left
        return self.head(self.norm(left.flatten(2).transpose(1, 2)[:, :t + 1]))

    def begin(self, batch: int, cond: Tensor | None = None) -> tuple[Tensor, dict]:
        """Logits (batch, K) of token 0, and the state that `next` goes on with: here all tokens so far."""
        state = {"tokens": torch.empty(batch, 0, dtype=torch.int64, device=self.border.device), "cond": cond}
        return self(state["tokens"], cond)[:, -1], state

    def next(self, token: Tensor, place: int, state: dict) -> Tensor:
        """The token (B,) that was drawn for `place` -> logits (B, K) of the one after it. All is computed anew."""
        state["tokens"] = torch.cat([state["tokens"][:, :place], token[:, None]], 1)
        return self(state["tokens"], state["cond"])[:, -1]
