"""Solutions of lesson 02."""

import torch.nn.functional as F
from torch import nn


class Downsample(nn.Module):
    """(B, C, H, W) -> (B, C, H/2, W/2): zeros right and bottom, then a 3x3 convolution of stride 2."""

    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class ResBlock(nn.Module):
    """(B, C_in, H, W) -> (B, C_out, H, W): the input plus a correction by two normalised convolutions."""

    def __init__(self, in_channels, out_channels, groups=32, dropout=0.0):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, in_channels, eps=1e-6)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, out_channels, eps=1e-6)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(self.dropout(F.silu(self.norm2(h))))
        return self.shortcut(x) + h


def climb(h, levels, upsamples):
    """(B, C, h, w) -> (B, C', H, W): every level at its own size, coarse to fine."""
    for i, level in enumerate(levels):
        h = level(h)
        if i < len(upsamples):
            h = upsamples[i](h)
    return h


SOLUTIONS = {
    "2.2": Downsample,
    "2.3": ResBlock,
    "2.4": climb,
    "2.5": 'answer = "b"',
}
