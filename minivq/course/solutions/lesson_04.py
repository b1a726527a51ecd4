"""Solutions of lesson 04."""

import torch
from torch import nn


def perplexity(indices, K):
    """(...) int64 -> exp of the entropy of the code frequencies, in [1, K]."""
    counts = torch.bincount(indices.flatten(), minlength=K).double()
    p = counts / counts.sum()
    return torch.exp(-torch.xlogy(p, p).sum()).item()


class Averages(nn.Module):
    """Counts (K,) and sums (K, d) as the state; the codebook is their quotient."""

    def __init__(self, codes, decay=0.99):
        super().__init__()
        self.decay = decay
        self.register_buffer("counts", torch.ones_like(codes[:, 0]))
        self.register_buffer("sums", codes.detach().clone())

    @property
    def codebook(self):
        return self.sums / self.counts[:, None]

    @torch.no_grad()
    def update(self, z, chosen):
        number = torch.zeros_like(self.counts).index_add_(0, chosen, torch.ones_like(z[:, 0]))
        total = torch.zeros_like(self.sums).index_add_(0, chosen, z)
        self.counts.mul_(self.decay).add_((1 - self.decay) * number)
        self.sums.mul_(self.decay).add_((1 - self.decay) * total)


def restart(codebook, counts, sums, points, below):
    """(K, d), (K,), (K, d), (N, d) -> the same three: dead codes on random points, with statistics."""
    dead = (counts < below).nonzero().flatten()
    chosen = points[torch.randint(len(points), (len(dead),))]
    codebook, counts, sums = codebook.clone(), counts.clone(), sums.clone()
    codebook[dead] = chosen
    counts[dead] = 1.0
    sums[dead] = chosen
    return codebook, counts, sums


def round_through(z):
    """(...) -> (...): whole numbers forward, the gradient of z backward."""
    return z + (z.round() - z).detach()


SOLUTIONS = {
    "4.2": perplexity,
    "4.3": Averages,
    "4.4": restart,
    "4.5": round_through,
}
