"""The four building blocks of the autoencoder (Esser, Rombach, Ommer 2021, appendix A): floor 0."""
import math

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor


def group_norm(channels: int, groups: int) -> nn.GroupNorm:
    """(B, C, H, W) -> (B, C, H, W): GroupNorm with the method's epsilon of 1e-6.

    Raises ValueError where `groups` does not divide `channels`.
    """
    if groups < 1 or channels % groups:
        raise ValueError(f"groups={groups} does not divide {channels} channels: wanted a divisor of {channels}")
    return nn.GroupNorm(groups, channels, eps=1e-6)


class ResBlock(nn.Module):
    """(B, C_in, H, W) -> (B, C_out, H, W): x plus two normalised 3x3 convolutions of it.

    Norm, swish, conv, norm, swish, dropout, conv; the input is added, through a 1x1 convolution where the
    number of channels changes.
    """

    def __init__(self, in_channels: int, out_channels: int, groups: int = 32, dropout: float = 0.0):
        super().__init__()
        self.norm1 = group_norm(in_channels, groups)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = group_norm(out_channels, groups)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.shortcut = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))                      # (B, C_out, H, W)
        h = self.conv2(self.dropout(F.silu(self.norm2(h))))        # (B, C_out, H, W)
        return self.shortcut(x) + h


class Attention2d(nn.Module):
    """(B, C, H, W) -> (B, C, H, W): every place looks at every other place, one head, and adds what it found.

    softmax(q·k / sqrt(C)) v with 1x1 convolutions for q, k, v and the output.
    """

    def __init__(self, channels: int, groups: int = 32):
        super().__init__()
        self.norm = group_norm(channels, groups)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        B, C, H, W = x.shape
        h = self.norm(x)
        # Contiguous, or torch would hold all H·W x H·W weights at once: 1 GB for a picture of 1024 px.
        q, k, v = (conv(h).reshape(B, 1, C, H * W).transpose(2, 3).contiguous() for conv in (self.q, self.k, self.v))
        h = F.scaled_dot_product_attention(q, k, v, scale=1 / math.sqrt(C))     # (B, 1, H·W, C)
        return x + self.out(h.transpose(2, 3).reshape(B, C, H, W))


class Downsample(nn.Module):
    """(B, C, H, W) -> (B, C, H/2, W/2): 3x3 convolution of stride 2, padded by one zero right and bottom only.

    The one-sided padding places output (i, j) over the input pixels 2i..2i+2, 2j..2j+2.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """(B, C, H, W) -> (B, C, 2H, 2W): every pixel four times, then a 3x3 convolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def count_parameters(module: nn.Module) -> int:
    """The number of trainable numbers in `module`."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)

