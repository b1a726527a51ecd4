"""Solutions of lesson 10."""

import inspect

import torch


def attend(q, k, v):
    """(..., t, c), (..., s, c), (..., s, d) -> found (..., t, d), weights (..., t, s)"""
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # a row for each place that asks
    weights = scores.softmax(-1)
    return weights @ v, weights


def causal(q, k, v):
    """(..., t, c), (..., t, c), (..., t, d) -> found (..., t, d), weights (..., t, t): at itself and before alone"""
    t = q.shape[-2]
    later = torch.ones(t, t, dtype=torch.bool).triu(1)  # above the diagonal
    scores = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).masked_fill(later, -torch.inf)
    weights = scores.softmax(-1)
    return weights @ v, weights


def sequence(tokens, codes, positions, start):
    """tokens (B, t), codes (K, width), positions (T, width), start (1, width) -> (B, t + 1, width)"""
    said = codes[tokens] + positions[:tokens.shape[1]]
    return torch.cat([start.expand(len(tokens), 1, -1), said], 1)


# Both in one cell: the check gets the pair.
CAUSAL = "\n\n\n".join([
    "import torch", inspect.getsource(causal).rstrip(), inspect.getsource(sequence).rstrip(),
    "both_parts = causal, sequence"])


def several_heads(q, k, v, heads):
    """(B, t, width) three times -> found (B, t, width), weights (B, heads, t, t)"""
    B, t, width = q.shape
    q, k, v = (part.reshape(B, t, heads, width // heads).transpose(1, 2) for part in (q, k, v))  # (B, heads, t, d)
    found, weights = causal(q, k, v)
    return found.transpose(1, 2).reshape(B, t, width), weights  # turned back: place after place


def task(tokens, K, pkeep):
    """tokens (B, T) -> what the prior sees (B, T - 1), what it has to say (B, T)"""
    stays = torch.rand(tokens.shape) < pkeep
    seen = torch.where(stays, tokens, torch.randint(K, tokens.shape))
    return seen[:, :-1], tokens  # the targets are clean


SOLUTIONS = {
    "10.2": attend,
    "10.3": CAUSAL,
    "10.4": several_heads,
    "10.5": task,
}
