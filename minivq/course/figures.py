"""The pictures in a notebook: what they show (alt text, caption), and how large they are."""

import base64
import io
from dataclasses import dataclass

FIGURE_BYTES = 150_000
HERO_BYTES = 300_000  # the one picture of a lesson that is worth it
MIMES = ("image/png", "image/jpeg")


@dataclass
class Figure:
    """One picture: its code cell, the output that holds it, its type, alt text and caption."""

    cell: dict
    output: dict
    mime: str
    alt: str
    caption: str

    @property
    def data(self):
        """The picture in base64, without line ends."""
        return self.output["data"][self.mime].replace("\n", "")

    @property
    def size(self):
        """Bytes of the picture's file."""
        return len(base64.b64decode(self.data))


def figures(notebook):
    """notebook -> [Figure] in order.

    A caption is the text in italics that `plot.show` puts under a picture, up to the next picture. The alt
    text is the one that came with the picture, else `alt` in the cell's minivq metadata.
    """
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        current = None
        for output in cell.outputs:
            data = output.get("data", {})
            mime = next((mime for mime in MIMES if mime in data), None)
            if mime:
                alt = output.metadata.get(mime, {}).get("alt")
                alt = alt or cell.metadata.get("minivq", {}).get("alt", "")
                current = Figure(cell, output, mime, alt, "")
                found.append(current)
            elif current and not current.caption and "text/markdown" in data:
                text = data["text/markdown"].strip()
                if text.startswith("*") and not text.startswith("**"):
                    current.caption = text.strip("*")
    return found


def shrink(data, limit):
    """base64 of a picture, bytes -> (type, base64) of one within the limit.

    A PNG of few colours is tried with a palette (drawn figures lose nothing that one sees), then JPEG with
    falling quality, then a smaller size.
    """
    from PIL import Image

    raw = base64.b64decode(data)
    if len(raw) <= limit:
        return ("image/png" if raw.startswith(b"\x89PNG") else "image/jpeg"), data
    picture = Image.open(io.BytesIO(raw)).convert("RGB")
    small = _encoded(picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE), "PNG")
    if raw.startswith(b"\x89PNG") and len(picture.getcolors(1 << 24) or []) <= 2000 and len(small) <= limit:
        return "image/png", base64.b64encode(small).decode()
    while True:
        for quality in (92, 88, 82, 75):
            small = _encoded(picture, "JPEG", quality=quality)
            if len(small) <= limit:
                return "image/jpeg", base64.b64encode(small).decode()
        picture = picture.resize((picture.width * 4 // 5, picture.height * 4 // 5), Image.Resampling.LANCZOS)


def hero(figure, limit, width=1000):
    """Figure -> base64 of a JPEG of at most so many bytes and pixels in width: the lesson's first picture."""
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(figure.data))).convert("RGB")
    if picture.width > width:
        size = (width, round(picture.height * width / picture.width))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    raw = _encoded(picture, "JPEG", quality=90)
    data = base64.b64encode(raw).decode()
    return data if len(raw) <= limit else shrink(data, limit)[1]


def _encoded(picture, kind, **settings):
    out = io.BytesIO()
    picture.save(out, kind, optimize=True, **settings)
    return out.getvalue()
