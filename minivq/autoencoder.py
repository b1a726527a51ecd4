"""The first stage: encoder, quantiser, decoder (Esser, Rombach, Ommer 2021, appendix A). Floor 2."""
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from minivq.layers import Attention2d, Downsample, ResBlock, Upsample, group_norm
from minivq.quantize import FSQ, EMAQuantizer, Quantized, VectorQuantizer


@dataclass(frozen=True)
class VQVAEConfig:
    """The shape of a first stage. The downsampling factor is f = 2 ** (len(widths) - 1).

    Raises ValueError for values that do not make a model, with the value met and the value wanted.
    """

    channels: int = 3                           # of the picture
    widths: tuple[int, ...] = (24, 48, 96, 160)  # channels per level, fine to coarse
    blocks: int = 1                             # residual blocks a level in the encoder
    decoder_blocks: int | None = None           # and in the decoder; None: one more (the paper)
    attention_levels: tuple[int, ...] = ()      # levels with attention after each block; the middle always has it
    z_channels: int = 32                        # channels between the 1x1 convolutions and the networks
    d: int = 16                                 # code dimension
    K: int = 512                                # codes
    groups: int = 8                             # of every GroupNorm (the paper's models: 32)
    dropout: float = 0.0
    quantizer: str = "ema"                      # "ema", "vq", "fsq", or "colours": no network, a pixel is a vector
    beta: float = 0.25                          # weight of the commitment term
    decay: float = 0.97                         # of the EMA codebook: it remembers about 33 steps
    levels: tuple[int, ...] = ()                # of FSQ; K and d follow from them

    def __post_init__(self):
        for name in ("channels", "blocks", "z_channels", "d", "K", "groups"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: wanted at least 1")
        if not self.widths:
            raise ValueError("widths=() has no level: wanted at least one width")
        for width in self.widths:
            if width % self.groups:
                raise ValueError(f"groups={self.groups} does not divide the width {width} of widths={self.widths}")
        if self.quantizer not in ("ema", "vq", "fsq", "colours"):
            raise ValueError(f"quantizer={self.quantizer!r}: wanted 'ema', 'vq', 'fsq' or 'colours'")
        if self.quantizer == "colours" and (self.factor, self.d) != (1, self.channels):
            raise ValueError(f"colours with f={self.factor}, d={self.d}: wanted f=1, d={self.channels}")
        if self.quantizer == "fsq":
            fsq = FSQ(self.levels)
            if (self.K, self.d) != (fsq.K, fsq.d):
                raise ValueError(f"levels={self.levels} make K={fsq.K}, d={fsq.d}, got K={self.K}, d={self.d}")

    @property
    def factor(self) -> int:
        """f: how many pixels one place of the latent grid stands for, in each direction."""
        return 2 ** (len(self.widths) - 1)


class Level(nn.Module):
    """(B, C_in, H, W) -> (B, C_out, H, W): residual blocks of one resolution, each followed by attention if asked."""

    def __init__(self, config: VQVAEConfig, level: int, in_channels: int, blocks: int):
        super().__init__()
        width = config.widths[level]
        attends = level in config.attention_levels
        self.blocks, self.attentions = nn.ModuleList(), nn.ModuleList()
        for i in range(blocks):
            self.blocks.append(ResBlock(in_channels if i == 0 else width, width, config.groups, config.dropout))
            self.attentions.append(Attention2d(width, config.groups) if attends else nn.Identity())

    def forward(self, h: Tensor) -> Tensor:
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            h = attention(block(h))
        return h


def middle(config: VQVAEConfig) -> nn.Sequential:
    """(B, C, h, w) -> (B, C, h, w): residual block, attention, residual block at the coarsest level."""
    width = config.widths[-1]
    return nn.Sequential(ResBlock(width, width, config.groups, config.dropout), Attention2d(width, config.groups),
                         ResBlock(width, width, config.groups, config.dropout))


class Encoder(nn.Module):
    """(B, C, H, W) in [-1, 1] -> (B, z_channels, H/f, W/f)."""

    def __init__(self, config: VQVAEConfig):
        super().__init__()
        widths = config.widths
        self.conv_in = nn.Conv2d(config.channels, widths[0], 3, padding=1)
        self.levels = nn.ModuleList(Level(config, i, widths[max(i - 1, 0)], config.blocks) for i in range(len(widths)))
        self.downsamples = nn.ModuleList(Downsample(width) for width in widths[:-1])
        self.middle = middle(config)
        self.norm_out = group_norm(widths[-1], config.groups)
        self.conv_out = nn.Conv2d(widths[-1], config.z_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_in(x)                                                         # (B, widths[0], H, W)
        for i, level in enumerate(self.levels):
            h = level(h)                                                            # (B, widths[i], H/2^i, W/2^i)
            if i < len(self.downsamples):
                h = self.downsamples[i](h)
        return self.conv_out(F.silu(self.norm_out(self.middle(h))))                 # (B, z_channels, h, w)


class Decoder(nn.Module):
    """(B, z_channels, h, w) -> (B, C, h·f, w·f): no tanh, no clamp; clamp to show or save."""

    def __init__(self, config: VQVAEConfig):
        super().__init__()
        widths = config.widths
        coarse_to_fine = range(len(widths) - 1, -1, -1)
        blocks = config.decoder_blocks or config.blocks + 1
        self.conv_in = nn.Conv2d(config.z_channels, widths[-1], 3, padding=1)
        self.middle = middle(config)
        self.levels = nn.ModuleList(Level(config, i, widths[min(i + 1, len(widths) - 1)], blocks)
                                    for i in coarse_to_fine)
        self.upsamples = nn.ModuleList(Upsample(widths[i]) for i in coarse_to_fine if i > 0)
        self.norm_out = group_norm(widths[0], config.groups)
        self.conv_out = nn.Conv2d(widths[0], config.channels, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.middle(self.conv_in(z))                                            # (B, widths[-1], h, w)
        for i, level in enumerate(self.levels):
            h = level(h)
            if i < len(self.upsamples):
                h = self.upsamples[i](h)                                            # twice as high and wide
        return self.conv_out(F.silu(self.norm_out(h)))                              # (B, C, H, W)


class Reconstruction(NamedTuple):
    """What a VQVAE's forward gives: the picture drawn again, the encoding, and what the quantiser said."""

    x_rec: Tensor
    z_e: Tensor
    quantized: Quantized | None


class VQVAE(nn.Module):
    """(B, C, H, W) in [-1, 1] -> Reconstruction: encode, choose codes, decode.

    `encode` and `decode` go to and from indices; sides that are not a multiple of f raise ValueError.
    """

    def __init__(self, config: VQVAEConfig):
        super().__init__()
        self.config = config
        bare = config.quantizer == "colours"
        self.encoder = nn.Identity() if bare else Encoder(config)
        self.quant_conv = nn.Identity() if bare else nn.Conv2d(config.z_channels, config.d, 1)
        self.quantizer = make_quantizer(config)
        self.post_quant_conv = nn.Identity() if bare else nn.Conv2d(config.d, config.z_channels, 1)
        self.decoder = nn.Identity() if bare else Decoder(config)

    def to_latent(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, d, h, w): the encoding z_e, before quantisation."""
        f, channels = self.config.factor, self.config.channels
        if x.ndim != 4 or x.shape[1] != channels or x.shape[2] % f or x.shape[3] % f or 0 in x.shape:
            raise ValueError(f"pictures have shape {tuple(x.shape)}: wanted (B, {channels}, H, W), "
                             f"with H and W multiples of f={f}")
        return self.quant_conv(self.encoder(x))

    def to_picture(self, z_q: Tensor) -> Tensor:
        """(B, d, h, w) -> (B, C, H, W): decode codes, about [-1, 1], not clamped."""
        return self.decoder(self.post_quant_conv(z_q))

    def encode(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in [-1, 1] -> (B, h, w) int64: the indices of the codes."""
        return self.quantizer(self.to_latent(x)).indices

    def decode(self, indices: Tensor) -> Tensor:
        """(B, h, w) int64 in 0..K-1 -> (B, C, H, W): the picture of these codes, about [-1, 1], not clamped."""
        return self.to_picture(self.quantizer.lookup(indices))

    def forward(self, x: Tensor, quantise: bool = True) -> Reconstruction:
        z_e = self.to_latent(x)                                                     # (B, d, h, w)
        if not quantise:
            return Reconstruction(self.to_picture(z_e), z_e, None)
        quantized = self.quantizer(z_e)
        return Reconstruction(self.to_picture(quantized.z_q), z_e, quantized)

    @property
    def last_weight(self) -> Tensor:
        """The decoder's last convolution weight, where the paper compares the strengths of losses."""
        return self.decoder.conv_out.weight


def make_quantizer(config: VQVAEConfig) -> nn.Module:
    """The quantiser that `config` names."""
    if config.quantizer == "fsq":
        return FSQ(config.levels)
    if config.quantizer in ("vq", "colours"):
        return VectorQuantizer(config.K, config.d, config.beta)
    return EMAQuantizer(config.K, config.d, config.beta, config.decay)


@torch.no_grad()
def reconstruct(model: VQVAE, x: Tensor, batch: int = 64) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) -> (N, C, H, W) clamped to [-1, 1], (N, h, w) int64: in eval mode, in batches; mode is restored."""
    was_training = model.training
    model.eval()
    indices = torch.cat([model.encode(part) for part in x.split(batch)])
    pictures = torch.cat([model.decode(part).clamp(-1, 1) for part in indices.split(batch)])
    model.train(was_training)
    return pictures, indices
