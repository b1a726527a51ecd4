"""Exercises of lesson 15, own pictures: what to expect, odd files, a card, which f, and whether it copies."""

import math
import tempfile
from pathlib import Path

import numpy as np

from minivq import cards, folders
from minivq.course.cabinet import ODD, drawing, odd_ones
from minivq.course.exercises import Exercise, Option

SIDE = 64


def read_picture(path, size):
    """A file, px -> (size, size, 3) uint8: its centre square, made smaller; None where it is of no use."""
    try:
        return folders.decode(Path(path), size, whole=False)[0]
    except folders.Unfit:
        return None


PACKAGE = read_picture                                  # below, its name is the learner's


def check_reader(read_picture):
    """Seven files, four of them odd: what is read of each."""
    from PIL import ImageFile
    with tempfile.TemporaryDirectory() as place:
        files = odd_ones(Path(place), SIDE)
        wanted = {name: PACKAGE(path, SIDE) for name, path in files.items()}
        try:
            for name, path in files.items():
                message = _reading(read_picture, name, path, wanted[name])
                if message:
                    return f"{name}: {message}"
            for px, wrong in ((40, f"40 px will do for {SIDE}: None only where the shorter side has less than half"),
                              (20, f"20 px are blown up to {SIDE}: None where the shorter side has less than half")):
                small = Path(place) / f"{px}.png"
                drawing(ODD["square"], SIDE)[1].resize((px, px)).save(small)
                if (read_picture(small, SIDE) is None) != (px < SIDE / 2):
                    return wrong
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False     # whoever sets it, sets it for the whole process
    return None


def _reading(function, name, path, wanted):
    try:
        got = function(path, SIDE)
    except NotImplementedError:
        raise
    except Exception as error:  # whatever a reader does with a bad file is what is asked
        return f"it raises {type(error).__name__}, and one bad file stops the whole folder: wanted None"
    if wanted is None and got is not None:
        return {"half": "the file breaks off in the middle, and what is missing is filled in. A model would learn from "
                        "it that pictures end in the middle: wanted None",
                "tiny": f"5 px are blown up to {SIDE}, a blur of nothing: where the shorter side has less than half of "
                        "what is wanted, None"}.get(name, "it gives a picture, wanted None")
    if wanted is None:
        return None
    if got is None:
        return "it gives None, and nothing is wrong with this picture"
    if not isinstance(got, np.ndarray) or got.shape != wanted.shape or got.dtype != np.uint8:
        what = f"{got.dtype} {got.shape}" if isinstance(got, np.ndarray) else type(got).__name__
        return f"it gives {what}, wanted uint8 {wanted.shape}"
    if _far(got, wanted) < 5:       # another filter is fine
        return None
    rows = {text: wrong for text, wrong in _misread(path).items() if _far(got, wrong) < 5}
    return next(iter(rows), f"its colours are off by {_far(got, wanted):.0f} levels in the mean")


def _far(a, b):
    return np.abs(a.astype(float) - b).mean()


def _misread(path):
    """What misunderstandings make of a file."""
    from PIL import Image
    image, square = Image.open(path), (SIDE, SIDE)
    rgb, short = image.convert("RGB"), min(image.size)
    corner = rgb.crop((0, 0, short, short)).resize(square, Image.Resampling.LANCZOS)
    paper = Image.new("RGB", (max(image.size),) * 2)
    paper.paste(rgb, tuple((max(image.size) - side) // 2 for side in image.size))
    white = Image.new("RGB", paper.size, "white")
    white.paste(rgb, tuple((max(image.size) - side) // 2 for side in image.size))
    found = {}
    if image.size[0] != image.size[1]:
        stretched = "the picture is stretched: a circle becomes an egg, and a model learns eggs. Cut out the square"
        found |= {stretched: rgb.resize(square, Image.Resampling.LANCZOS),
                  "the square is cut out of the corner, wanted the middle": corner}
        found |= {f"the picture lies in a {name} frame: the model will draw frames": framed.resize(
            square, Image.Resampling.LANCZOS) for name, framed in (("black", paper), ("white", white))}
    if image.mode == "P":
        text = "the numbers of the colours are taken for greys: a palette says which colour each number is"
        found[text] = np.stack([np.asarray(image)] * 3, -1)
    if image.mode == "CMYK":
        inks = np.asarray(image.resize(square, Image.Resampling.LANCZOS))[..., :3]
        text = "cyan, magenta and yellow are taken for red, green and blue: ink takes light away. Convert to RGB"
        found |= {text: inks, "the inks are turned round, but black is forgotten": 255 - inks}
    return {text: np.asarray(wrong) for text, wrong in found.items()}


FULL = {"data": {"pictures": {"train": 2712, "validation": 149}, "left out": 3, "twins across splits": 0},
        "first stage": {"command": "train vqgan", "minutes": 5.0, "psnr": {"validation": 24.3124, "test": 24.0561},
                        "codes used": 487, "start": "faces-vqvae-f8"},
        "prior": {"command": "train prior", "minutes": 4.5, "nats per token": {"validation": 2.5}},
        "honesty": {"samples": "24, all that were drawn, seed 0",
                    "nearest training picture": {"samples": 3.2, "validation": 3.0}, "chance": 0.5}}
POOR = {"first stage": {"minutes": 2.0, "psnr": 21.0}, "honesty": {"samples": "12 chosen out of 400"}}


def check_card(card):
    """Results of a full project and of a poor one -> Markdown, line by line."""
    for info, picture in ((FULL, "sheet.png"), (POOR, None), (POOR, "best.png")):
        copy = {part: dict(rows) for part, rows in info.items()}
        got, wanted = card(copy, "Mine", picture), cards.card(info, "Mine", picture)
        if not isinstance(got, str):
            return f"it gives {type(got).__name__}, wanted a text"
        mine, right = ([line.strip() for line in text.splitlines() if line.strip()] for text in (got, wanted))
        if mine != right:
            return _line(mine, right)
    near = {"honesty": {"nearest training picture": {"samples": 3.2}}}
    try:
        card(near, "Mine", None)
    except ValueError:
        return None
    return "the samples' distance stands alone, without that of validation pictures: wanted a ValueError"


def _line(mine, right):
    """Lines as they are and as they should be -> the first that is missing, and what it may come from."""
    missing = [line for line in right if line not in mine]
    extra = [line for line in mine if line not in right]
    if not missing and not extra:
        return "all lines are there, but in another order: parts and entries as in WANTED, then what else there is"
    line = missing[0] if missing else ""
    if line.endswith("not measured"):
        return f"it says nothing where something was not measured: wanted {line!r}. Silence looks like a good result"
    if line.startswith("## "):
        return f"the part {line[3:]!r} is missing: a part without results is a part that was not measured"
    if line.startswith("!["):
        return f"the picture's line is {(extra or ['missing'])[0]!r}, wanted {line!r}: how the samples came about"
    if line.split(":")[0].endswith((" (train)", " (validation)", " (test)")):
        return f"no line {line!r}: a score without its split is no score"
    if line.startswith("- start"):
        return "what is not wanted by name is dropped: 'start' was in the results"
    return f"no line {line!r}" + (f", but {extra[0]!r}" if extra else "")


def check_best(answer):
    """{question: f} of the study in the lesson."""
    if not isinstance(answer, dict) or set(answer) != set(BEST):
        return f'wanted {{{", ".join(f"{question!r}: ..." for question in BEST)}}}'
    if set(answer.values()) - set(BEST.values()):
        return f"each f is one of {', '.join(map(str, sorted(BEST.values())))}"
    if len(set(answer.values())) == 1:
        return "one f for everything? Take the questions one by one, each with its own column or curve"
    if answer == {"drawn again": 8, "as a set": 2, "of one piece": 2}:
        return "upside down: all three are distances, and the least is the best"
    wrong = next((question for question in BEST if answer[question] != BEST[question]), None)
    return None if wrong is None else f"{wrong}: {WHERE[wrong]}"


def chance(n, m, r):
    """How likely it is that the nearest r of n samples and m validation pictures are all samples, if nobody copies."""
    return math.comb(n, r) / math.comb(n + m, r)


def check_chances(answer):
    """20 samples and 20 validation pictures: (nearest one, nearest five, least r with a chance below 1 in 100)."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        return "wanted three numbers: (chance of one, chance of five, least r)"
    one, five, least = map(float, answer)
    if abs(one - 0.5) > 1e-3:
        return f"the nearest of all forty is a sample with chance {one:.3f}? Any of them is as likely to be the nearest"
    if abs(five - 0.5**5) < 1e-3:
        return "one half, five times: but a sample that was nearest is gone, and fewer samples are left among the rest"
    if abs(five - chance(20, 20, 5)) > 1e-3:
        return f"{five:.4f} is not the chance of five: 20 of 40, then 19 of 39, and so on"
    if least != LEAST:
        found = chance(20, 20, round(least))
        return f"with r = {least:.0f} the chance is {found:.4f}: wanted the least r with a chance below 0.01"
    return None


BEST = {"drawn again": 2, "as a set": 4, "of one piece": 8}
WHERE = {"drawn again": "no prior takes part in it; read the lower curve on the left, or the column PSNR",
         "as a set": "read the samples' curve on the left, and see which f is nearest to the dotted line",
         "of one piece": "read the right figure, or look at the samples: which have two halves that belong together?"}
LEAST = next(r for r in range(1, 20) if chance(20, 20, r) < 0.01)

EXERCISES = (
    Exercise(
        "15.1", "predict", "A stranger's first stage", difficulty=1, minutes=4, points=1,
        options={
            "a": Option("the same pictures, a little blurred; few codes: most are for what only faces have", None,
                        "Colours and edges are alike everywhere, but a code of 8 x 8 pixels is no edge: in its place "
                        "it means a cheek, a fringe, a collar, and the decoder has never drawn anything else."),
            "b": Option("something like faces; few codes: there is little of a face in a beetle", None,
                        "Each place takes its *nearest* code, however far that is. Beetles have many colours, so many "
                        "codes are nearest to something."),
            "c": Option("something like faces; nearly all codes", None, right=True),
            "d": Option("noise: a beetle is like nothing it knows; all codes, at random", None,
                        "An encoder is a smooth function, and whatever its codes are, they draw parts of faces. A "
                        "beetle goes where the most similar face would go."),
        }),
    Exercise(
        "15.2", "debug", "Four odd files", difficulty=2, minutes=15, points=4,
        check=check_reader, package=lambda: read_picture,
        hints=("Go by the order of events: open, convert, refuse, cut, make smaller. What happens to each file at each "
               "step?",
               "image.convert(\"RGB\") knows palettes and inks. It also reads the whole file, and raises OSError where "
               "that breaks off.",
               "side = min(image.size); where side < size / 2 return None. Then image.resize((size, size), filter, "
               "box=((w - side) / 2, (h - side) / 2, (w + side) / 2, (h + side) / 2)).")),
    Exercise(
        "15.3", "complete", "The model card", difficulty=2, minutes=15, points=4,
        check=check_card, package=lambda: cards.card,
        hints=("Three kinds of value: none, one, and a dict of several. Which lines does each of them make?",
               "dict.fromkeys(wanted) | info.get(part, {}) has what is wanted, in order and None where it was not "
               "measured, and then the rest.",
               "For a dict: one line f\"- {name} ({which}): {said(one)}\" for each of its entries, and a ValueError "
               "where its only key is \"samples\".")),
    Exercise(
        "15.4", "explore", "Which f?", difficulty=2, minutes=15, points=4,
        check=check_best,
        hints=("Three questions, three distances; the least is the best. They need not agree.",
               "Drawn again: the lower curve on the left. As a set: the upper one. Of one piece: the right figure.",
               "The more tokens, the nearer is a redrawn picture, and the more a prior has to keep together.")),
    Exercise(
        "15.5", "prove", "Seven in a row", difficulty=2, minutes=12, points=4,
        check=check_chances,
        hints=("If nobody copies, samples and validation pictures have the same chances: every order of the forty "
               "distances is equally likely.",
               "The nearest is a sample: 20 of 40. Given that, the next one: 19 of 39.",
               "math.comb(20, r) / math.comb(40, r), for r = 1, 5, and on until it is below 0.01.")),
)
