"""Lesson 04, codebook health: misconceptions and other right answers."""

import math

import torch
from torch import nn

from tests.mutants import Alternative, Mutant


def frequencies(indices, K):
    counts = torch.bincount(indices.flatten(), minlength=K).double()
    return counts / counts.sum()


def whole(indices, K):
    p = frequencies(indices, K)
    p = p[p > 0]
    return math.exp(-(p * p.log()).sum())


def mean_of_batches(indices, K):
    return sum(whole(part, K) for part in indices) / len(indices)


def bits_with_exp(indices, K):
    p = frequencies(indices, K)
    return torch.exp(-(p * torch.log2(p.clamp_min(1e-12))).sum())


def zero_log_zero(indices, K):
    p = frequencies(indices, K)
    return torch.exp(-(p * p.log()).sum())


def entropy_alone(indices, K):
    return math.log(whole(indices, K))


def used_codes(indices, K):
    return indices.unique().numel()


def padded(indices, K):
    p = frequencies(indices, K) + 1e-2
    p = p / p.sum()
    return torch.exp(-(p * p.log()).sum())


def product_form(indices, K):
    p = frequencies(indices, K)
    return torch.prod(p**-p).item()


class Base(nn.Module):
    """A right one, in parts that the mutants replace."""

    def __init__(self, codes, decay=0.99):
        super().__init__()
        self.decay = decay
        self.begin(codes.detach().clone())

    def begin(self, codes):
        self.register_buffer("counts", torch.ones(len(codes)))
        self.register_buffer("sums", codes)

    @property
    def codebook(self):
        return self.sums / self.counts.clamp_min(1e-5)[:, None]

    def gathered(self, z, chosen):
        one_hot = nn.functional.one_hot(chosen, len(self.counts)).to(z.dtype)       # (N, K)
        return one_hot.sum(0), one_hot.T @ z

    def weights(self):
        return self.decay, 1 - self.decay

    def update(self, z, chosen):
        number, total = self.gathered(z.detach(), chosen)
        old, new = self.weights()
        self.counts = old * self.counts + new * number
        self.sums = old * self.sums + new * total


class CountsFromZero(Base):
    def begin(self, codes):
        self.register_buffer("counts", torch.zeros(len(codes)))
        self.register_buffer("sums", codes)


class Swapped(Base):
    def weights(self):
        return 1 - self.decay, self.decay


class FullWeight(Base):
    def weights(self):
        return self.decay, 1.0


class WithGradient(Base):
    def update(self, z, chosen):
        number, total = self.gathered(z, chosen)
        self.counts = self.decay * self.counts + (1 - self.decay) * number
        self.sums = self.decay * self.sums + (1 - self.decay) * total


class Parameters(Base):
    def begin(self, codes):
        self.counts, self.sums = nn.Parameter(torch.ones(len(codes))), nn.Parameter(codes)


class MeansForSums(Base):
    def gathered(self, z, chosen):
        number, total = super().gathered(z, chosen)
        return number, total / number.clamp_min(1)[:, None]


class CountsAlone(Base):
    def update(self, z, chosen):
        number, total = self.gathered(z.detach(), chosen)
        self.counts = self.decay * self.counts + (1 - self.decay) * number
        self.sums = self.sums + (1 - self.decay) * total


class Lerp(Base):
    @torch.no_grad()
    def update(self, z, chosen):
        number, total = self.gathered(z, chosen)
        self.counts.lerp_(number, 1 - self.decay)
        self.sums.lerp_(total, 1 - self.decay)


def restarting(codebook=True, counts=1.0, sums=1.0, one_place=False, everyone=False):
    """A restart of which single parts can be left out."""
    def restart(e, n, s, points, below):
        dead = torch.arange(len(n)) if everyone else (n < below).nonzero().flatten()
        places = torch.randint(len(points), (len(dead),))
        chosen = points[places[:1].expand(len(dead)) if one_place else places]
        e, n, s = e.clone(), n.clone(), s.clone()
        if codebook:
            e[dead] = chosen
        if counts:
            n[dead] = counts
        if sums:
            s[dead] = sums * chosen
        return e, n, s
    return restart


def permuted(e, n, s, points, below):
    dead = n < below
    chosen = torch.zeros_like(e)
    chosen[dead] = points[torch.randperm(len(points))[: int(dead.sum())]]
    n = torch.where(dead, 0.5, n)
    s = torch.where(dead[:, None], 0.5 * chosen, s)
    return s / n[:, None], n, s


MUTANTS = [
    Mutant("4.2", "mean of batch perplexities", mean_of_batches, "perplexities of single maps"),
    Mutant("4.2", "log2 with exp", bits_with_exp, "log2 met exp"),
    Mutant("4.2", "0 log 0", zero_log_zero, "0 log 0"),
    Mutant("4.2", "the entropy alone", entropy_alone, "exponential is missing"),
    Mutant("4.2", "usage 100 % means every code is equally useful", used_codes, "Used does not mean equally useful"),
    Mutant("4.2", "a little added to every frequency", padded, "never occur must not count"),
    Mutant("4.3", "counts from 0, sums from the codes", CountsFromZero, "the counts start at 0"),
    Mutant("4.3", "decay and 1 - decay swapped", Swapped, "swapped"),
    Mutant("4.3", "new statistics with full weight", FullWeight, "come with weight 1"),
    Mutant("4.3", "gradients into EMA codes", WithGradient, "gradients flow into the codes"),
    Mutant("4.3", "statistics as parameters", Parameters, "no buffer"),
    Mutant("4.3", "means for sums", MeansForSums, "not their mean"),
    Mutant("4.3", "only the counts fade", CountsAlone, "nobody chose has moved"),
    Mutant("4.4", "stale statistics", restarting(counts=None, sums=None), "jumps back"),
    Mutant("4.4", "stale counts", restarting(counts=None), "still below the threshold"),
    Mutant("4.4", "a count that does not fit the sum", restarting(counts=2.0), "belong to the new place together"),
    Mutant("4.4", "the codebook forgotten", restarting(codebook=False), "still shown where it died"),
    Mutant("4.4", "all on one encoding", restarting(one_place=True), "one and the same encoding"),
    Mutant("4.4", "everyone restarts", restarting(everyone=True), "alive were moved too"),
    Mutant("4.5", "FSQ rounding without straight-through", torch.round, "the gradient is zero"),
    Mutant("4.5", "rounded value detached", lambda z: z.detach().round(), "no gradient leaves it"),
    Mutant("4.5", "cut off instead of rounded", lambda z: z + (z.floor() - z).detach(), "cuts off"),
    Mutant("4.5", "not rounded at all", lambda z: z * 1, "not rounded"),
]

ALTERNATIVES = [
    Alternative("4.2", "zero frequencies left out", whole),
    Alternative("4.2", "as a product of powers", product_form),
    Alternative("4.3", "one-hot matrix", Base),
    Alternative("4.3", "lerp", Lerp),
    Alternative("4.4", "half a use, distinct encodings", permuted),
    Alternative("4.5", "detached sum", lambda z: z.round().detach() + (z - z.detach())),
]
