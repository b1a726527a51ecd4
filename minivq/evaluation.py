"""Scores of a first stage on a whole split, beside what plain methods reach at the same bits. Floor 4."""
import torch
from torch import Tensor
from tqdm import tqdm

from minivq import metrics
from minivq.autoencoder import VQVAE, reconstruct
from minivq.datasets import Pictures
from minivq.quantize import kmeans, nearest

BASELINE_PICTURES = 2000                # of the train split: what the baselines are made from


def batches(pictures: Pictures, count: int, size: int = 64):
    """The first `count` pictures as (B, C, H, W) in [-1, 1], with a progress bar."""
    for chunk in tqdm(torch.arange(count).split(size), unit="batch", leave=False, desc=pictures.split):
        yield pictures.batch(chunk)


def patches(x: Tensor, p: int) -> Tensor:
    """(B, C, H, W) -> (B, C·p·p, H/p, W/p): the picture as a grid of p x p patches, each a vector."""
    return torch.nn.functional.pixel_unshuffle(x, p)


def unpatch(z: Tensor, p: int) -> Tensor:
    """(B, C·p·p, h, w) -> (B, C, h·p, w·p): the inverse of `patches`."""
    return torch.nn.functional.pixel_shuffle(z, p)


def patch_codebook(train: Pictures, p: int, K: int, count: int = BASELINE_PICTURES, steps: int = 20) -> Tensor:
    """Classical vector quantisation: K codes (K, C·p·p) by k-means on the p x p patches of `count` pictures."""
    x = patches(train.batch(torch.arange(min(count, len(train)))), p)
    points = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
    return kmeans(points, K, steps, torch.Generator().manual_seed(0))


@torch.no_grad()
def evaluate(model: VQVAE, pictures: Pictures, train: Pictures | None = None, count: int | None = None) -> dict:
    """Scores on the first `count` pictures (None: all): psnr in dB, codes used, perplexity, bits.

    With `train`, the baselines at the same bits: the mean picture of `train`, and K k-means codes of f x f patches.
    """
    count = min(count or len(pictures), len(pictures))
    K, f = model.config.K, model.config.factor
    baselines = {}
    if train is not None:
        codebook = patch_codebook(train, f, K)
        mean = train.batch(torch.arange(min(BASELINE_PICTURES, len(train)))).mean(0, keepdim=True)
        baselines = {"psnr_kmeans_patches": lambda x: unpatch(codebook[nearest(patches(x, f), codebook)]
                                                              .permute(0, 3, 1, 2), f),
                     "psnr_mean_picture": lambda x: mean.expand_as(x)}
    device = next(model.parameters()).device
    sums, indices = dict.fromkeys(["psnr", *baselines], 0.0), []
    for x in batches(pictures, count):
        x_rec, chosen = reconstruct(model, x.to(device))
        indices.append(chosen.cpu())
        sums["psnr"] += metrics.psnr(x, x_rec.cpu()).item() * len(x)
        for name, draw in baselines.items():
            sums[name] += metrics.psnr(x, draw(x)).item() * len(x)
    indices = torch.cat(indices)
    return {**{name: total / count for name, total in sums.items()},
            "usage": metrics.usage(indices, K), "perplexity": metrics.perplexity(indices, K), "K": K,
            "bits_per_pixel": metrics.bits_per_pixel(K, f), "tokens": indices[0].numel(),
            "pictures": count, "data": pictures.name, "size": pictures.size, "split": pictures.split}


def table(scores: dict) -> str:
    """The scores as lines of text with their units."""
    lines = [("PSNR", f"{scores['psnr']:.2f} dB")]
    if "psnr_kmeans_patches" in scores:
        lines += [("  k-means patches, same bits", f"{scores['psnr_kmeans_patches']:.2f} dB"),
                  ("  mean picture, no bits", f"{scores['psnr_mean_picture']:.2f} dB")]
    used = round(scores["usage"] * scores["K"])
    lines += [("codes used", f"{used} of {scores['K']} ({100 * scores['usage']:.1f} %)"),
              ("perplexity", f"{scores['perplexity']:.1f} of {scores['K']}"),
              ("rate", f"{scores['bits_per_pixel']:.4f} bits per pixel, {scores['tokens']} tokens a picture"),
              ("measured on", "{pictures} pictures, {data} {size} px, {split}".format(**scores))]
    return "\n".join(f"{name:<28} {value}" for name, value in lines)
