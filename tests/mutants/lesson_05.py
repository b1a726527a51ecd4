"""Wrong and other right answers to the exercises of lesson 05."""

import contextlib

import torch
import torch.nn.functional as F
from torch import nn

from tests.mutants import Alternative, Mutant


def distance_of(unit=None, layer=lambda d: d.square().sum(1).mean((1, 2)), join=sum, before=lambda t: t):
    """A distance of features with one thing wrong: how it normalises, measures a layer, joins layers."""
    unit = unit or (lambda t: t / (t.square().sum(1, keepdim=True) + 1e-10).sqrt())

    def feature_distance(a, b):
        return join([layer(unit(before(p)) - unit(q)) for p, q in zip(a, b, strict=True)])

    return feature_distance


def length(*dims, epsilon=1e-10):
    """-> unit: divided by the length over these dimensions."""
    return lambda t: t / (t.square().sum(dims, keepdim=True) + epsilon).sqrt()


@torch.no_grad()
def without_gradient(a, b):
    return distance_of()(a, b)


def by_normalize(a, b):
    return sum((F.normalize(p, dim=1) - F.normalize(q, dim=1)).pow(2).sum(1).flatten(1).mean(1)
               for p, q in zip(a, b, strict=True))


def by_cosine(a, b):
    total = 0
    for p, q in zip(a, b, strict=True):
        total = total + (2 - 2 * F.cosine_similarity(p, q, dim=1, eps=1e-8)).mean(dim=(-2, -1))
    return total


def by_rows(a, b):
    total = 0
    for p, q in zip(a, b, strict=True):
        rows = [t.flatten(2).transpose(1, 2) for t in (p, q)]                       # (B, h·w, C)
        u, v = (t * (t.pow(2).sum(-1, keepdim=True) + 1e-10).rsqrt() for t in rows)
        total = total + (u - v).pow(2).sum((1, 2)) / u.shape[1]
    return total


def ruler(frozen=True, evaluated=True, steady="train", picture=lambda p: p.float(), colours=3, exact=True,
          context=torch.enable_grad, seed=None):
    """A class of perceptual distances with one thing wrong, or right in another way."""

    class Perceptual(nn.Module):
        def __init__(self, net, compare):
            super().__init__()
            net = net.requires_grad_(not frozen)
            net = net.eval() if evaluated else net
            if steady == "hidden":
                self.nets = [net]                           # a list is no module: .train() does not reach it
            else:
                self.net = net
            self.compare = compare

        def train(self, mode=True):
            return super().train(False if steady == "train" else mode)

        def forward(self, x, y):
            net = self.nets[0] if steady == "hidden" else self.net
            if steady == "forward":
                net.eval()
            if seed is not None:
                torch.manual_seed(seed)
            with context(), torch.autocast(x.device.type, enabled=False) if exact else contextlib.nullcontext():
                return self.compare(net, *(picture(p).expand(-1, colours, -1, -1) for p in (x, y)))

    return Perceptual


class ScalarRuler(ruler()):
    def forward(self, x, y):
        return super().forward(x, y).mean()


MUTANTS = [
    Mutant("5.2", "the two swapped", (0.5, 0.08), "swapped"),
    Mutant("5.2", "halfway for the mean", (-0.2, 0.5), "equally likely"),
    Mutant("5.2", "the larger camp for both", (0.5, 0.5), "more frequent value"),
    Mutant("5.2", "weights exchanged", (-0.48, 0.5), "weights are exchanged"),
    Mutant("5.2", "the mean for both", (0.08, 0.08), "counts heads"),
    Mutant("5.2", "halfway for the median", (0.08, -0.2), "7 of 10 stand against 3"),
    Mutant("5.2", "the smaller camp", (0.08, -0.9), "the smaller camp"),
    Mutant("5.2", "one number", (0.08,), "wanted two numbers"),
    Mutant("5.3", "normalised over space", distance_of(length(2, 3)), "normalises over space"),
    Mutant("5.3", "one length for the whole map", distance_of(length(1, 2, 3)), "one length for all places"),
    Mutant("5.3", "not normalised", distance_of(lambda t: t), "nothing is normalised"),
    Mutant("5.3", "no epsilon", distance_of(length(1, epsilon=0.0)), "nan where all channels"),
    Mutant("5.3", "epsilon behind the root",
           distance_of(lambda t: t / (t.square().sum(1, keepdim=True).sqrt() + 1e-10)), "its gradient is nan"),
    Mutant("5.3", "mean over layers", distance_of(join=lambda parts: sum(parts) / len(parts)), "mean over layers"),
    Mutant("5.3", "mean over channels", distance_of(layer=lambda d: d.square().mean((1, 2, 3))), "mean over channels"),
    Mutant("5.3", "sum over places", distance_of(layer=lambda d: d.square().sum((1, 2, 3))), "adds up over places"),
    Mutant("5.3", "absolute difference", distance_of(layer=lambda d: d.abs().sum(1).mean((1, 2))),
           "absolute difference"),
    Mutant("5.3", "length of the difference", distance_of(layer=lambda d: d.norm(dim=1).mean((1, 2))),
           "the length of the difference"),
    Mutant("5.3", "1 - cos", distance_of(layer=lambda d: d.square().sum(1).mean((1, 2)) / 2), "half as large"),
    Mutant("5.3", "last layer only", distance_of(join=lambda parts: parts[-1]), "only the last layer"),
    Mutant("5.3", "one number a batch", distance_of(layer=lambda d: d.square().sum(1).mean()),
           "one number for the whole"),
    Mutant("5.3", "by the cosine", by_cosine, "a silent place has no direction"),
    Mutant("5.3", "under no_grad", without_gradient, "the picture learns nothing"),
    Mutant("5.3", "one side detached", distance_of(before=lambda t: t.detach()), "one of the two lists only"),
    Mutant("5.4", "eval in the constructor only", ruler(steady="no"), "whatever the constructor had set"),
    Mutant("5.4", "never in eval mode", ruler(steady="no", evaluated=False), "dropout is alive from the start"),
    Mutant("5.4", "trainable", ruler(frozen=False), "bend the ruler"),
    Mutant("5.4", "no_grad around the distance", ruler(context=torch.no_grad), "so is whoever paints"),
    Mutant("5.4", "the picture detached", ruler(picture=lambda p: p.float().detach()), "is it detached before the net"),
    Mutant("5.4", "pictures in [0, 1]", ruler(picture=lambda p: (p.float() + 1) / 2), "pictures in [0, 1]"),
    Mutant("5.4", "pictures clamped", ruler(picture=lambda p: p.float().clamp(-0.5, 0.5)), "other pictures"),
    Mutant("5.4", "a seed for a cure", ruler(steady="no", seed=0), "still no ruler"),
    Mutant("5.4", "bf16 under autocast", ruler(exact=False), "measures in bf16"),
    Mutant("5.4", "grey pictures left grey", ruler(colours=-1), "repeat it three times"),
    Mutant("5.4", "one number a batch", ScalarRuler, "wanted (2,)"),
]

ALTERNATIVES = [
    Alternative("5.2", "as a list", [0.08, 0.5]),
    Alternative("5.3", "by F.normalize", by_normalize),
    Alternative("5.3", "by rows", by_rows),
    Alternative("5.4", "eval in each forward", ruler(steady="forward")),
    Alternative("5.4", "a net that is no module's child", ruler(steady="hidden")),
]
