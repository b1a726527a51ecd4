"""Quantisers: a vector at each place becomes the number of a code. Three small classes, one interface. Floor 1.

`forward(z_e) -> Quantized(z_q, indices, loss)`, `lookup(indices) -> codes`, `.K` codes of dimension `.d`.
Everything here works in the precision of the codebook (float32), under autocast too: an argmin among bf16
distances picks wrong codes.
"""
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from minivq import distributed


class Quantized(NamedTuple):
    """What a quantiser gives: z_q (B, d, h, w), indices (B, h, w) int64, loss (a scalar to be added)."""

    z_q: Tensor
    indices: Tensor
    loss: Tensor


def nearest(z: Tensor, codebook: Tensor) -> Tensor:
    """(B, d, h, w), (K, d) -> (B, h, w) int64: the nearest code (L2) at each place; ties to the lower index.

    |z - e|² = |z|² - 2 z·e + |e|²; the first term is the same for all codes and stays out.
    Raises ValueError where the dimensions differ.
    """
    B, d, h, w = z.shape
    if codebook.ndim != 2 or codebook.shape[1] != d:
        raise ValueError(f"encodings have d={d}, the codebook has shape {tuple(codebook.shape)}: wanted (K, {d})")
    flat = z.permute(0, 2, 3, 1).reshape(-1, d)                                     # (B·h·w, d)
    norms = codebook.square().sum(1)                                                # (K,)
    rows = max(1, 2**24 // len(codebook))                       # at most 64 MB of distances at a time
    parts = [torch.addmm(norms, part, codebook.T, alpha=-2).argmin(1) for part in flat.split(rows)]
    return torch.cat(parts).reshape(B, h, w)


def lookup(codebook: Tensor, indices: Tensor) -> Tensor:
    """(K, d), (B, h, w) -> (B, d, h, w): the codes themselves. Raises ValueError for an index outside 0..K-1."""
    if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < len(codebook):
        raise ValueError(f"indices reach from {int(indices.min())} to {int(indices.max())}, "
                         f"wanted 0..{len(codebook) - 1}")
    return codebook[indices].permute(0, 3, 1, 2).contiguous()


def straight_through(z_e: Tensor, z_q: Tensor) -> Tensor:
    """(...), (...) -> (...): has the value of z_q and the gradient of z_e (Bengio et al. 2013)."""
    return z_e + (z_q - z_e).detach()


def kmeans(points: Tensor, K: int, steps: int = 10, generator: torch.Generator | None = None) -> Tensor:
    """(N, d) -> (K, d): Lloyd's algorithm from K of the points; a code that no point chooses stays.

    Raises ValueError where there are fewer points than codes.
    """
    if len(points) < K:
        raise ValueError(f"k-means got {len(points)} points for {K} codes: wanted at least as many points as codes")
    start = torch.randperm(len(points), generator=generator)[:K]
    codes = points[start.to(points.device)].clone()
    for _ in range(steps):
        chosen = nearest(points[:, :, None, None], codes).flatten()                 # (N,)
        number, total = statistics(points, chosen, K)
        codes = torch.where(number[:, None] > 0, total / number.clamp_min(1)[:, None], codes)
    return codes


def statistics(points: Tensor, chosen: Tensor, K: int) -> tuple[Tensor, Tensor]:
    """(N, d), (N,) -> (K,), (K, d): how many points chose each code, and their sum."""
    number = torch.zeros(K, dtype=points.dtype, device=points.device)
    number.index_add_(0, chosen, torch.ones_like(points[:, 0]))
    total = torch.zeros(K, points.shape[1], dtype=points.dtype, device=points.device)
    return number, total.index_add_(0, chosen, points)


class VectorQuantizer(nn.Module):
    """(B, d, h, w) -> Quantized: nearest code, straight-through, and two terms that pull codes and encodings together.

    loss = mean (sg[z_e] - e)² + β mean (z_e - sg[e])², β on the commitment (van den Oord et al. 2017, eq. 3).
    """

    def __init__(self, K: int, d: int, beta: float = 0.25):
        super().__init__()
        self.K, self.d, self.beta = K, d, beta
        self.codebook = nn.Parameter(torch.randn(K, d))

    def forward(self, z_e: Tensor) -> Quantized:
        with torch.autocast(z_e.device.type, enabled=False):
            z_e = z_e.to(self.codebook.dtype)
            indices = nearest(z_e.detach(), self.codebook.detach())
            codes = lookup(self.codebook, indices)
            codebook_term = (z_e.detach() - codes).square().mean()
            commitment_term = (z_e - codes.detach()).square().mean()
            loss = codebook_term + self.beta * commitment_term
            return Quantized(straight_through(z_e, codes), indices, loss)

    def lookup(self, indices: Tensor) -> Tensor:
        """(B, h, w) -> (B, d, h, w): the codes of these indices."""
        return lookup(self.codebook, indices)

    @torch.no_grad()
    def start(self, codes: Tensor) -> None:
        """(K, d): take these codes, from k-means for example."""
        self.codebook.copy_(codes)


class EMAQuantizer(nn.Module):
    """(B, d, h, w) -> Quantized: the codebook is a moving average of the encodings that chose each code.

    The state is counts (K,) and sums (K, d), both decayed alike; the codebook is sums / counts, so a code that
    nobody chooses stays where it is. A code whose count falls below `restart_below` (uses a step) is moved to a
    random encoding of the batch, with its statistics. loss = β mean (z_e - sg[e])² (van den Oord et al. 2017, A.1).
    """

    def __init__(self, K: int, d: int, beta: float = 0.25, decay: float = 0.99, restart_below: float = 0.1):
        super().__init__()
        self.K, self.d, self.beta, self.decay, self.restart_below = K, d, beta, decay, restart_below
        self.register_buffer("counts", torch.ones(K))
        self.register_buffer("sums", torch.randn(K, d))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @property
    def codebook(self) -> Tensor:
        """(K, d): sums / counts."""
        return self.sums / self.counts[:, None]

    def forward(self, z_e: Tensor) -> Quantized:
        with torch.autocast(z_e.device.type, enabled=False):
            z_e = z_e.to(self.sums.dtype)
            codebook = self.codebook
            indices = nearest(z_e.detach(), codebook)
            codes = lookup(codebook, indices)
            if self.training:
                self.update(z_e.detach(), indices)
            loss = self.beta * (z_e - codes).square().mean()
            return Quantized(straight_through(z_e, codes), indices, loss)

    @torch.no_grad()
    def update(self, z_e: Tensor, indices: Tensor) -> None:
        """(B, d, h, w), (B, h, w): one step of the moving averages over the global batch, then restarts."""
        points = z_e.permute(0, 2, 3, 1).reshape(-1, self.d)                        # (B·h·w, d)
        number, total = statistics(points, indices.flatten(), self.K)
        distributed.all_reduce(number), distributed.all_reduce(total)
        # Below 1e-6 an unused code is left as it is: float32 would go denormal after some 9,000 steps.
        moving = (number > 0) | (self.counts > 1e-6)
        decay = torch.where(moving, torch.full_like(self.counts, self.decay), 1.0)
        self.counts.mul_(decay).add_((1 - self.decay) * number)
        self.sums.mul_(decay[:, None]).add_((1 - self.decay) * total)
        self.updates += 1
        if (self.counts < self.restart_below).any():
            self.restart(distributed.gather_batch(z_e))

    @torch.no_grad()
    def restart(self, z_e: Tensor) -> None:
        """(B, d, h, w): move each code with a count below `restart_below` to a random encoding, statistics too.

        The number of updates seeds the draw: the same on every process, and after a resume.
        """
        points = z_e.permute(0, 2, 3, 1).reshape(-1, self.d)
        dead = (self.counts < self.restart_below).nonzero().flatten()
        generator = torch.Generator().manual_seed(int(self.updates))
        places = torch.randint(len(points), (len(dead),), generator=generator).to(points.device)
        self.counts[dead] = 1.0
        self.sums[dead] = points[places]

    def lookup(self, indices: Tensor) -> Tensor:
        """(B, h, w) -> (B, d, h, w): the codes of these indices."""
        return lookup(self.codebook, indices)

    @torch.no_grad()
    def start(self, codes: Tensor) -> None:
        """(K, d): take these codes, with statistics that belong to them (one use each)."""
        self.counts.fill_(1.0)
        self.sums.copy_(codes)


class FSQ(nn.Module):
    """(B, d, h, w) -> Quantized: finite scalar quantisation, d numbers rounded to a few levels (Mentzer et al. 2023).

    K is the product of `levels`; there is no codebook to learn, none that could die, and no loss. Codes lie in [-1, 1].
    """

    def __init__(self, levels: tuple[int, ...]):
        super().__init__()
        if not levels or min(levels) < 2:
            raise ValueError(f"FSQ got levels={tuple(levels)}: wanted at least one dimension, each of 2 levels or more")
        self.levels, self.K, self.d = tuple(levels), math.prod(levels), len(levels)
        L = torch.tensor(levels)
        place = torch.cat([torch.ones(1, dtype=torch.int64), L.cumprod(0)[:-1]])
        self.register_buffer("L", L, persistent=False)
        self.register_buffer("place", place, persistent=False)         # mixed radix: worth of each digit

    def bound(self, z: Tensor) -> Tensor:
        """(B, d, h, w) -> (B, d, h, w): squash dimension i so that rounding gives exactly L_i integers."""
        L = self.L.to(z.dtype)[:, None, None]
        half = (L - 1) * (1 + 1e-3) / 2                                # a little more, so the ends are reached
        offset = torch.where(self.L % 2 == 0, 0.5, 0.0).to(z.dtype)[:, None, None]
        return torch.tanh(z + torch.atanh(offset / half)) * half - offset

    def forward(self, z_e: Tensor) -> Quantized:
        with torch.autocast(z_e.device.type, enabled=False):
            z = self.bound(z_e if z_e.dtype == torch.float64 else z_e.float())
            half = (self.L // 2)[:, None, None]
            digits = (z.detach().round().long() + half).movedim(1, -1)              # (B, h, w, d) in 0..L-1
            indices = (digits * self.place).sum(-1)
            return Quantized(straight_through(z, z.round()) / half, indices, z.new_zeros(()))

    def lookup(self, indices: Tensor) -> Tensor:
        """(B, h, w) -> (B, d, h, w): the codes of these indices, in [-1, 1]."""
        if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < self.K:
            raise ValueError(f"indices reach from {int(indices.min())} to {int(indices.max())}, wanted 0..{self.K - 1}")
        digits = indices[..., None] // self.place % self.L                          # (B, h, w, d)
        half = self.L // 2
        return ((digits - half) / half).movedim(-1, 1).contiguous()

    @property
    def codebook(self) -> Tensor:
        """(K, d): all codes."""
        return self.lookup(torch.arange(self.K, device=self.L.device)[:, None, None])[:, :, 0, 0]
