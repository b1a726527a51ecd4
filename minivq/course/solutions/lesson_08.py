"""Solutions of lesson 08."""

import torch


def frechet(a, b):
    """(N, F), (N, F) -> float: |μa - μb|² + tr(Σa + Σb - 2 (Σa Σb)^½), of sets of one size"""
    if a.shape != b.shape:
        raise ValueError(f"features have shapes {tuple(a.shape)} and {tuple(b.shape)}: wanted two sets of one size")
    a, b = a.double(), b.double()
    cov_a, cov_b = a.T.cov(), b.T.cov()
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    # Σa Σb has the eigenvalues of Σa^½ Σb Σa^½, which is symmetric: they are real and not negative.
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    return (apart + cov_a.trace() + cov_b.trace() - 2 * cross).item()


def consistency(left, right):
    """(N, pairs), (N, pairs), 0 for nothing to be seen -> (share of agreeing pairs, coverage)"""
    counted = (left > 0) | (right > 0)
    if not counted.any():
        raise ValueError("no pair shows anything: wanted at least one")
    return (left == right)[counted].float().mean().item(), counted.float().mean().item()


def psnr(x, y):
    """(B, C, H, W), (B, C, H, W) in [-1, 1] -> scalar in dB: mean over pictures, each as it would be saved"""
    x, y = (((picture.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1 for picture in (x, y))
    mse = (x - y).square().mean((1, 2, 3))  # (B,)
    return (10 * torch.log10(2**2 / mse.clamp_min(1e-12))).clamp(max=99.0).mean()  # black and white are 2 apart


WORTHLESS = """
# Copies have no spread: Σb = 0, so its root and the last term are 0, and |μa - μb|² + tr Σa is left.
apart, spread = 3**2 + 4**2, 4 + 2.25
answer = (1.0, apart + spread, spread)  # the least: a face in the very middle, apart = 0
""".strip()


SOLUTIONS = {
    "8.2": frechet,
    "8.3": consistency,
    "8.4": psnr,
    "8.5": WORTHLESS,
}
