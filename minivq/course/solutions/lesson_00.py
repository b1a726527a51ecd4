"""Solutions of lesson 00."""

import inspect

import torch


def to_uint8(x):
    """(B, C, H, W) float in [-1, 1] -> (B, H, W, C) uint8"""
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).movedim(1, -1)


def from_uint8(pictures):
    """(B, H, W, C) uint8 -> (B, C, H, W) float32 in [-1, 1]"""
    return pictures.movedim(-1, 1).float() / 127.5 - 1


def distances(a, b):
    """(n, d), (m, d) -> (n, m): the Euclidean distance of a[i] and b[j]"""
    return (a[:, None] - b).square().sum(-1).sqrt()


def pull(student, teacher):
    """(...), (...) -> scalar: mean squared difference; its gradient moves the student alone"""
    return (student - teacher.detach()).square().mean()


# Both ways in one cell: the check gets the pair.
CONVERSIONS = "\n\n\n".join([
    "import torch", inspect.getsource(to_uint8).rstrip(), inspect.getsource(from_uint8).rstrip(),
    "conversions = to_uint8, from_uint8"])


SOLUTIONS = {
    "0.2": CONVERSIONS,
    "0.3": distances,
    "0.4": pull,
    "0.5": 'answer = ["iris", "hair", "skin", "beard", "glasses", "lens", "earring", "clothes", "light"]',
}
