"""Tiny pictures and models that several tests share."""
import numpy as np
import torch

from minivq.autoencoder import VQVAEConfig
from minivq.datasets import Pictures

TINY = VQVAEConfig(widths=(8, 8), K=16, d=4, z_channels=8, groups=4, decoder_blocks=1)


def toy_pictures(count: int = 64, size: int = 8, split: str = "train") -> Pictures:
    """Smooth random pictures, the same ones each time."""
    coarse = torch.rand(count, 3, 2, 2, generator=torch.Generator().manual_seed(len(split)))
    pixels = torch.nn.functional.interpolate(coarse, size, mode="bilinear").mul(255).byte().movedim(1, -1).numpy()
    return Pictures("toy", split, size, np.ascontiguousarray(pixels), np.arange(count), source=np.arange(count))
