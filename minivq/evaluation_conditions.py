"""Do drawn pictures keep to what was told? Measured by the judge on samples, on real pictures, and on wrong prefixes.

Floor 4.
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from minivq import datasets, metrics, sentences
from minivq.conditioning import KINDS, boxes_of, smaller
from minivq.datasets import Pictures
from minivq.drawing import world
from minivq.judge import SIDE, Judge
from minivq.sampling import SampleConfig
from minivq.twostage import TwoStage

LOOKED = 2000                   # training pictures from which the mean depth of each label at each pixel is taken
NO_FARTHER = 8                  # px: a contour that is not there at all counts as so far away


def condition_scores(model: TwoStage, pictures: Pictures, judge: Judge, count: int = 500,
                     config: SampleConfig | None = None, seed: int = 0) -> dict[str, dict[str, float]]:
    """What the first `count` pictures of a world are told about, kind by kind -> how well samples keep to it.

    Of each kind three figures: `samples`; `real`, the pictures themselves read by the same judge; `strangers`, the
    samples held against the next picture's truth, which is chance. segmentation: mean IoU. depth: mean error, in
    [0, 1], of the depth that the judge's labels stand for. edges: px from a contour to the nearest one found. low: dB
    between the told small picture and the sample made small. keypoints: px between the middles of eyes, nose, mouth.
    boxes: mean IoU with the boxes found. Raises ValueError where the model cannot be told such things.
    """
    if model.conditions is None:
        raise ValueError("this prior was not trained with maps: wanted one of `train prior --maps`")
    rows = torch.arange(count)
    known = truth_of(pictures, rows)
    # The judge looks at 64 px, so it is held against what is true there.
    held = known if pictures.size == SIDE else {**truth_of(datasets.load(pictures.name, SIDE, pictures.split, count),
                                                           rows), "low": known["low"]}
    usual = usual_depth(pictures.name, SIDE, len(world(pictures.name).LABELS))
    real = judge.read(pictures.batch(rows))[2]
    found = {}
    for kind in (kind for kind in KINDS if kind in known):
        x = model.sample(count, model.conditions.prefix(kind, known[kind]), config,
                         generator=torch.Generator().manual_seed(seed))
        seen = judge.read(x)[2]
        pairs = {"samples": (x, seen, held), "real": (pictures.batch(rows), real, held),
                 "strangers": (x, seen, {name: truth.roll(-1, 0) for name, truth in held.items()})}
        found[kind] = {name: kept(kind, *pair, usual) for name, pair in pairs.items()}
    return found


def truth_of(pictures: Pictures, rows: Tensor) -> dict[str, Tensor]:
    """What the world knows of the pictures at these rows, by kind."""
    truths = {kind: datasets.truth(pictures.name, kind, pictures.size, pictures.split, int(rows.max()) + 1)
              for kind in ("segmentation", "depth", "edges")}
    return sentences.ground_truth(pictures, truths, rows, len(world(pictures.name).LABELS))


def kept(kind: str, x: Tensor, maps: Tensor, known: dict[str, Tensor], usual: Tensor) -> float:
    """Pictures (N, 3, H, W), the judge's labels (N, H, W) and the truth -> the figure of one kind."""
    labels = len(usual)
    if kind == "segmentation":
        return metrics.mean_iou(maps, known[kind], labels)
    if kind == "depth":
        return (usual.gather(0, maps.flatten(1)).reshape(maps.shape) - known[kind][:, 0]).abs().mean().item()
    if kind == "edges":
        return contour_distance(contours(known["segmentation"]), contours(maps))
    if kind == "low":
        return metrics.psnr(smaller(x), known[kind]).item()
    if kind == "keypoints":
        apart = (middles(maps) - middles(known["segmentation"])).square().sum(-1).sqrt()
        return apart[~apart.isnan()].mean().item()
    return box_overlap(boxes_of(maps, labels), known[kind])


def usual_depth(name: str, size: int, labels: int) -> Tensor:
    """-> (labels, size · size): the mean depth of training pictures, by label and pixel; of the label, if never met."""
    maps, depth = (torch.from_numpy(np.ascontiguousarray(datasets.truth(name, kind, size, "train", LOOKED)
                                                         .levels(range(LOOKED))[..., 0])).flatten(1).long()
                   for kind in ("segmentation", "depth"))
    total, met = torch.zeros(2, labels, size * size)
    total.scatter_add_(0, maps, depth / 255)
    met.scatter_add_(0, maps, torch.ones(depth.shape))
    every = total.sum(1, keepdim=True) / met.sum(1, keepdim=True).clamp_min(1)
    return torch.where(met > 0, total / met.clamp_min(1), every)


def contours(maps: Tensor) -> Tensor:
    """Label maps (N, H, W) -> (N, H, W) bool: pixels whose right or lower neighbour has another label."""
    found = torch.zeros_like(maps, dtype=torch.bool)
    found[:, :, :-1] |= maps[:, :, :-1] != maps[:, :, 1:]
    found[:, :-1] |= maps[:, :-1] != maps[:, 1:]
    return found


def contour_distance(wanted: Tensor, found: Tensor) -> float:
    """Contours (N, H, W) bool -> mean px (by the larger of both axes) from a wanted one to the nearest found one."""
    total, grown = torch.zeros(()), found.float()[:, None]
    for _ in range(NO_FARTHER):
        total += (wanted & (grown[:, 0] == 0)).sum()
        grown = F.max_pool2d(grown, 3, 1, 1)
    return (total / wanted.sum()).item()


def middles(maps: Tensor) -> Tensor:
    """Label maps of faces (N, H, W) -> (N, 4, 2): middles of left eye, right eye, nose, mouth in px; NaN if absent."""
    names = world("faces").LABELS
    y, x = torch.meshgrid(*(torch.arange(side, dtype=torch.float32) for side in maps.shape[1:]), indexing="ij")

    def middle(here: Tensor) -> Tensor:
        return torch.stack([(here * axis).sum((1, 2)) / here.sum((1, 2)) for axis in (x, y)], -1)

    eyes = maps == names.index("eyes")
    left = x < middle(eyes)[:, :1, None]                                             # (N, H, W): of both eyes' middle
    parts = (eyes & left, eyes & ~left, maps == names.index("nose"), maps == names.index("mouth"))
    return torch.stack([middle(part) for part in parts], 1)


def box_overlap(found: Tensor, wanted: Tensor) -> float:
    """Boxes (N, labels, 4) -> mean intersection over union of the wanted ones; 0 for one that was not found."""
    low, high = torch.maximum(found, wanted)[..., :2], torch.minimum(found, wanted)[..., 2:]
    shared = (high - low).clamp_min(0).prod(-1)
    area = sum((boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (found, wanted))
    overlap = (shared / (area - shared).clamp_min(1e-9)).nan_to_num(0.0)
    return overlap[~wanted.isnan().any(-1)].mean().item()
