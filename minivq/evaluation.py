"""Scores of a first stage on a whole split, beside what plain methods reach at the same bits. Floor 4."""
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from minivq import datasets, halves, metrics
from minivq.autoencoder import VQVAE, reconstruct
from minivq.datasets import Pictures
from minivq.drawing import world
from minivq.judge import SIDE, Judge, doubled, resized
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
def evaluate(model: VQVAE, pictures: Pictures, train: Pictures | None = None, count: int | None = None,
             distance: Callable[[Tensor, Tensor], Tensor] | None = None, judge: Judge | None = None,
             anchored: bool = True) -> dict:
    """Scores on the first `count` pictures (None: all): psnr in dB, sharpness, codes used, perplexity, bits.

    With `train`, the baselines at the same bits: the mean picture of `train`, and K k-means codes of f x f patches.
    With `distance`, the mean perceptual distance; with the `judge` of the pictures' world, what `judged` gives, and,
    if `anchored`, its anchors: they take three times as long and are the same for every model.
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
    sums, indices, kept = dict.fromkeys(["psnr", *baselines], 0.0), [], []
    energy = torch.zeros(2, dtype=torch.float64)
    for x in batches(pictures, count):
        x_rec, chosen = reconstruct(model, x.to(device))
        x_rec = x_rec.cpu()
        indices.append(chosen.cpu())
        sums["psnr"] += metrics.psnr(x, x_rec).item() * len(x)
        energy += torch.tensor([metrics.gradient_energy(x_rec), metrics.gradient_energy(x)]) * len(x)
        for name, draw in baselines.items():
            sums[name] += metrics.psnr(x, draw(x)).item() * len(x)
        if distance is not None:
            sums["perceptual"] = sums.get("perceptual", 0.0) + distance(x_rec.to(device), x.to(device)).sum().item()
        if judge is not None:
            kept.append(datasets.to_uint8(x_rec))
    indices = torch.cat(indices)
    scores = {**{name: total / count for name, total in sums.items()}, "sharpness": (energy[0] / energy[1]).item(),
              "usage": metrics.usage(indices, K), "perplexity": metrics.perplexity(indices, K), "K": K,
              "bits_per_pixel": metrics.bits_per_pixel(K, f), "tokens": indices[0].numel(),
              "pictures": count, "data": pictures.name, "size": pictures.size, "split": pictures.split}
    return scores if judge is None else scores | judged(judge, torch.cat(kept), pictures, count, anchored)


@torch.no_grad()
def evaluate_maps(model: VQVAE, maps: datasets.LabelMaps, count: int | None = None) -> dict:
    """Scores of a first stage of label maps: share of right pixels, mean IoU, codes used, perplexity."""
    count, K = min(count or len(maps), len(maps)), model.config.K
    found, wanted, indices = [], [], []
    for x in batches(maps, count):
        chosen = model.encode(x.to(next(model.parameters()).device))
        indices.append(chosen.cpu())
        found.append(model.decode(chosen).argmax(1).to("cpu", torch.uint8))
        wanted.append(x.argmax(1).to(torch.uint8))
    found, wanted, indices = torch.cat(found), torch.cat(wanted), torch.cat(indices)
    return {"accuracy": (found == wanted).float().mean().item(),
            "mean_iou": metrics.mean_iou(found, wanted, maps.channels), "usage": metrics.usage(indices, K),
            "perplexity": metrics.perplexity(indices, K), "K": K, "pictures": count, "data": maps.name,
            "size": maps.size, "split": maps.split}


def judged(judge: Judge, redrawn: Tensor, pictures: Pictures, count: int, anchored: bool) -> dict:
    """Redrawn pictures (N, H, W, C) uint8 and their originals -> what the judge says of both, maybe with its anchors.

    ffd: Fréchet distance of its features, between the redrawn pictures and those very originals, so that it can lie
    below ffd_floor, which is between strangers; feature_distance: mean over pictures of the distance of both features;
    consistency and the like, see `hangs_together`.
    """
    seen = look(judge, lambda rows: datasets.from_uint8(redrawn[rows]), count)
    real = look(judge, pictures.batch, count)
    scores = {"ffd": metrics.frechet(seen.features, real.features),
              "judge": judge.info.get("name", judge.config.world),
              "feature_distance": (seen.features - real.features).square().sum(1).sqrt().mean().item()}
    return scores | hangs_together(judge, seen) | (anchors(judge, pictures, real, count) if anchored else {})


def anchors(judge: Judge, pictures: Pictures, real: "Seen", count: int) -> dict:
    """What the scores of the judge mean: those of real pictures, of other real pictures, of bad ones, of chance.

    floor: FFD of as many validation pictures; bad: FFD of the originals blurred by a Gaussian of 2 px. Consistency of
    the originals, of chimeras (with its standard error and what the world's probabilities give), of glued halves. The
    mirror of the originals, and of water that lies below a stranger's shore.
    """
    from torchvision.transforms.functional import gaussian_blur
    found = {}
    if count <= datasets.WORLD_RANGES["validation"][1] - datasets.WORLD_RANGES["validation"][0]:
        other = datasets.load(pictures.name, pictures.size, "validation" if pictures.split != "validation" else "test",
                              count)
        found["ffd_floor"] = metrics.frechet(look(judge, other.batch, count).features, real.features)
    blurred = look(judge, lambda rows: gaussian_blur(pictures.batch(rows), 13, 2.0), count).features
    found["ffd_blurred"] = metrics.frechet(blurred, real.features)
    found |= hangs_together(judge, real, "_real")
    chimeras = (datasets.load("chimeras", pictures.size, pictures.split, count) if pictures.name == "faces" else
                halves.Chimeras(pictures))
    left, right = pairs(judge, look(judge, chimeras.batch, count).answers)
    found["consistency_chimeras"] = metrics.consistency(left, right)[0]
    counted = (left > 0) | (right > 0)
    rates = torch.tensor([doubled(judge.config.world).chance(name) for name in sides(judge)])
    found["consistency_chance"] = (counted * rates).sum().item() / counted.sum().item()
    # Attributes of one face hang together, so the error is that of the mean over faces, not over pairs.
    excess = ((left == right).float() - rates).mul(counted).sum(1)
    found["consistency_chimeras_error"] = (excess.std() * count**0.5 / counted.sum()).item()

    def glued(rows):
        x, half = pictures.batch(rows), pictures.size // 2
        return torch.cat([x[..., :half], pictures.batch((rows + 1) % count)[..., half:]], -1)

    def flooded(rows):
        x = pictures.batch(rows)
        water = judge(x).segmentation.argmax(1, keepdim=True) == world("landscapes").LABELS.index("water")
        return torch.where(water, x, pictures.batch((rows + 1) % count))

    found["consistency_glued"] = metrics.consistency(*pairs(judge, look(judge, glued, count).answers))[0]
    if real.mirrors is not None and pictures.size == SIDE:
        found["mirror_strangers"] = look(judge, flooded, count).mirrors.nanmean().item()
    return found


class Seen(NamedTuple):
    """What a judge read off N pictures: features (N, 64), answers name -> (N,), odds of the classes (N, classes).

    mirrors (N,): of landscapes, how far the water shows what stands above it, see `halves.mirror`; else None.
    """

    features: Tensor
    answers: dict[str, Tensor]
    odds: Tensor
    mirrors: Tensor | None


@torch.no_grad()
def look(judge: Judge, batch: Callable[[Tensor], Tensor], count: int) -> Seen:
    """batch(rows) -> pictures in [-1, 1]; what the judge reads off the first `count`."""
    readings, mirrors = [], []
    for rows in tqdm(torch.arange(count).split(64), unit="batch", leave=False, desc="judging"):
        x = batch(rows)
        readings.append(judge(x))
        if judge.config.world == "landscapes":
            mirrors.append(halves.mirror(resized(x), readings[-1].segmentation.argmax(1)))
    logits = {name: torch.cat([reading.answers[name] for reading in readings]) for name, _ in judge.config.questions}
    return Seen(torch.cat([reading.features for reading in readings]),
                {name: values.argmax(1) for name, values in logits.items()}, logits["class"].softmax(1),
                torch.cat(mirrors) if mirrors else None)


def hangs_together(judge: Judge, seen: Seen, suffix: str = "") -> dict[str, float]:
    """What a judge saw -> consistency and its coverage; of landscapes also the mean mirror, and in how many it is seen.
    """
    found = dict(zip(("consistency", "coverage"), metrics.consistency(*pairs(judge, seen.answers)), strict=True))
    if seen.mirrors is not None:
        found |= {"mirror": seen.mirrors.nanmean().item(),
                  "mirror_seen": (~seen.mirrors.isnan()).float().mean().item()}
    return {name + suffix: value for name, value in found.items()}


def sides(judge: Judge) -> list[str]:
    """The doubled attributes that a judge reads."""
    return [name.removesuffix(" left") for name, _ in judge.config.questions if name.endswith(" left")]


def pairs(judge: Judge, answers: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Answers -> (N, pairs), (N, pairs): what was read on the left and on the right, 0 for nothing."""
    return tuple(torch.stack([answers[f"{name} {side}"] for name in sides(judge)], 1) for side in ("left", "right"))


def table(scores: dict) -> str:
    """The scores as lines of text with their units."""
    lines = [("PSNR", f"{scores['psnr']:.2f} dB")]
    if "psnr_kmeans_patches" in scores:
        lines += [("  k-means patches, same bits", f"{scores['psnr_kmeans_patches']:.2f} dB"),
                  ("  mean picture, no bits", f"{scores['psnr_mean_picture']:.2f} dB")]
    if "perceptual" in scores:
        lines += [("perceptual distance", f"{scores['perceptual']:.3f}")]
    lines += [("sharpness", f"{scores['sharpness']:.2f} of the originals' gradient energy")]
    if "ffd" in scores:
        lines += [("FFD (judge's features)", f"{scores['ffd']:.2f}")]
        if "ffd_floor" in scores:
            lines += [("  other real pictures", f"{scores['ffd_floor']:.2f}")]
        if "ffd_blurred" in scores:
            lines += [("  originals, blurred by 2 px", f"{scores['ffd_blurred']:.2f}")]
        lines += [("distance of features", f"{scores['feature_distance']:.2f}")]
    if "consistency" in scores:
        lines += [("consistency", f"{scores['consistency']:.3f}, coverage {scores['coverage']:.2f}")]
    if "consistency_real" in scores:
        lines += [("  originals", f"{scores['consistency_real']:.3f}, coverage {scores['coverage_real']:.2f}"),
                  ("  chimeras", f"{scores['consistency_chimeras']:.3f} ± {scores['consistency_chimeras_error']:.3f}, "
                                 f"chance {scores['consistency_chance']:.3f}"),
                  ("  glued halves", f"{scores['consistency_glued']:.3f}")]
    if "mirror" in scores:
        lines += [("mirror in the water", f"{scores['mirror']:.2f}, in {scores['mirror_seen']:.2f} of them")]
    if "mirror_strangers" in scores:
        lines += [("  originals", f"{scores['mirror_real']:.2f}, in {scores['mirror_seen_real']:.2f}"),
                  ("  water below a stranger's shore", f"{scores['mirror_strangers']:.2f}")]
    used = round(scores["usage"] * scores["K"])
    lines += [("codes used", f"{used} of {scores['K']} ({100 * scores['usage']:.1f} %)"),
              ("perplexity", f"{scores['perplexity']:.1f} of {scores['K']}"),
              ("rate", f"{scores['bits_per_pixel']:.4f} bits per pixel, {scores['tokens']} tokens a picture"),
              ("measured on", "{pictures} pictures, {data} {size} px, {split}".format(**scores))]
    return "\n".join(f"{name:<28} {value}" for name, value in lines)
