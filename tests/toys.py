"""Tiny pictures and models that several tests share."""
import numpy as np
import torch
from PIL import Image

from minivq.autoencoder import VQVAEConfig
from minivq.datasets import Pictures
from minivq.pixelcnn import PixelCNN, PixelCNNConfig
from minivq.transformer import Transformer, TransformerConfig

TINY = VQVAEConfig(widths=(8, 8), K=16, d=4, z_channels=8, groups=4, decoder_blocks=1)


def toy_pictures(count: int = 64, size: int = 8, split: str = "train") -> Pictures:
    """Smooth random pictures, the same ones each time."""
    coarse = torch.rand(count, 3, 2, 2, generator=torch.Generator().manual_seed(len(split)))
    pixels = torch.nn.functional.interpolate(coarse, size, mode="bilinear").mul(255).byte().movedim(1, -1).numpy()
    return Pictures("toy", split, size, np.ascontiguousarray(pixels), np.arange(count), source=np.arange(count))


def smooth_files(root, width: int, height: int, count: int = 20) -> None:
    """Smooth coloured pictures 00.png, 01.png, … in the folder root, the same ones each time."""
    random = np.random.default_rng(0)
    for i in range(count):
        small = Image.fromarray(random.integers(0, 255, (3, 3, 3), dtype=np.uint8))
        small.resize((width, height), Image.Resampling.BICUBIC).save(root / f"{i:02}.png")


PRIORS = {
    "transformer": lambda: Transformer(TransformerConfig(K=11, T=12, layers=2, heads=2, width=8, cond_values=5,
                                                         cond_length=3, cond_null=4)),
    "pixelcnn": lambda: PixelCNN(PixelCNNConfig(K=11, grid=(3, 4), layers=3, width=8, kernel=3, cond_values=5)),
    "pixelsnail": lambda: PixelCNN(PixelCNNConfig(K=11, grid=(3, 4), layers=4, width=8, kernel=3, attend_every=2,
                                                  heads=2, cond_values=5)),
}


def far_from_start(net: torch.nn.Module) -> torch.nn.Module:
    """A net in float64 and eval mode, with its weights moved far: near their start some would hardly matter."""
    torch.manual_seed(1)
    for parameter in net.double().parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return net.eval()


def toy_prior(kind: str) -> torch.nn.Module:
    """A prior of 12 tokens (3 x 4) and 11 codes that can be told one of five classes: one of PRIORS."""
    torch.manual_seed(0)
    return far_from_start(PRIORS[kind]())
