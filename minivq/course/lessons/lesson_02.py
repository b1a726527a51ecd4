"""Lesson 02, latent grid: the blocks of a convolutional autoencoder, and what it lacks as a generator."""

import torch
import torch.nn.functional as F
from torch import nn

from minivq.course.exercises import Exercise, Option, wrong_form


def same_numbers(mine, theirs, part):
    """module, module, name -> None, or a sentence on parameters that are named or shaped differently."""
    met = {key: tuple(value.shape) for key, value in mine.state_dict().items()}
    wanted = {key: tuple(value.shape) for key, value in theirs.state_dict().items()}
    missing, more = sorted(wanted.keys() - met.keys()), sorted(met.keys() - wanted.keys())
    if missing or more:
        return (f"its parameters are not those of {part}: missing {', '.join(missing) or 'nothing'}, "
                f"too many {', '.join(more) or 'nothing'}; "
                "the names of the attributes become the names of the weights")
    wrong = next((key for key in wanted if met[key] != wanted[key]), None)
    return wrong and f"its {wrong} has shape {met[wrong]}, wanted {wanted[wrong]}"


def check_downsample(Downsample):
    """Downsample class -> None or what it does."""
    mine = Downsample(4)
    conv = getattr(mine, "conv", None)
    if not isinstance(conv, nn.Conv2d):
        return "it has no 2-D convolution called conv: leave __init__ as it is given"
    form = same_numbers(mine, package_downsample()(4), "Downsample")
    if form:
        return form
    x = torch.randn(2, 4, 8, 12)
    out, weight, bias = mine(x), conv.weight, conv.bias
    if isinstance(out, torch.Tensor) and out.shape[2:] == (3, 5):
        return "(8, 12) becomes (3, 5): without padding the last row and the last column are lost"
    if isinstance(out, torch.Tensor) and 3 in out.shape[2:]:
        return "only one of the two sides is halved: F.pad wants (left, right, top, bottom)"
    form = wrong_form(out, x[:, :, ::2, ::2])
    if form:
        return form

    def padded(*zeros, mode="constant"):
        return torch.allclose(out, F.conv2d(F.pad(x, zeros, mode=mode), weight, bias, stride=2), atol=1e-5)

    if padded(0, 1, 0, 1):
        return None
    if torch.allclose(out, F.conv2d(x, weight, bias, stride=2, padding=1), atol=1e-5) or padded(1, 0, 1, 0):
        return ("the shape is right, but the grid is shifted by one pixel: output (0, 0) should look at "
                "rows and columns 0 to 2, so the zeros stand right and bottom only")
    if padded(0, 1, 0, 1, mode="replicate"):
        return "the edge pixels are repeated at the border: wanted zeros there"
    return "the shape is right, the values are not: pad with zeros right and bottom, then apply self.conv"


def package_downsample():
    """-> minivq.layers.Downsample"""
    from minivq.layers import Downsample
    return Downsample


def check_res_block(ResBlock):
    """ResBlock class -> None or what it does."""
    theirs_of = package_res_block()
    for channels, groups in (((12, 12), 4), ((12, 18), 6)):
        theirs, x = theirs_of(*channels, groups), torch.randn(2, channels[0], 5, 7)
        if channels[0] != channels[1]:
            x = 1e-3 * x                                       # so small that the epsilon of the norm counts
        mine = ResBlock(*channels, groups)
        out = mine(x)
        form = same_numbers(mine, theirs, f"ResBlock{channels}")
        if form:
            return form
        wanted = theirs(x)
        form = wrong_form(out, wanted)
        if form:
            return form
        for p in theirs.parameters():                          # norms start as ones and zeros: move them
            nn.init.normal_(p, std=0.5)
        mine.load_state_dict(theirs.state_dict())
        message = unlike_res_block(mine.eval()(x), theirs.eval(), x)
        if message:
            return message
    if not drops(ResBlock):
        return "dropout=0.9 changes nothing in training: it stands before the second convolution"
    return None


def drops(ResBlock):
    """Whether dropout is alive in train mode."""
    block, x = ResBlock(12, 12, 4, 0.9).train(), torch.randn(2, 12, 5, 7)
    return not torch.equal(block(x), block(x))


def unlike_res_block(out, block, x):
    """What a block does whose output is not block(x); None where it is."""
    def path(act=F.silu, eps=1e-6):
        def norm(h, of):
            return F.group_norm(h, of.num_groups, of.weight, of.bias, eps)

        return block.conv2(act(norm(block.conv1(act(norm(x, block.norm1))), block.norm2)))

    def near(wanted):
        return torch.allclose(out, wanted, rtol=1e-3, atol=1e-3)

    if near(block(x)):
        return None
    short = block.shortcut(x)
    if near(path()):
        return "what comes out is the correction alone: the input is not added"
    if near(short + path(act=lambda h: h)):
        return "there is no swish (F.silu) between norm and convolution"
    if near(short + path(act=F.relu)):
        return "the bend is a relu, wanted swish: F.silu"
    if near(short + path(eps=1e-5)):
        return "the epsilon of the norms is torch's 1e-5, wanted 1e-6: it shows where the input is small"
    return ("the values differ: the order is norm, swish, conv, norm, swish, dropout, conv, "
            "then plus the shortcut of x")


def package_res_block():
    """-> minivq.layers.ResBlock"""
    from minivq.layers import ResBlock
    return ResBlock


def climb_of(climb, count=4):
    """climb -> rows at which each of `count` levels works, from 8 rows, and the result."""
    rows = []

    def level(i):
        def spy(h):
            rows.append(h.shape[2])
            return h * (i + 2) + 1                             # unlike for every level, so that order shows
        return spy

    ups = [lambda h: h.repeat_interleave(2, 2).repeat_interleave(2, 3) for _ in range(count - 1)]
    h = torch.arange(64.0).reshape(1, 1, 8, 8)
    return rows, climb(h, [level(i) for i in range(count)], ups)


def check_climb(climb):
    """climb(h, levels, upsamples) -> None or what it does."""
    rows, out = climb_of(climb)
    wanted = [8, 16, 32, 64]
    said = f"the levels work at {', '.join(map(str, rows))} rows, wanted 8, 16, 32, 64"
    if len(rows) != 4:
        return f"{len(rows)} of the 4 levels are called: each exactly once"
    if rows == wanted:
        form = wrong_form(out, climb_of(plain_climb)[1])
        if form:
            return f"the levels work at 8, 16, 32, 64 rows as they should, but {form}"
        if torch.equal(out, climb_of(plain_climb)[1]):
            return None
        return "the sizes are right, the values are not: levels[0], upsamples[0], levels[1], and so on"
    if rows == [8, 8, 16, 32]:
        return (f"{said}: the finest level never sees the full size, "
                "an upsampling stands after the last level instead of after the first")
    if rows == [16, 32, 64, 64]:
        return (f"{said}: the coarsest level never sees the grid, "
                "upsampling comes before the level that should go first")
    if rows == [8, 8, 8, 8]:
        return f"{said}: all upsampling happens after the last level"
    return f"{said}: print h.shape in front of every level"


def plain_climb(h, levels, upsamples):
    """(B, C, h, w) -> (B, C', H, W): every level at its own size; what the lesson's Decoder goes on with."""
    for i, level in enumerate(levels):
        h = level(h)
        if i < len(upsamples):
            h = upsamples[i](h)
    return h


def package_climb():
    """-> climb, as the package's Decoder does it inside its forward."""
    def climb(h, levels, upsamples):
        """(B, C, h, w) -> (B, C', H, W)"""
        return plain_climb(h, levels, upsamples)
    return climb


MISSING = {
    "a": "more training makes sharper faces from the grids of faces; noise stays noise: "
         "look again at the row of mixed cells, where every cell is a real one",
    "c": "a cell reads and writes far beyond its own f x f pixels: look again at the two heat maps. "
         "Neighbours do overlap, and still cells of different people do not fit",
    "d": "integers alone do not help: cells from a table, drawn at random, fit together as badly as "
         "the mixed cells do. They only make it easier to write down which cells go together",
}


def check_missing(answer):
    """The letter of what is missing -> None or where to look."""
    letter = answer.strip().lower().strip("().") if isinstance(answer, str) else answer
    if letter == "b":
        return None
    return MISSING.get(letter, f"{answer!r} is not on offer, wanted one of 'a', 'b', 'c', 'd'")


EXERCISES = (
    Exercise(
        "2.1", "predict", "The size of a latent grid", difficulty=1, minutes=4, points=1,
        options={
            "a": Option("(16, 4, 4): 256 numbers, 48 times fewer", (16, 4, 4, 48.0),
                        "Four levels have three halvings between them: f = 2 ** 3 = 8, "
                        "and 64 / 8 = 8 places a side."),
            "b": Option("(16, 8, 8): 1,024 numbers, 12 times fewer", (16, 8, 8, 12.0), "", right=True),
            "c": Option("(16, 8, 8): 1,024 numbers, 64 times fewer", (16, 8, 8, 64.0),
                        "There are f² = 64 times fewer places, but each place holds d = 16 numbers where "
                        "a pixel holds 3: 64 · 3 / 16 = 12."),
            "d": Option("(16, 10, 10): 1,600 numbers, 7.68 times fewer", (16, 10, 10, 7.68),
                        "Three halvings multiply, they do not add: 2 · 2 · 2 = 8, not 2 + 2 + 2 = 6."),
            "e": Option("(3, 8, 8): 192 numbers, 64 times fewer", (3, 8, 8, 64.0),
                        "That is a thumbnail. A place of the grid holds no colour but d numbers, "
                        "and d is free."),
        }),
    Exercise(
        "2.2", "complete", "Half as high, half as wide", difficulty=1, minutes=8, points=2,
        check=check_downsample, package=package_downsample,
        hints=("A 3x3 convolution of stride 2 needs 9 rows to give 4, or 65 to give 32: one more than "
               "there are.",
               "`F.pad(x, (left, right, top, bottom))` adds zeros. Which two of the four are 1?",
               "Pad x by one column on the right and one row at the bottom, and return self.conv of that.")),
    Exercise(
        "2.3", "complete", "The residual block", difficulty=2, minutes=12, points=3,
        check=check_res_block, package=package_res_block,
        hints=("Build the correction h in six calls, from x: norm1, F.silu, conv1, then norm2, F.silu, "
               "conv2, with the dropout before the last.",
               "The first norm has in_channels, the second out_channels, both "
               "nn.GroupNorm(groups, ..., eps=1e-6). conv1 goes from in_channels to out_channels.",
               "shortcut is nn.Identity() where the two widths agree and a 1x1 convolution where they "
               "do not; forward returns self.shortcut(x) + h.")),
    Exercise(
        "2.4", "debug", "The climb of the decoder", difficulty=2, minutes=8, points=3,
        check=check_climb, package=package_climb,
        hints=("Run the spies: at how many rows does each level work, and at how many should it?",
               "Four levels have three steps between them. Between which two levels is there none here, and "
               "where does an upsampling stand that leads to no level?",
               "upsamples[i] belongs behind levels[i], for every level that has one: i < len(upsamples).")),
    Exercise(
        "2.5", "explore", "What is missing to generate?", difficulty=2, minutes=12, points=2,
        check=check_missing,
        hints=("In the row of mixed cells, every single cell is one that a real face has at "
               "that place. What is wrong?",
               "A network that draws well from good grids is there. Who says which grids are good?",
               "One letter speaks of cells *given the other cells*.")),
)
