"""Lesson 08, scores: misconceptions and other right answers."""

import torch
import torch.nn.functional as F

from tests.mutants import Alternative, Mutant


def root_trace(A, B):
    """tr (A B)^½"""
    return torch.linalg.eigvals(A @ B).real.clamp_min(0).sqrt().sum()


def distance(apart=lambda a, b: (a - b).square().sum(), cov=lambda t: t.T.cov(), cross=root_trace, factor=2.0,
             ready=lambda t: t.double(), end=lambda d: d.item(), sizes="refused"):
    """A Fréchet distance of which single parts can be wrong."""
    def frechet(a, b):
        if sizes == "refused" and a.shape != b.shape:
            raise ValueError("sets of unequal size")
        n = len(b) if sizes == "ignored" else min(len(a), len(b))
        a, b = ready(a)[:n], ready(b)[:n]
        A, B = cov(a), cov(b)
        return end(apart(a.mean(0), b.mean(0)) + A.trace() + B.trace() - factor * cross(A, B))
    return frechet


def unclamped(A, B, least=-torch.inf):
    values, vectors = torch.linalg.eigh(A)
    root = vectors * values.clamp_min(least).sqrt() @ vectors.T
    return torch.linalg.eigvalsh(root @ B @ root).sqrt().sum()


def half_clamped(A, B):
    return unclamped(A, B, least=0)


def by_singular_values(a, b):
    """tr (Σa Σb)^½ is the sum of the singular values of A Bᵀ, of the centred features."""
    if a.shape != b.shape:
        raise ValueError(f"{tuple(a.shape)} and {tuple(b.shape)}")
    A, B = ((t.double() - t.double().mean(0)) / (len(t) - 1) ** 0.5 for t in (a, b))
    return (F.mse_loss(a.double().mean(0), b.double().mean(0), reduction="sum") + A.square().sum() + B.square().sum()
            - 2 * torch.linalg.svdvals(A @ B.T).sum())


def by_product(a, b):
    """Eigenvalues of the product itself: complex numbers with a real root."""
    if len(a) != len(b):
        raise ValueError("unequal")
    a, b = a.double(), b.double()
    A, B = torch.cov(a.T), torch.cov(b.T)
    roots = torch.linalg.eigvals(A @ B).sqrt().real.sum()
    return float((a.mean(0) - b.mean(0)).pow(2).sum() + torch.trace(A) + torch.trace(B) - 2 * roots)


def agreement(counts=lambda left, right: (left > 0) | (right > 0), agree=lambda left, right: left == right,
              mean=lambda agree, counted: agree[counted].float().mean(), cover=lambda left, right, counted: counted,
              empty="refused", end=lambda share, coverage: (share, coverage)):
    """A consistency of which single parts can be wrong."""
    def consistency(left, right):
        counted = counts(left, right)
        if empty == "refused" and not counted.any():
            raise ValueError("nothing to be seen")
        share = mean(agree(left, right), counted)
        return end(share.item(), cover(left, right, counted).float().mean().item())
    return consistency


def by_hand(left, right):
    agree = count = total = 0
    for a, b in zip(left.flatten().tolist(), right.flatten().tolist(), strict=True):
        total += 1
        if a or b:
            count += 1
            agree += a == b
    if not count:
        raise ValueError("nothing to be seen")
    return agree / count, count / total


def decibel(scale=127.5, peak=2.0, levels=True, clamp=True, log=torch.log10, factor=10.0, pool=lambda mse: mse,
            most=99.0):
    """A PSNR of which single parts can be wrong; the error is counted in units of `scale` grey levels."""
    def psnr(x, y):
        x, y = ((p.clamp(-1, 1) if clamp else p) for p in (x, y))
        x, y = ((p + 1) * 127.5 for p in (x, y))
        x, y = ((p.round() if levels else p) / scale for p in (x, y))
        mse = pool((x - y).square().mean((1, 2, 3)))
        return (factor * log(peak**2 / mse.clamp_min(1e-12))).clamp(max=most).mean()
    return psnr


def per_picture(x, y):
    mse = (x - y).square().mean((1, 2, 3))
    return 10 * torch.log10(4 / mse)


MUTANTS = [
    Mutant("8.2", "elementwise root", distance(cross=lambda A, B: (A @ B).sqrt().trace()), "is taken of each entry"),
    Mutant("8.2", "root of entry times entry", distance(cross=lambda A, B: (A * B).sqrt().trace()),
           "spreads of single features"),
    Mutant("8.2", "deviations of single features",
           distance(cross=lambda A, B: (A.diag().sqrt() * B.diag().sqrt()).sum()), "as if no two hung together"),
    Mutant("8.2", "means left out", distance(apart=lambda a, b: 0.0), "the means are left out"),
    Mutant("8.2", "means alone", lambda a, b: (a.mean(0) - b.mean(0)).square().sum(), "covariances are left out"),
    Mutant("8.2", "means not squared", distance(apart=lambda a, b: (a - b).norm()), "is not squared"),
    Mutant("8.2", "no factor 2", distance(factor=1.0), "stands there once"),
    Mutant("8.2", "no root", distance(cross=lambda A, B: (A @ B).trace()), "there is no root"),
    Mutant("8.2", "last term added", distance(factor=-2.0), "the last term is added"),
    Mutant("8.2", "divided by N", distance(cov=lambda t: t.T.cov(correction=0)), "divided by N"),
    Mutant("8.2", "not transposed", distance(cov=lambda t: t.cov()), "one row for each feature"),
    Mutant("8.2", "a root around all", distance(end=lambda d: d.sqrt().item()), "left squared"),
    Mutant("8.2", "mean over features", lambda a, b: distance()(a, b) / a.shape[1], "by the number of features"),
    Mutant("8.2", "sets of unequal size compared", distance(sizes="ignored"), "without a word"),
    Mutant("8.2", "the larger set cut", distance(sizes="cut"), "without a word"),
    Mutant("8.2", "eigenvalues not clamped", distance(cross=unclamped), "it is nan for fewer pictures"),
    Mutant("8.2", "the first ones clamped only", distance(cross=half_clamped), "it is nan for fewer pictures"),
    Mutant("8.2", "in float32", distance(ready=lambda t: t.float()), "drowns"),
    Mutant("8.2", "one number a feature", lambda a, b: (a.mean(0) - b.mean(0)).square(), "wanted one number"),
    Mutant("8.3", "hidden pairs agree", agreement(counts=lambda left, right: left > -1), "hidden pairs count as agree"),
    Mutant("8.3", "visible on both sides only", agreement(counts=lambda left, right: (left > 0) & (right > 0)),
           "would be forgiven"),
    Mutant("8.3", "by the left side", agreement(counts=lambda left, right: left > 0), "its left side"),
    Mutant("8.3", "by the right side", agreement(counts=lambda left, right: right > 0), "its right side"),
    Mutant("8.3", "one side only agrees",
           agreement(agree=lambda left, right: (left == right) | (left * right == 0)), "on one side only counts"),
    Mutant("8.3", "whether, not what", agreement(agree=lambda left, right: (left > 0) == (right > 0)), "not what"),
    Mutant("8.3", "divided by all pairs", agreement(mean=lambda agree, counted: (agree & counted).float().mean()),
           "it divides by all pairs"),
    Mutant("8.3", "disagreement", agreement(agree=lambda left, right: left != right), "the share that disagrees"),
    Mutant("8.3", "mean over faces",
           agreement(mean=lambda agree, counted: ((agree & counted).sum(1) / counted.sum(1)).mean()), "over faces"),
    Mutant("8.3", "mean over attributes",
           agreement(mean=lambda agree, counted: ((agree & counted).sum(0) / counted.sum(0)).mean()),
           "mean over attributes"),
    Mutant("8.3", "swapped", agreement(end=lambda share, coverage: (coverage, share)), "the two are swapped"),
    Mutant("8.3", "the share alone", agreement(end=lambda share, coverage: share), "wanted two numbers"),
    Mutant("8.3", "coverage of hidden ones", agreement(cover=lambda left, right, counted: ~counted), "of hidden pairs"),
    Mutant("8.3", "coverage of both sides", agreement(cover=lambda left, right, counted: (left > 0) & (right > 0)),
           "show on both sides"),
    Mutant("8.3", "coverage of single sides",
           agreement(cover=lambda left, right, counted: torch.stack([left, right]) > 0), "share of single sides"),
    Mutant("8.3", "blank pictures scored", agreement(empty="nan"), "show nothing at all"),
    Mutant("8.4", "as planted", decibel(peak=1.0), "still 6.02 dB too low"),
    Mutant("8.4", "the error in [0, 1], the peak of [-1, 1]", decibel(scale=255.0), "6.02 dB too high"),
    Mutant("8.4", "peak not squared", decibel(peak=2.0**0.5), "3.01 dB too low"),
    Mutant("8.4", "peak of 255 for [-1, 1]", decibel(peak=255.0), "the peak in grey levels"),
    Mutant("8.4", "levels with the peak of [-1, 1]", decibel(scale=1.0), "in grey levels and the peak in [-1, 1]"),
    Mutant("8.4", "levels with a peak of 1", decibel(scale=1.0, peak=1.0), "the peak in [0, 1]"),
    Mutant("8.4", "natural logarithm", decibel(log=torch.log), "natural logarithm"),
    Mutant("8.4", "twenty for ten", decibel(factor=20.0), "a factor of 2 is off"),
    Mutant("8.4", "PSNR of the mean error", decibel(pool=lambda mse: mse.mean()), "PSNR of the mean error"),
    Mutant("8.4", "not rounded", decibel(levels=False), "no longer rounded"),
    Mutant("8.4", "not clamped", decibel(clamp=False), "no longer clamped"),
    Mutant("8.4", "no ceiling", decibel(most=1e9), "count as 99 dB"),
    Mutant("8.4", "one number a picture", per_picture, "wanted one number"),
    Mutant("8.5", "inconsistent", (0.0, 31.25, 6.25), "every copy"),
    Mutant("8.5", "spread forgotten", (1, 25, 0), "tr Σ stays"),
    Mutant("8.5", "means forgotten", (1, 6.25, 6.25), "(3, 4) apart"),
    Mutant("8.5", "means not squared", (1, 11.25, 6.25), "goes in squared"),
    Mutant("8.5", "deviations for variances", (1, 28.5, 3.5), "adds up variances"),
    Mutant("8.5", "all entries", (1, 33.65, 8.65), "sum of the diagonal"),
    Mutant("8.5", "determinant", (1, 32.56, 7.56), "determinant"),
    Mutant("8.5", "FFD sees nothing", (1, 0, 0), "covariance of copies"),
    Mutant("8.5", "the middle for free", (1, 31.25, 0), "out of reach"),
    Mutant("8.5", "no other face", (1, 31.25, 31.25), "another face"),
    Mutant("8.5", "two numbers", (1, 31.25), "wanted three numbers"),
]

ALTERNATIVES = [
    Alternative("8.2", "by singular values", by_singular_values),
    Alternative("8.2", "by the product's eigenvalues", by_product),
    Alternative("8.3", "pair by pair", by_hand),
    Alternative("8.3", "as tensors", lambda left, right: tuple(map(torch.tensor, by_hand(left, right)))),
    Alternative("8.4", "in grey levels", decibel(scale=1.0, peak=255.0)),
    Alternative("8.4", "in [0, 1]", decibel(scale=255.0, peak=1.0)),
    Alternative("8.5", "as a list", [1, 31.25, 6.25]),
]
