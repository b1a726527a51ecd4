"""minivq: discrete image models, small enough to read. VQ-VAE first; each lesson in notebooks/ builds a part of it."""
from minivq.pretrained import load

__all__ = ["load"]
__version__ = "0.1.0"
