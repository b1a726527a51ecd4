"""Pictures in grids and figures of lines, all in one style. Floor 0.

A picture here is an (H, W, 3) uint8 array. Sets come as (B, C, H, W) float in [-1, 1] or (B, H, W, C) uint8.
"""
import io
import math
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

# Okabe and Ito (2008), told apart with every kind of colour blindness; yellow is too pale for lines on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")  # and told apart in black and white
DPI = 96  # of figures: one figure pixel is one screen pixel in a notebook


def pictures(x: Tensor | np.ndarray) -> np.ndarray:
    """(B, C, H, W) float in [-1, 1] or (B, H, W, C) uint8, or one picture -> (B, H, W, 3) uint8."""
    x = torch.as_tensor(x).detach().cpu()
    if x.dtype != torch.uint8:
        x = ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).movedim(-3, -1)
    x = x if x.dim() == 4 else x[None]
    if x.dim() != 4 or x.shape[-1] not in (1, 3):
        raise ValueError(f"shape {tuple(x.shape)}, wanted (B, C, H, W), in uint8 (B, H, W, C), C 1 or 3")
    return x.expand(*x.shape[:3], 3).numpy()


def enlarge(picture: np.ndarray, scale: int) -> np.ndarray:
    """(H, W, ...) -> (H scale, W scale, ...): every pixel a square of scale x scale, nothing smoothed."""
    return picture.repeat(scale, 0).repeat(scale, 1)


def grid(x, columns: int = 8, scale: int = 2, gap: int = 2) -> np.ndarray:
    """(B, C, H, W) in [-1, 1] -> (H', W', 3) uint8: rows of `columns` pictures, thin white gaps between."""
    cells = [enlarge(picture, scale) for picture in pictures(x)]
    columns = min(columns, len(cells))
    (h, w, _), rows = cells[0].shape, -(-len(cells) // columns)
    sheet = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, 3), 255, np.uint8)
    for i, cell in enumerate(cells):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        sheet[top:top + h, left:left + w] = cell
    return sheet


def columns_for(n: int) -> int:
    """How many of n pictures stand in a row: a little more than rows, and where that can be, no place stays empty."""
    least = math.isqrt(n - 1) + 1
    return next((columns for columns in range(least, 2 * least) if n % columns == 0), least)


def side_by_side(*columns, scale: int = 2, gap: int = 2) -> np.ndarray:
    """Sets of B pictures of one size -> (H', W', 3) uint8: row i shows picture i of every set."""
    sets = [pictures(x) for x in columns]
    if len({x.shape for x in sets}) > 1:
        raise ValueError(f"sets of shapes {[x.shape for x in sets]}, wanted all the same")
    return grid(np.stack(sets, 1).reshape(-1, *sets[0].shape[1:]), len(sets), scale, gap)


def code_map(indices: Tensor, K: int, cell: int = 32, numbers: bool = True) -> np.ndarray:
    """(h, w) int -> (h cell, w cell, 3) uint8: every code in a colour of its own, its number written into it.

    Neighbouring numbers get unlike colours: a code's number says nothing of what it looks like.
    """
    indices = torch.as_tensor(indices).cpu().numpy()
    if indices.ndim != 2 or indices.min() < 0 or indices.max() >= K:
        raise ValueError(f"indices of shape {indices.shape} from {indices.min()} to {indices.max()}, "
                         f"wanted (h, w) in 0..{K - 1}")
    hue = np.arange(K) * 0.618034 % 1  # steps of the golden ratio: the next hue is never near the last few
    waves = np.cos(2 * np.pi * (hue[:, None] - np.array([0, 1 / 3, 2 / 3])))
    light = 0.62 + 0.16 * (np.arange(K) * 0.7548777 % 1)[:, None]  # pale enough for black numbers
    sheet = enlarge(((light + 0.2 * waves) * 255).astype(np.uint8)[indices], cell)
    sheet[::cell], sheet[:, ::cell] = 255, 255
    if not numbers:
        return sheet
    from PIL import Image, ImageDraw, ImageFont
    image = Image.fromarray(sheet)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=0.4 * cell)
    for i, j in np.ndindex(*indices.shape):
        pen.text(((j + 0.5) * cell, (i + 0.5) * cell), str(indices[i, j]), "black", font, anchor="mm")
    return np.asarray(image)


def strip(x: Tensor, indices: Tensor, x_rec: Tensor, K: int, scale: int = 3, gap: int = 6) -> np.ndarray:
    """B pictures, (B, h, w) codes, B pictures -> (H', W', 3) uint8: originals, their integers, drawn again."""
    cell = scale * x.shape[-1] // indices.shape[-1]
    codes = np.stack([code_map(one, K, cell) for one in indices])
    rows = [grid(x, len(x), scale, gap), grid(codes, len(x), 1, gap), grid(x_rec, len(x), scale, gap)]
    line = np.full((gap, *rows[0].shape[1:]), 255, np.uint8)
    return np.concatenate([rows[0], line, rows[1], line, rows[2]])


@contextmanager
def figure(columns: int = 1, rows: int = 1, width: float = 6.5, height: float = 3.4):
    """`with figure(columns=2) as (fig, axes):` - axes in the one style; width and height of all, in inches.

    One pair of axes comes alone, several as a flat array. Belongs to no window and needs no closing.
    """
    import matplotlib
    from cycler import cycler
    from matplotlib.figure import Figure
    style = {"font.size": 11, "axes.titlesize": 12, "axes.labelsize": 11, "legend.fontsize": 10,
             "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#dddddd",
             "axes.axisbelow": True, "legend.frameon": False, "lines.linewidth": 1.8, "figure.dpi": DPI,
             "image.cmap": "cividis", "axes.prop_cycle": cycler(color=COLOURS)}
    with matplotlib.rc_context(style):
        fig = Figure((width, height), layout="constrained")
        axes = fig.subplots(rows, columns, squeeze=False).ravel()
        yield fig, axes[0] if len(axes) == 1 else axes


def curves(series: dict, title: str, xlabel: str, ylabel: str, logy: bool = False, **size) -> np.ndarray:
    """{name: y or (x, y)} -> (H, W, 3) uint8: one line each, of own colour and dashes; size as `figure`."""
    with figure(**size) as (fig, axes):
        for i, (name, values) in enumerate(series.items()):
            x, y = values if isinstance(values, tuple) else (range(len(values)), values)
            axes.plot(x, y, DASHES[i % len(DASHES)], color=COLOURS[i % len(COLOURS)], label=name)
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel, yscale="log" if logy else "linear")
        if len(series) > 1:
            axes.legend()
        return rendered(fig)


def rendered(fig) -> np.ndarray:
    """A matplotlib figure -> (H, W, 3) uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def encode(picture: np.ndarray, kind: str = "png") -> bytes:
    """(H, W, 3) uint8 -> the bytes of a file; kind: png | jpeg (quality 85, for large photographs)."""
    from PIL import Image
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(out, kind, quality=85, optimize=True)
    return out.getvalue()


def few_colours(picture: np.ndarray, error: int = 6) -> bytes | None:
    """(H, W, 3) uint8 -> a PNG of 256 colours, a third of the bytes; None where one would be off by more than `error`.

    Lines and letters fit, photographs do not.
    """
    from PIL import Image
    image = Image.fromarray(np.ascontiguousarray(picture))
    few = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    if np.abs(np.asarray(few.convert("RGB")).astype(int) - picture).max() > error:
        return None
    out = io.BytesIO()
    few.save(out, "png", optimize=True)
    return out.getvalue()


def kind_of(path: str | Path) -> str:
    """A picture file's name -> "png" or "jpeg". Raises ValueError for other endings."""
    kind = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg"}.get(Path(path).suffix.lower())
    if kind is None:
        raise ValueError(f"file {Path(path).name}, wanted a name that ends in .png or .jpg")
    return kind


def save(path: str | Path, picture: np.ndarray) -> Path:
    """Write (H, W, 3) uint8 to a .png (or .jpg) file, making folders; ValueError for other endings.

    Raises OSError, naming the file, where it cannot be written.
    """
    path, kind = Path(path), kind_of(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_bytes(encode(picture, kind))
    except OSError as error:
        raise OSError(f"could not write {path} ({error.strerror}): wanted a writable place with free space") from error
    return path


def show(picture, title: str, caption: str = "", alt: str = "", kind: str = "png") -> None:
    """Show (H, W, 3) uint8 or a figure in a notebook, pixel by pixel, title above and caption below.

    alt: what a reader who cannot see it should know; default title and caption.
    """
    from IPython.display import Image, Markdown, display
    picture = rendered(picture) if hasattr(picture, "savefig") else picture
    height, width = picture.shape[:2]
    alt = alt or f"{title}. {caption}".strip()
    display(Markdown(f"**{title}**"))
    shown = encode(picture, kind) if kind != "png" else few_colours(picture) or encode(picture)
    display(Image(shown, format=kind, width=width, height=height, alt=alt))
    if caption:
        display(Markdown(f"*{caption}*"))
