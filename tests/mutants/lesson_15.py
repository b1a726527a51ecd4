"""Lesson 15, own pictures: misconceptions and other right answers."""

import math

import numpy as np
from PIL import Image, ImageFile

from minivq.cards import WANTED, said
from tests.mutants import Alternative, Mutant


def square(image):
    """The central square."""
    (w, h), side = image.size, min(image.size)
    return image.crop(((w - side) // 2, (h - side) // 2, (w + side) // 2, (h + side) // 2))


def corner(image):
    return image.crop((0, 0, min(image.size), min(image.size)))


def framed(image, colour):
    sheet = Image.new("RGB", (max(image.size),) * 2, colour)
    sheet.paste(image, tuple((max(image.size) - side) // 2 for side in image.size))
    return sheet


def reader(convert=lambda image: image.convert("RGB"), cut=square, least=0.5, bad=OSError, half=False, end=np.asarray,
           filter=Image.Resampling.LANCZOS):
    """read_picture with one thing wrong."""
    def read_picture(path, size):
        ImageFile.LOAD_TRUNCATED_IMAGES = half
        try:
            image = convert(Image.open(path))
        except bad:
            return None
        if min(image.size) < least * size:
            return None
        return end(cut(image).resize((size, size), filter))
    return read_picture


def numbers(image):
    """A palette's numbers as greys."""
    image.load()
    pixels = np.asarray(image)
    return Image.fromarray(np.stack([pixels] * 3, -1)) if image.mode == "P" else image.convert("RGB")


def inks(image):
    image.load()
    return Image.fromarray(np.ascontiguousarray(np.asarray(image)[..., :3])) if image.mode == "CMYK" else image.convert(
        "RGB")


def turned(image):
    image.load()
    return Image.fromarray(255 - np.asarray(image)[..., :3]) if image.mode == "CMYK" else image.convert("RGB")


def hurried(path, size):
    """As it stands in the lesson, but for the file that breaks off."""
    try:
        image = Image.open(path).resize((size, size), Image.Resampling.LANCZOS)
    except OSError:
        return None
    pixels = np.asarray(image)
    return np.stack([pixels] * 3, -1) if pixels.ndim == 2 else pixels[..., :3]


def by_array(path, size):
    """Cut as an array, by another filter."""
    try:
        pixels = np.asarray(Image.open(path).convert("RGB"))
    except Exception:
        return None
    h, w, _ = pixels.shape
    side = min(h, w)
    if 2 * side < size:
        return None
    top, left = (h - side) // 2, (w - side) // 2
    cut = np.ascontiguousarray(pixels[top:top + side, left:left + side])
    return np.array(Image.fromarray(cut).resize((size, size), Image.Resampling.BICUBIC))


def rows_of(name, value, alone=True, split=True):
    if not isinstance(value, dict):
        return [f"- {name}: {said(value)}"]
    if alone and list(value) == ["samples"]:
        raise ValueError("alone")
    return [f"- {name} ({key}): {said(one)}" if split else f"- {name}: {said(one)}" for key, one in value.items()]


def carder(parts=lambda info: WANTED, entries=lambda wanted, found: dict.fromkeys(wanted) | found,
           how=lambda info: said(info.get("honesty", {}).get("samples")), title=lambda title: f"# {title}",
           end="\n".join, **row):
    """card with one thing wrong."""
    def card(info, name, picture=None):
        lines = [title(name)] + ([f"![{how(info)}]({picture})"] if picture else [])
        for part in parts(info):
            lines.append(f"## {part}")
            for key, value in entries(WANTED[part], info.get(part, {})).items():
                lines += rows_of(key, value, **row)
        return end(lines)
    return card


def by_hand(info, title, picture=None):
    """The same, piece by piece."""
    text = f"# {title}\n\n"
    if picture is not None:
        samples = info["honesty"]["samples"] if "honesty" in info and "samples" in info["honesty"] else None
        text += f"![{said(samples)}]({picture})\n"
    for part in WANTED:
        text += f"\n## {part}\n"
        found = info.get(part, {})
        for key in [*WANTED[part], *(key for key in found if key not in WANTED[part])]:
            value = found.get(key)
            if isinstance(value, dict):
                if set(value) == {"samples"}:
                    raise ValueError(key)
                for split in value:
                    text += f"- {key} ({split}): {said(value[split])}\n"
            else:
                text += f"- {key}: {said(value)}\n"
    return text


def best(again=2, together=4, whole=8):
    return {"drawn again": again, "as a set": together, "of one piece": whole}


FIVE = math.comb(20, 5) / math.comb(40, 5)

MUTANTS = [
    Mutant("15.2", "as it stands", hurried, "the picture is stretched"),
    Mutant("15.2", "stretched pictures", reader(cut=lambda image: image), "the picture is stretched"),
    Mutant("15.2", "the corner", reader(cut=corner), "out of the corner"),
    Mutant("15.2", "black bars", reader(cut=lambda image: framed(image, "black")), "black frame"),
    Mutant("15.2", "white bars", reader(cut=lambda image: framed(image, "white")), "white frame"),
    Mutant("15.2", "one bad file stops all", reader(bad=KeyError), "stops the whole folder"),
    Mutant("15.2", "truncated files are filled", reader(half=True), "what is missing is filled in"),
    Mutant("15.2", "palette numbers as greys", reader(convert=numbers), "taken for greys"),
    Mutant("15.2", "inks as light", reader(convert=inks), "taken for red, green and blue"),
    Mutant("15.2", "black ink forgotten", reader(convert=turned), "black is forgotten"),
    Mutant("15.2", "an icon blown up", reader(least=0.0), "5 px are blown up"),
    Mutant("15.2", "nothing is enlarged", reader(least=1.0), "40 px will do"),
    Mutant("15.2", "an icon a little larger blown up", reader(least=0.2), "20 px are blown up"),
    Mutant("15.2", "too strict", reader(least=1.01), "nothing is wrong with this picture"),
    Mutant("15.2", "greys", reader(convert=lambda image: image.convert("L")), "wanted uint8 (64, 64, 3)"),
    Mutant("15.2", "floats", reader(end=lambda image: np.asarray(image) / 255), "float64"),
    Mutant("15.2", "blue for red", reader(end=lambda image: np.asarray(image)[..., ::-1]), "its colours are off"),
    Mutant("15.3", "silent about what was not measured", carder(entries=lambda wanted, found: found),
           "says nothing where"),
    Mutant("15.3", "missing parts left out", carder(parts=lambda info: [part for part in WANTED if part in info]),
           "part 'data' is missing"),
    Mutant("15.3", "a score without its split", carder(split=False), "a score without its split"),
    Mutant("15.3", "the first split alone", carder(entries=lambda wanted, found: dict.fromkeys(wanted) | {
        key: {k: v for k, v in list(value.items())[:1]} if isinstance(value, dict) else value
        for key, value in found.items()}, alone=False), "a score without its split"),
    Mutant("15.3", "samples picked by hand", carder(how=lambda info: "samples, not chosen"),
           "how the samples came about"),
    Mutant("15.3", "neighbours without the validation baseline", carder(alone=False), "stands alone"),
    Mutant("15.3", "only what is wanted", carder(entries=lambda wanted, found: {key: found.get(key) for key in wanted}),
           "'start' was in the results"),
    Mutant("15.3", "another order", carder(entries=lambda wanted, found: found | {
        key: None for key in wanted if key not in found}), "in another order"),
    Mutant("15.3", "no title", carder(title=lambda title: title), "# Mine"),
    Mutant("15.3", "a list of lines", carder(end=list), "it gives list"),
    Mutant("15.4", "one f for all", best(8, 8, 8), "one f for everything"),
    Mutant("15.4", "upside down", best(8, 2, 2), "upside down"),
    Mutant("15.4", "the sharpest is the best set", best(together=2), "as a set: read"),
    Mutant("15.4", "the middle is of one piece", best(whole=4), "of one piece: read"),
    Mutant("15.4", "few tokens redraw best", best(again=8), "drawn again: no prior"),
    Mutant("15.4", "one f", 4, "wanted {"),
    Mutant("15.4", "between", best(together=5), "each f is one of"),
    Mutant("15.5", "one in forty", (1 / 40, FIVE, 7), "as likely to be the nearest"),
    Mutant("15.5", "coins", (0.5, 0.5**5, 7), "fewer samples are left"),
    Mutant("15.5", "a coin's row", (0.5, 0.03, 7), "is not the chance of five"),
    Mutant("15.5", "one too few", (0.5, FIVE, 6), "the least r"),
    Mutant("15.5", "two numbers", (0.5, FIVE), "three numbers"),
]

ALTERNATIVES = [
    Alternative("15.2", "cut first, another filter", by_array),
    Alternative("15.2", "bilinear", reader(filter=Image.Resampling.BILINEAR)),
    Alternative("15.3", "piece by piece", by_hand),
    Alternative("15.3", "no blank lines", carder()),
    Alternative("15.5", "as a list", [0.5, 0.0236, 7.0]),
]
