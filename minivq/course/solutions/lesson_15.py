"""Solutions of lesson 15."""

READER = '''
from PIL import Image
import numpy as np


def read_picture(path, size):
    """a file, px -> (size, size, 3) uint8: its central square, resized; None where it is of no use"""
    try:
        with Image.open(path) as image:
            image = image.convert("RGB")  # reads all of it: palettes and inks become colours
    except OSError:  # no picture, or one that breaks off
        return None
    (w, h), side = image.size, min(image.size)
    if side < size / 2:
        return None
    box = ((w - side) / 2, (h - side) / 2, (w + side) / 2, (h + side) / 2)
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS, box=box))
'''.strip("\n")

CARD = '''
from minivq.cards import WANTED, said


def card(info, title, picture=None):
    """{part: {name: value}}, a title, the name of a picture file or None -> the card, as a text in Markdown"""
    lines = [f"# {title}"]
    if picture:
        lines += ["", f"![{said(info.get('honesty', {}).get('samples'))}]({picture})"]
    for part, wanted in WANTED.items():
        lines += ["", f"## {part}", ""]
        for name, value in (dict.fromkeys(wanted) | info.get(part, {})).items():
            if not isinstance(value, dict):
                lines.append(f"- {name}: {said(value)}")
                continue
            if list(value) == ["samples"]:
                raise ValueError(f"{name} of the samples alone")
            lines += [f"- {name} ({key}): {said(one)}" for key, one in value.items()]
    return "\\n".join(lines) + "\\n"
'''.strip("\n")


SOLUTIONS = {
    "15.2": READER,
    "15.3": CARD,
    "15.4": 'answer = {"drawn again": 2, "as a set": 4, "of one piece": 8}',
    "15.5": 'import math\n\nanswer = (1 / 2, math.comb(20, 5) / math.comb(40, 5), 7)',
}
