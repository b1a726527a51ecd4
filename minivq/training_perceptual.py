"""Training the small net of the perceptual distance: what it must see, and what it may overlook. Floor 3.

It shares nothing with the judges: other tasks, another seed, other weights.
"""
import dataclasses
import io

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from minivq import datasets, distributed, drawing
from minivq.judge import SIDE
from minivq.perceptual import MiniConfig, MiniFeatures, Perceptual, feature_distance, unit
from minivq.training import TrainConfig, autocast, batch_indices, seeded
from minivq.training_readers import Loss, levels

KINDS = ("none", "blur", "noise", "jpeg", "pixels")     # the distortions that the small net tells apart
# What of a face may differ between two siblings: what occurs on both sides, and what it has once.
DOUBLED = ("iris", "natural", "dye", "skin", "beard", "glasses", "lens", "earring", "cloth")
SINGLE = ("style", "hat", "mouth", "clothes", "freckles", "makeup", "brow", "eyes")


class MiniTrainer(nn.Module):
    """The small net with the heads that teach it.

    (B, 3, H, W) -> depth and edges (B, 2, H, W); pairs (2, N, 3, H, W) -> which thing differs (N, things).
    """

    def __init__(self, config: MiniConfig):
        super().__init__()
        self.net = MiniFeatures(config)
        for module in self.net.modules():
            if isinstance(module, nn.Conv2d):                      # as loud behind eight layers as before them
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu"), nn.init.zeros_(module.bias)
        self.maps = nn.ModuleList(nn.Conv2d(width, 2, 1) for width in config.widths)
        self.differs = nn.Linear(sum(config.widths), len(DOUBLED + SINGLE))

    def forward(self, x: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        features = self.net(torch.cat([x, pairs.flatten(0, 1)]))
        maps = sum(F.interpolate(head(part[:len(x)]), x.shape[-2:], mode="bilinear", align_corners=False)
                   for head, part in zip(self.maps, features, strict=True))
        # What the distance sums up, before it is summed over channels: that is where a difference has to show.
        first, second = ([unit(part[len(x):].float()).unflatten(0, pairs.shape[:2])[i] for part in features]
                         for i in (0, 1))
        gaps = torch.cat([(a - b).square().mean((2, 3)) * a.shape[1] for a, b in zip(first, second, strict=True)], 1)
        return maps, self.differs((gaps + 1e-6).log())


def perceptual_task(config: TrainConfig, count: int) -> tuple[MiniTrainer, Loss]:
    """The small net with its heads, and its loss on `count` pictures of each world.

    It reads depth and edges, whatever the colours, and says what differs between two faces: the eyes, say, or whether
    there are glasses. Both are spoiled a little, so that it learns to overlook what nobody sees.
    """
    names = ("faces", "landscapes")
    pictures = [datasets.load(name, SIDE, "train", count) for name in names]
    truths = [[datasets.truth(name, kind, SIDE, "train", count) for kind in ("depth", "edges")] for name in names]
    changed, things = siblings(count)
    torch.manual_seed(config.seed)

    def loss(net: nn.Module, step: int) -> tuple[Tensor, dict]:
        chosen = distributed.share(batch_indices(step, config.batch // len(names), count, config.seed))
        x = torch.cat([part.batch(chosen) for part in pictures])
        maps = torch.cat([torch.stack([levels(part, chosen) / 255 for part in both], 1) for both in truths])
        generator = seeded(config.seed, step * distributed.world_size() + distributed.rank())
        x, maps = varied(x, maps, generator)
        chosen = distributed.share(batch_indices(step, config.batch // len(names), count, config.seed + 1))
        pairs = torch.stack([spoiled(part, generator) for part in
                             (pictures[0].batch(chosen), datasets.from_uint8(changed[chosen.numpy()]))])
        device = next(net.parameters()).device
        x, pairs, maps, answers = (part.to(device) for part in (x, pairs, maps, things[chosen]))
        with autocast(device, config.bf16):
            found, differs = net(x.to(memory_format=torch.channels_last), pairs)
        off = F.l1_loss(found.float(), maps)
        return (4 * off + F.cross_entropy(differs.float(), answers),
                {"maps": off.item(), "named": (differs.argmax(1) == answers).float().mean().item()})

    return MiniTrainer(MiniConfig()), loss


def siblings(count: int, split: str = "train") -> tuple[np.ndarray, Tensor]:
    """The first faces of a split, each with one thing of another face that one can see.

    -> (count, 64, 64, 3) uint8, and (count,) int64: which thing, by its place in DOUBLED + SINGLE.
    """
    place, first, names = drawing.world("faces"), datasets.WORLD_RANGES[split][0], DOUBLED + SINGLE
    drawn, things = np.empty((count, SIDE, SIDE, 3), np.uint8), torch.empty(count, dtype=torch.int64)
    for i in tqdm(range(count), unit="face", leave=False, desc="siblings"):
        face, random = place.attributes(first + i), np.random.default_rng([1, i])
        original = place.picture(face, SIDE)
        for _ in range(100):                                       # what a hat or dark lenses hide shows nothing
            other, things[i] = place.attributes(first + int(random.integers(count))), int(random.integers(len(names)))
            drawn[i] = place.picture(sibling(face, other, names[things[i]]), SIDE)
            if (drawn[i] != original).any():
                break
    return drawn, things


def sibling(face, other, name: str):
    """A Face with one thing of another, on both sides where it occurs twice."""
    if name in SINGLE:
        return dataclasses.replace(face, **{name: getattr(other, name)})
    return dataclasses.replace(face, **{side: dataclasses.replace(getattr(face, side), **{
        name: getattr(getattr(other, side), name)}) for side in ("left", "right")})


def spoiled(x: Tensor, generator: torch.Generator) -> Tensor:
    """(B, 3, H, W) -> the same pictures, each moved by a pixel or distorted so lightly that one sees the same face."""
    pictures = []
    for picture in x:
        kind = ("moved", *KINDS[1:])[int(torch.randint(len(KINDS), (), generator=generator))]
        dx, dy = (torch.randint(3, (2,), generator=generator) - 1).tolist()
        pictures.append(picture.roll((dy, dx), (1, 2)) if kind == "moved" else
                        distorted(picture, kind, 0.15 * torch.rand((), generator=generator).item(), generator))
    return torch.stack(pictures)


@torch.no_grad()
def examine_perceptual(net: nn.Module, count: int = 200) -> dict[str, float]:
    """Shares of validation pictures: of which a stronger distortion is more distant; of which a shift is nearer than
    a blur of the same squared error; of faces to which a spoiled one is nearer than a sibling."""
    distance = Perceptual(net, lambda net, x, y: feature_distance(net(x), net(y)))
    found = {}
    for world in ("faces", "landscapes"):
        x = datasets.load(world, SIDE, "validation", count).batch(range(count))
        for kind in ("blur", "noise", "jpeg"):
            weak, strong = (torch.stack([distorted(picture, kind, strength, seeded(0, i))
                                         for i, picture in enumerate(x)]) for strength in (0.3, 0.5))
            found[f"{world} {kind}"] = (distance(strong, x) > distance(weak, x)).float().mean().item()
        shifted = torch.cat([x[..., :1], x[..., :-1]], -1)
        blurred = torch.stack([blur_as_bad(picture, moved) for picture, moved in zip(x, shifted, strict=True)])
        found[f"{world} shift before blur"] = (distance(shifted, x) < distance(blurred, x)).float().mean().item()
        if world == "faces":
            near, far = spoiled(x, seeded(0, 0)), datasets.from_uint8(siblings(count, "validation")[0])
            found["faces spoiled before sibling"] = (distance(near, x) < distance(far, x)).float().mean().item()
    return found


def blur_as_bad(x: Tensor, other: Tensor) -> Tensor:
    """(3, H, W), (3, H, W) -> (3, H, W): x, blurred until its squared error is that of `other`."""
    from torchvision.transforms.functional import gaussian_blur
    wanted, low, high = (other - x).square().mean(), 0.05, 20.0
    for _ in range(16):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if (gaussian_blur(x, 31, middle) - x).square().mean() < wanted else (low, middle)
    return gaussian_blur(x, 31, low)


def varied(x: Tensor, maps: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(B, 3, H, W) and (B, 2, H, W), varied alike: mirrored, turned; colours exchanged, contrast changed."""
    turn = int(torch.randint(4, (), generator=generator))
    x, maps = torch.rot90(x, turn, (2, 3)), torch.rot90(maps, turn, (2, 3))
    if torch.rand((), generator=generator) < 0.5:
        x, maps = x.flip(3), maps.flip(3)
    order = torch.stack([torch.randperm(3, generator=generator) for _ in x])
    x = torch.take_along_dim(x, order[:, :, None, None], 1)
    contrast = 0.5 + 0.5 * torch.rand(len(x), 1, 1, 1, generator=generator)
    sign = torch.where(torch.rand(len(x), 1, 1, 1, generator=generator) < 0.25, -1.0, 1.0)
    shift = (1 - contrast) * (2 * torch.rand(len(x), 1, 1, 1, generator=generator) - 1)
    return sign * contrast * x + shift, maps


def distorted(x: Tensor, kind: str, strength: float, generator: torch.Generator | None = None) -> Tensor:
    """(3, H, W) in [-1, 1] -> (3, H, W): blurred, noisy, compressed as JPEG or in large pixels; strength 0 to 1.

    Raises ValueError for another kind.
    """
    if kind == "none":
        return x
    if kind == "blur":
        from torchvision.transforms.functional import gaussian_blur
        return gaussian_blur(x, 13, 0.3 + 2.2 * strength)
    if kind == "noise":
        return (x + (0.02 + 0.38 * strength) * torch.randn(x.shape, generator=generator)).clamp(-1, 1)
    if kind == "pixels":
        small = [max(1, round(side / (1 + 4 * strength))) for side in x.shape[-2:]]
        return F.interpolate(F.interpolate(x[None], small, mode="area"), x.shape[-2:], mode="nearest")[0]
    if kind != "jpeg":
        raise ValueError(f"distortion {kind!r}: wanted one of {', '.join(KINDS)}")
    from PIL import Image
    file = io.BytesIO()
    picture = Image.fromarray(datasets.to_uint8(x[None])[0].numpy())
    picture.save(file, "JPEG", quality=round(75 - 70 * strength))
    with Image.open(file) as again:
        return datasets.from_uint8(np.array(again)[None])[0]
