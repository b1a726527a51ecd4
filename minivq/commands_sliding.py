"""python -m minivq sample --size: one large picture by the sliding window, interrupted and gone on with. Floor 5."""
import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from minivq import checkpoint, drawing, pretrained
from minivq.commands import picture_file
from minivq.conditioning import labels_of
from minivq.sampling import Painting, SampleConfig, paint
from minivq.twostage import TwoStage

UNSEEN = 1_000_000              # scenes of the world behind this one are in no split
SECONDS = 20                    # between two saves of what is drawn so far


def parse_size(text: str) -> tuple[int, int]:
    """"1024x512", width x height -> (height, width). Raises ValueError for another form."""
    try:
        width, height = map(int, text.split("x"))
    except ValueError:
        raise ValueError(f"size={text!r}: wanted WIDTHxHEIGHT in px, such as 1024x512") from None
    return height, width


def sample(args: argparse.Namespace, model: TwoStage, config: SampleConfig) -> int:
    """Draw --n pictures of --size px; label maps come from --segmentation, or from the world by --seed."""
    from minivq import plot
    count, out, maps = args.n or 1, args.out, args.segmentation and painted_map(args.segmentation, model)
    size = size_of(args, model, maps)
    if model.window.told == "maps" and maps is None:
        place = drawing.world(model.info["data"])
        scene = place.scene(UNSEEN + args.seed)
        maps = torch.from_numpy(place.segmentation(scene, size[1], size[0]).astype(np.int64))[None]
    grid = tuple(side // model.first_stage.config.factor for side in size)
    cond = model.slide_cond(grid, count, maps)
    about = repr((checkpoint.sha256(pretrained.find(args.model)), config, args.seed, count, grid, args.stride,
                  None if maps is None else maps.numpy().tobytes()))
    part = out.with_name(out.name + ".part")
    painting = begun(part, about, count, grid, args.seed)
    if maps is not None and args.segmentation is None:
        told = plot.save(out.with_name(out.stem + "-map.png"), np.array(model.conditions.colours, np.uint8)[maps[0]])
        print(f"{told}: the label map that the world drew; paint in it, and give it as --segmentation")
    finish(model, painting, part, about, cond, config, args.stride)
    x = model.decode(painting.tokens, batch=1)
    path = plot.save(out, plot.grid(x, 1, 1))
    part.unlink(missing_ok=True)
    print(f"{path}: {count} picture{'s' if count > 1 else ''} of {size[1]}x{size[0]} px, {grid[1]}x{grid[0]} tokens")
    return 0


def finish(model: TwoStage, painting: Painting, part: Path, about: str, cond, config: SampleConfig,
           stride: int) -> None:
    """Draw what is missing, and keep it beside the picture's file now and then, and when it is interrupted."""
    saved, total = time.perf_counter(), painting.tokens[0].numel()
    try:
        with tqdm(total=total, initial=int((painting.tokens[0] >= 0).sum()), unit="token", desc="sliding") as progress:
            for drawn in paint(model.prior, painting, model.window.n, cond, config, stride):
                progress.update(drawn)
                if time.perf_counter() - saved > SECONDS:
                    save(part, about, painting)
                    saved = time.perf_counter()
    except KeyboardInterrupt:
        save(part, about, painting)
        print(f"stopped at {(painting.tokens[0] >= 0).float().mean():.0%}: the same command goes on from {part}")
        raise


def save(part: Path, about: str, painting: Painting) -> None:
    """Keep a picture that is not yet finished."""
    checkpoint.write(part, {"about": about, "tokens": painting.tokens, "u": painting.u})


def begun(part: Path, about: str, count: int, grid: tuple[int, int], seed: int) -> Painting:
    """What `save` kept of the same picture, or an empty grid."""
    if part.is_file():
        kept = checkpoint.read(part)
        if kept["about"] == about:
            return Painting(kept["tokens"], kept["u"])
    return Painting.begin(count, grid, torch.Generator().manual_seed(seed))


def painted_map(path: Path, model: TwoStage) -> Tensor:
    """A painted label map -> (1, H, W) ids. Raises ValueError for a prior that is told none, or unknown colours."""
    if model.window.told != "maps":
        raise ValueError(f"--segmentation {path}: this prior is told no label maps")
    picture = np.array(picture_file(path).convert("RGB"))
    return labels_of(picture, model.conditions.colours, drawing.world(model.info["data"]).LABELS)


def size_of(args: argparse.Namespace, model: TwoStage, painted: Tensor | None) -> tuple[int, int]:
    """-> (H, W): what --size says, or the painted map, or the pictures of the training. Raises ValueError for a misfit.
    """
    f, n = model.first_stage.config.factor, model.window.n
    size = tuple(side * f for side in model.window.grid) if painted is None else tuple(painted.shape[1:])
    if args.size:
        size = parse_size(args.size)
        if painted is not None and size != tuple(painted.shape[1:]):
            raise ValueError(f"{args.segmentation} has {painted.shape[2]}x{painted.shape[1]} px: wanted {args.size}, "
                             "or no --size")
    if size[0] % f or size[1] % f or min(size) < n * f:
        raise ValueError(f"size={size[1]}x{size[0]}: wanted multiples of f={f}, and at least {n * f} px a side, "
                         "the window")
    return size
