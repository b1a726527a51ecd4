"""Solutions of lesson 09."""

import inspect
import math

import torch
import torch.nn.functional as F
from torch import nn


def nll(prior, indices):
    """prior, (B, h, w) codes -> scalar: nats per token, each by the odds that the prior gave before it was seen"""
    tokens = indices.flatten(1)  # (B, T)
    logits = prior(tokens[:, :-1])  # (B, T, K): the first row was given before anything was seen
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def costs(nats, tokens, pixels):
    """nats per token, tokens and pixels of a picture -> nats per picture, bytes per picture, bits per pixel"""
    bits = nats * tokens / math.log(2)
    return nats * tokens, bits / 8, bits / pixels


PRICE = "\n\n\n".join([
    "import math\n\nimport torch.nn.functional as F", inspect.getsource(nll).rstrip(),
    inspect.getsource(costs).rstrip(), "price = nll, costs"])


def bigram(train, held, K, weight=20.0):
    """(N, h, w), (M, h, w) codes -> odds of the first code (K,), odds after each code (K, K), nats per token of held"""
    tokens, said = train.flatten(1), held.flatten(1)
    share = (torch.bincount(tokens.flatten(), minlength=K) + 1.0).double() / (tokens.numel() + K)
    pairs = torch.bincount((tokens[:, :-1] * K + tokens[:, 1:]).flatten(), minlength=K * K).reshape(K, K)
    after = (pairs + weight * share) / (pairs.sum(1, keepdim=True) + weight)
    first = (torch.bincount(tokens[:, 0], minlength=K) + weight * share) / (len(tokens) + weight)
    logs = first[said[:, 0]].log().sum() + after[said[:, :-1], said[:, 1:]].log().sum()
    return first, after, -logs.item() / said.numel()


# The lesson's cells have these two; the exercise builds on them.
def offsets(kernel):
    """odd kernel -> rows, columns (kernel, kernel): how far each weight lies from the middle"""
    steps = torch.arange(kernel) - kernel // 2
    return torch.meshgrid(steps, steps, indexing="ij")


class Masked(nn.Conv2d):
    """(B, C, h, w) -> (B, C, h, w): a convolution of which only the weights count where the mask is true"""

    def __init__(self, width, mask):
        super().__init__(width, width, len(mask), padding="same")
        self.register_buffer("mask", mask.float())

    def forward(self, x):
        return F.conv2d(x, self.weight * self.mask, self.bias, padding="same")


class CausalStack(nn.Module):
    """(B, C, h, w) -> (B, C, h, w): masked convolutions; a place knows the codes before it"""

    def __init__(self, width, kernel, layers):
        super().__init__()
        rows, columns = offsets(kernel)
        above, left = [rows < 0, rows <= 0], [(rows == 0) & (columns < 0), (rows == 0) & (columns <= 0)]
        self.vertical = nn.ModuleList(Masked(width, above[i > 0]) for i in range(layers))
        self.horizontal = nn.ModuleList(Masked(width, left[i > 0]) for i in range(layers))
        self.across = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(layers))

    def forward(self, x):
        above = left = x
        for vertical, horizontal, across in zip(self.vertical, self.horizontal, self.across, strict=True):
            above = vertical(above).tanh()  # the rows above at full width, and never its own
            left = (horizontal(left) + across(above)).tanh()  # takes over what they know; the other way would leak
        return left


EVERY_ORDER = """
# 4 * 3 * 2 * 1 orders; one free number for each row, 1 + 2 + 4 + 8, as many as one table of 16 odds that sum to 1 has.
# Sum over the last token first: its odds sum to 1 whatever came before, and a sentence of three is left. And so on.
answer = (24, 15, 1)
""".strip()


SOLUTIONS = {
    "9.2": PRICE,
    "9.3": bigram,
    "9.4": CausalStack,
    "9.5": EVERY_ORDER,
}
