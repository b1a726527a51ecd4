"""Lesson 02: what people write instead."""
import torch
import torch.nn.functional as F
from torch import nn

from tests.mutants import Alternative, Mutant


class Halving(nn.Module):
    """What all halvings share."""

    def __init__(self, channels, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=padding)


class Symmetric(Halving):
    def __init__(self, channels):
        super().__init__(channels, padding=1)

    def forward(self, x):
        return self.conv(x)


class TopLeft(Halving):
    def forward(self, x):
        return self.conv(F.pad(x, (1, 0, 1, 0)))


class Unpadded(Halving):
    def forward(self, x):
        return self.conv(x)


class OneSideOnly(Halving):
    def forward(self, x):
        return self.conv(F.pad(x, (0, 1)))


class Repeated(Halving):
    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1), mode="replicate"))


class Bare(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return F.avg_pool2d(self.conv(x), 2)


class ByConcatenation(Halving):
    def forward(self, x):
        x = torch.cat([x, torch.zeros_like(x[:, :, :1])], 2)
        return self.conv(torch.cat([x, torch.zeros_like(x[:, :, :, :1])], 3))


class Block(nn.Module):
    """The right block, whose pieces the mutants change."""

    eps = 1e-6
    act = staticmethod(F.silu)

    def __init__(self, in_channels, out_channels, groups=32, dropout=0.0):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, in_channels, eps=self.eps)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, out_channels, eps=self.eps)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)

    def correction(self, x):
        h = self.conv1(self.act(self.norm1(x)))
        return self.conv2(self.dropout(self.act(self.norm2(h))))

    def forward(self, x):
        return self.correction(x) + self.shortcut(x)


class NoSum(Block):
    def forward(self, x):
        return self.correction(x)


class NoShortcut(Block):
    def forward(self, x):
        return x + self.correction(x)


class AlwaysConv(Block):
    def __init__(self, in_channels, out_channels, groups=32, dropout=0.0):
        super().__init__(in_channels, out_channels, groups, dropout)
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1)


class Linear(Block):
    act = staticmethod(lambda h: h)


class Relu(Block):
    act = staticmethod(F.relu)


class TorchEps(Block):
    eps = 1e-5


class NormLast(Block):
    def correction(self, x):
        h = F.silu(self.norm2(self.conv1(self.norm1(x))))
        return F.silu(self.conv2(self.dropout(h)))


class ThirtyTwo(Block):
    def __init__(self, in_channels, out_channels, groups=32, dropout=0.0):
        super().__init__(in_channels, out_channels, 32, dropout)


class NoDropout(Block):
    def __init__(self, in_channels, out_channels, groups=32, dropout=0.0):
        super().__init__(in_channels, out_channels, groups, 0.0)


def after_the_last(h, levels, upsamples):
    for i, level in enumerate(levels):
        h = level(h)
        if i > 0:
            h = upsamples[i - 1](h)
    return h


def before_the_level(h, levels, upsamples):
    for i, level in enumerate(levels):
        if i < len(upsamples):
            h = upsamples[i](h)
        h = level(h)
    return h


def all_at_the_end(h, levels, upsamples):
    for level in levels:
        h = level(h)
    for upsample in upsamples:
        h = upsample(h)
    return h


def zipped(h, levels, upsamples):
    for level, upsample in zip(levels, upsamples, strict=False):
        h = upsample(level(h))
    return h


def every_level(h, levels, upsamples):
    for i, level in enumerate(levels):
        h = upsamples[min(i, len(upsamples) - 1)](level(h))
    return h


def in_front_of_the_next(h, levels, upsamples):
    for i, level in enumerate(levels):
        h = level(upsamples[i - 1](h) if i > 0 else h)
    return h


MUTANTS = [
    Mutant("2.2", "symmetric padding", Symmetric, "shifted by one pixel"),
    Mutant("2.2", "padding left and top", TopLeft, "shifted by one pixel"),
    Mutant("2.2", "no padding", Unpadded, "without padding"),
    Mutant("2.2", "padded on one side", OneSideOnly, "(left, right, top, bottom)"),
    Mutant("2.2", "edge repeated", Repeated, "wanted zeros"),
    Mutant("2.2", "pooling for stride", Bare, "the values are not"),
    Mutant("2.3", "input not added", NoSum, "the input is not added"),
    Mutant("2.3", "shortcut forgotten where widths change", NoShortcut, "must match"),
    Mutant("2.3", "convolution in every shortcut", AlwaysConv, "too many shortcut"),
    Mutant("2.3", "no swish", Linear, "no swish"),
    Mutant("2.3", "relu", Relu, "relu"),
    Mutant("2.3", "torch's epsilon", TorchEps, "epsilon"),
    Mutant("2.3", "norm and swish behind the convolution", NormLast, "the order is norm"),
    Mutant("2.3", "groups that do not divide", ThirtyTwo, "divisible"),
    Mutant("2.3", "dropout forgotten", NoDropout, "changes nothing"),
    Mutant("2.4", "upsampling after the last level", after_the_last, "after the last level instead of"),
    Mutant("2.4", "upsampling before the level", before_the_level, "never sees the grid"),
    Mutant("2.4", "all upsampling at the end", all_at_the_end, "all upsampling happens"),
    Mutant("2.4", "last level left out", zipped, "3 of the 4 levels"),
    Mutant("2.4", "upsampling after every level", every_level, "as they should, but the result has shape"),
    Mutant("2.5", "a better decoder", "a", "noise stays noise"),
    Mutant("2.5", "a cell sees f x f pixels only", "c", "far beyond its own f x f pixels"),
    Mutant("2.5", "integers alone", "d", "integers alone"),
]

ALTERNATIVES = [
    Alternative("2.2", "zeros by concatenation", ByConcatenation),
    Alternative("2.3", "sum the other way round", Block),
    Alternative("2.4", "upsampling in front of the next level", in_front_of_the_next),
    Alternative("2.5", "a capital in brackets", "(B)"),
]
