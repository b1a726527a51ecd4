"""python -m minivq sample: pictures out of nothing, or out of what the prior is told. Floor 5."""
import argparse
import dataclasses
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from minivq import commands_sliding, datasets, distributed, drawing, pretrained, selector
from minivq.commands import STYLE, picture_file
from minivq.conditioning import SMALLER, labels_of
from minivq.sampling import SampleConfig, best
from minivq.twostage import TwoStage

TOLD = ("segmentation", "depth", "edges", "low")        # the kinds of conditions that a picture file can hold


def add_parser(commands) -> None:
    """Add `sample`."""
    one = commands.add_parser("sample", help="draw pictures with a prior", **STYLE)
    one.add_argument("--model", default="faces", metavar="NAME", help="a shipped prior "
                     f"({', '.join(pretrained.available('prior'))}), the folder of a prior's training, or a .pt file")
    one.add_argument("--n", type=int, default=None, help="pictures (default: 16, of a sliding window 1)")
    one.add_argument("--class", dest="told", default=None, metavar="NAME", help="a class by its name or number")
    one.add_argument("--condition", choices=TOLD, default=None, help="what --picture tells")
    one.add_argument("--picture", type=Path, default=None, metavar="FILE", help="of a segmentation: painted in the "
                     "world's colours; depth and edges: grey; low: a picture of a quarter of the side")
    one.add_argument("--complete", type=Path, default=None, metavar="FILE", help="go on with this picture")
    one.add_argument("--rows", type=int, default=None, help="of --complete: how many rows of tokens stay (half)")
    one.add_argument("--size", default=None, metavar="WxH", help="of a prior of windows, such as landscapes: width and "
                     "height in px")
    one.add_argument("--segmentation", type=Path, default=None, metavar="FILE", help="of a prior of windows: a label "
                     "map of that size (default: the world draws one from the seed)")
    one.add_argument("--stride", type=int, default=1, help="of a prior of windows: it moves every so many tokens; "
                     "above 1 is faster, and no longer exact")
    one.add_argument("--float32", action="store_true", help="no bf16, even where the processor has it")
    one.add_argument("--temperature", type=float, default=SampleConfig.temperature, help="0: always the likeliest code")
    one.add_argument("--top-k", type=int, default=SampleConfig.top_k, help="only the k likeliest codes")
    one.add_argument("--top-p", type=float, default=None, help="only the likeliest codes up to this probability")
    one.add_argument("--guidance", type=float, default=0.0, help="how much more of the class than it learned; "
                     "of faces 0.5 had the least FFD")
    one.add_argument("--accept", type=float, default=1.0, metavar="SHARE", help="with --class: draw more, and keep "
                     "this share, of which the selector is surest")
    one.add_argument("--seed", type=int, default=0, help="the same seed, the same pictures")
    one.add_argument("--out", type=Path, required=True, metavar="FILE", help="the grid of pictures, a PNG")
    one.set_defaults(run=sample)


def sample(args: argparse.Namespace) -> int:
    """Draw --n pictures and write them as one grid; what was told stands first."""
    from minivq import plot
    config = SampleConfig(args.temperature, args.top_k, args.top_p, args.guidance)
    check(args)
    model = pretrained.load(args.model, distributed.device(), kind="prior")
    if model.window is not None:
        config = dataclasses.replace(config, bf16=False if args.float32 else None)
        return commands_sliding.sample(args, model, config)
    if args.size or args.segmentation or args.stride != 1:
        raise ValueError(f"--size, --segmentation and --stride are for a prior of windows, {args.model} draws pictures "
                         f"of one size")
    args.n = 16 if args.n is None else args.n
    chooser = selector.load(f"selector-{model.info['data']}") if args.accept < 1 else None
    count = math.ceil(args.n / args.accept)
    cond, given, first = told(args, model, count)
    x = model.sample(count, cond, config, given, generator=torch.Generator().manual_seed(args.seed))
    if chooser is not None:
        x = x[best(chooser.scores(x, cond[:, 0]), args.accept)[:args.n]]
    shown = x if first is None else torch.cat([first, x])
    scale = max(1, 128 // x.shape[-1])
    path = plot.save(args.out, plot.grid(shown, plot.columns_for(len(shown)), scale))
    print(f"{path}: {'what was told, and ' if first is not None else ''}{args.n} pictures of "
          f"{x.shape[-1]}x{x.shape[-2]} px, each shown {scale} times as large")
    return 0


def check(args: argparse.Namespace) -> None:
    """Raise ValueError for options that do not go together, or a file that is missing, before anything is loaded."""
    from minivq import plot
    if args.n is not None and args.n < 1:
        raise ValueError(f"n={args.n}: wanted at least 1")
    plot.kind_of(args.out)
    if not 0 < args.accept <= 1:
        raise ValueError(f"accept={args.accept}: wanted a share above 0 and up to 1")
    if args.accept < 1 and args.told is None:
        raise ValueError(f"accept={args.accept}: wanted --class, which says what the selector looks for")
    if (args.condition is None) != (args.picture is None):
        raise ValueError(f"condition={args.condition}, picture={args.picture}: wanted both or none")
    if args.condition and args.told is not None:
        raise ValueError("--class and --condition: wanted one of them")
    if args.rows is not None and args.complete is None:
        raise ValueError(f"rows={args.rows}: wanted --complete, the picture of which they stay")
    for path in filter(None, (args.picture, args.complete, args.segmentation)):
        if not path.is_file():
            raise ValueError(f"{path} is not a file: wanted a picture")


def told(args: argparse.Namespace, model: TwoStage, count: int) -> tuple:
    """The options -> prefixes (count, c) or None, given tokens with their mask or None, and a picture of both."""
    h, w = model.grid
    side, first, cond, given = h * model.first_stage.config.factor, None, None, None
    if args.told is not None:
        cond = model.told(args.told, count)
    if args.condition:
        if model.conditions is None:
            raise ValueError(f"{args.model} was not trained with maps: wanted a prior of `train prior --maps`")
        prefix = model.conditions.prefix(args.condition, truth_of(args.picture, args.condition, side, model))
        cond, first = prefix.expand(count, -1), model.conditions.picture(prefix, side)
    if args.complete:
        rows = h // 2 if args.rows is None else args.rows
        if not 1 <= rows < h:
            raise ValueError(f"rows={rows}: wanted 1 to {h - 1} of the {h} rows of tokens")
        x = datasets.from_uint8(read(args.complete, side, "RGB")[None])
        keep = torch.zeros(h, w, dtype=torch.bool)
        keep[:rows] = True
        tokens = model.encode(x)
        given = tokens.expand(count, -1, -1), keep
        begun = model.decode(tokens)
        begun[:, :, rows * side // h:] = -0.8                           # what is to be drawn
        first = begun if first is None else torch.cat([first, begun])
    return cond, given, first


def truth_of(path: Path, kind: str, side: int, model: TwoStage) -> Tensor:
    """A picture file -> what `Conditions.prefix` takes of this kind, for one picture."""
    if kind == "segmentation":
        return labels_of(read(path, side, "RGB"), model.conditions.colours, drawing.world(model.info["data"]).LABELS)
    if kind == "low":
        return datasets.from_uint8(read(path, side // SMALLER, "RGB")[None])
    return torch.from_numpy(read(path, side, "L"))[None, None].float() / 255


def read(path: Path, side: int, mode: str) -> np.ndarray:
    """A picture file -> its levels, (side, side, 3) or (side, side) uint8. Raises ValueError for another size."""
    image = picture_file(path)
    if image.size != (side, side):
        raise ValueError(f"{path} has {image.width}x{image.height} px: wanted {side}x{side}")
    return np.array(image.convert(mode))
