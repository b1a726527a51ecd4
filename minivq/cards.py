"""A model card: what a model was made from, how, how well it does, and what was not measured. Floor 4."""
from pathlib import Path

import numpy as np

from minivq import checkpoint, plot

# What a reader wants to know, part by part; what is not given is said to be missing, never left out.
WANTED = {
    "data": ("pictures", "left out", "twins across splits"),
    "first stage": ("command", "minutes", "psnr", "codes used"),
    "prior": ("command", "minutes", "nats per token"),
    "honesty": ("samples", "nearest training picture", "chance"),
}


def said(value) -> str:
    """A value as a card says it: 2,714 - 24.31 - a, b - none - not measured."""
    if value is None:
        return "not measured"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(said, value)) or "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def card(info: dict, title: str = "Model card", picture: str | None = None) -> str:
    """{part: {name: value}} -> Markdown: a title, the picture of samples, then the parts of WANTED, line by line.

    First what is wanted of a part ("not measured" where it is not given), then whatever else `info` has. A value that
    is a dict gets a line for each of its own: {"psnr": {"validation": 24.3, "test": 24.1}}. Raises ValueError for a
    part that is not known, and where samples are held against nothing.
    """
    unknown = sorted(info.keys() - WANTED.keys())
    if unknown:
        raise ValueError(f"a card with {', '.join(unknown)}: wanted parts out of {', '.join(WANTED)}")
    lines = [f"# {title}"]
    if picture:
        lines.append(f"\n![{said(info.get('honesty', {}).get('samples'))}]({picture})")
    for part, wanted in WANTED.items():
        lines.append(f"\n## {part}\n")
        for name, value in (dict.fromkeys(wanted) | info.get(part, {})).items():
            if not isinstance(value, dict):
                lines.append(f"- {name}: {said(value)}")
                continue
            if "samples" in value and len(value) == 1:
                raise ValueError(f"{name} of the samples alone: wanted that of real pictures beside it")
            lines += [f"- {name} ({which}): {said(one)}" for which, one in value.items()]
    return "\n".join(lines) + "\n"


def write_card(path: str | Path, info: dict, title: str = "Model card", samples: np.ndarray | None = None) -> Path:
    """Write the card as a file, and the sheet of samples (H, W, 3) uint8 beside it, as a .png of the same name."""
    path = Path(path)
    sheet = None if samples is None else plot.save(path.with_suffix(".png"), samples)
    checkpoint.write_text(path, card(info, title, sheet and sheet.name))
    return path
