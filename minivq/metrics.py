"""Numbers that say how good a picture or a codebook is: floor 0. All are functions of pictures or of indices."""
import math

import torch
from torch import Tensor


def to_levels(x: Tensor) -> Tensor:
    """(...) in [-1, 1] -> (...) float in 0..255: the grey levels that a saved picture would have."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round()


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """(B, C, H, W), (B, C, H, W) in [-1, 1] -> scalar in dB: mean over pictures of the PSNR of the uint8 picture.

    Each picture's squared error is counted in grey levels with a peak of 255; equal pictures count as 99 dB.
    Raises ValueError where the shapes differ.
    """
    if x.shape != y.shape:
        raise ValueError(f"psnr compares pictures of one shape, got {tuple(x.shape)} and {tuple(y.shape)}")
    mse = (to_levels(x) - to_levels(y)).square().mean(dim=(1, 2, 3))                # (B,)
    return (10 * torch.log10(255**2 / mse.clamp_min(1e-12))).clamp(max=99.0).mean()


def counts(indices: Tensor, K: int) -> Tensor:
    """(...) int64 in 0..K-1 -> (K,) int64: how often each code occurs.

    Raises ValueError where an index lies outside 0..K-1.
    """
    if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < K:
        raise ValueError(f"indices reach from {int(indices.min())} to {int(indices.max())}, wanted 0..{K - 1}")
    return torch.bincount(indices.flatten(), minlength=K)


def usage(indices: Tensor, K: int) -> float:
    """(...) int64 -> share of the K codes, in [0, 1], that occur at least once. Count a whole set, not a batch."""
    return (counts(indices, K) > 0).float().mean().item()


def perplexity(indices: Tensor, K: int) -> float:
    """(...) int64 -> exp(entropy) of the code frequencies, in [1, K]: how many equally frequent codes do the work.

    Of a whole set: the mean of batch perplexities is smaller. 0 log 0 counts as 0.
    """
    p = counts(indices, K).double()
    p = p / p.sum()
    return torch.exp(-torch.xlogy(p, p).sum()).item()


def bits_per_pixel(K: int, factor: int) -> float:
    """Codes K, downsampling factor f -> bits per pixel of a map that spends log2 K bits on each f x f pixels."""
    if K < 1 or factor < 1:
        raise ValueError(f"bits_per_pixel got K={K}, factor={factor}: wanted both to be at least 1")
    return math.log2(K) / factor**2


def frechet(a: Tensor, b: Tensor) -> float:
    """Features (N, F), (N, F) -> Fréchet distance of the two Gaussians with their means and covariances, 0 or more.

    |μa - μb|² + tr(Σa + Σb - 2 (Σa Σb)^½), in float64. It falls with more pictures: only sets of one size compare, so
    other ones raise ValueError.
    """
    if a.shape != b.shape or a.ndim != 2 or len(a) < 2:
        raise ValueError(f"features have shapes {tuple(a.shape)} and {tuple(b.shape)}: wanted two sets (N, F) of one "
                         "size")
    a, b = a.double(), b.double()
    values, vectors = torch.linalg.eigh(a.T.cov())
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T                         # Σa^½
    cross = torch.linalg.eigvalsh(root @ b.T.cov() @ root).clamp_min(0).sqrt().sum()
    distance = (a.mean(0) - b.mean(0)).square().sum() + a.T.cov().trace() + b.T.cov().trace() - 2 * cross
    return distance.clamp_min(0).item()


def gradient_energy(x: Tensor) -> float:
    """(B, C, H, W) -> mean squared difference of neighbouring pixels: what blur takes away first."""
    return (x.diff(dim=-1).square().mean() + x.diff(dim=-2).square().mean()).item() / 2


def sharpness(x: Tensor, reference: Tensor) -> float:
    """Pictures and their originals (B, C, H, W) -> gradient energy as a share of the originals': 1 is equally sharp."""
    return gradient_energy(x) / gradient_energy(reference)


def period_energy(x: Tensor, period: int) -> float:
    """(B, C, H, W) -> energy at this period in px, along rows and columns: where the pattern of a decoder would stand.

    Raises ValueError where the period does not divide the sides.
    """
    H, W = x.shape[-2:]
    if H % period or W % period:
        raise ValueError(f"pictures of {W}x{H} px: wanted sides that are multiples of the period {period}")
    rows = torch.fft.rfft(x.double(), dim=-1)[..., W // period].abs().square().mean() / W
    columns = torch.fft.rfft(x.double(), dim=-2)[..., H // period, :].abs().square().mean() / H
    return (rows + columns).item()


def consistency(left: Tensor, right: Tensor) -> tuple[float, float]:
    """Readings of doubled attributes (N, pairs), twice, 0 where nothing is to be seen -> share agreeing, coverage.

    A pair counts if either side shows something; found on one side only is a disagreement. Coverage is the share of
    pairs that counted. Raises ValueError where none did.
    """
    counted = (left > 0) | (right > 0)
    if not counted.any():
        raise ValueError(f"no pair of {tuple(left.shape)} readings shows anything: wanted at least one")
    return (left == right)[counted].float().mean().item(), counted.float().mean().item()


def mean_iou(found: Tensor, wanted: Tensor, labels: int) -> float:
    """Two sets of label maps (N, H, W) -> the mean over all labels that occur of intersection over union, 0 to 1."""
    pairs = torch.bincount(labels * wanted.flatten().long() + found.flatten().long(), minlength=labels**2)
    pairs = pairs.reshape(labels, labels).double()
    both, either = pairs.diagonal(), pairs.sum(0) + pairs.sum(1) - pairs.diagonal()
    return (both / either)[either > 0].mean().item()
