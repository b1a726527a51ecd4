"""`python -m minivq course run` and `start`: the whole series in order, and a learner's own copy."""

import html
import json
import shutil
from pathlib import Path

import nbformat

from minivq.course.execute import REPOSITORY, execute, lessons, progress
from minivq.course.figures import figures
from minivq.course.log import work
from minivq.course.release import without_outputs
from minivq.course.stamp import code_hash

OUT = REPOSITORY / "runs" / "course"


def run(numbers=(), budget="fast", out=OUT, timeout=1200):
    """Execute lessons in order -> int: how many failed. A line of progress for each.

    Leaves under `out`: executed copies, `index.html` with every picture and its caption (one file that needs
    no other), `times.json` (seconds and MB). A lesson that fails is shown with its cell and error, and the
    next ones still run.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    paths = lessons(numbers)
    print(f"{len(paths)} lessons, {budget} budget\n{'lesson':<32}{'seconds':>8}{'MB':>8}", flush=True)
    pages, failed = [], []
    for path in paths:
        done = execute(nbformat.read(path, 4), budget, timeout, _progress_of(path.stem))
        said = "" if done.error is None else "  FAILED"
        progress(f"{path.stem:<32}{done.seconds:>8.0f}{done.memory:>8.0f}{said}", last=True)
        nbformat.write(done.notebook, out / path.name)
        if done.error:
            failed.append(path.stem)
            print(f"\n{path.stem}, {done.error}\n", flush=True)
        else:
            note_time(out / "times.json", path, budget, done)
        pages.append((title(done.notebook), path.name, figures(done.notebook)))
    page = out / "index.html"
    page.write_text(index(pages, budget), encoding="utf-8")
    print(f"\nAll pictures on one page: open {_shown(page)} in a browser.")
    print(f"The executed lessons lie beside it in {_shown(out)}. To work through them yourself: make lab")
    print("(or: python -m jupyterlab notebooks)")
    if failed:
        print(f"Failed: {', '.join(failed)}")
    return len(failed)


def start(number):
    """Copy a lesson without its outputs into work/ -> Path of the copy.

    An update of the course never collides with it, and no committed output spoils a prediction. Raises
    ValueError for a lesson that does not exist, FileExistsError where work/ has one already: it may hold
    answers.
    """
    source = lessons([number])[0]
    folder = work() or REPOSITORY / "work"
    copy = folder / source.name
    if copy.exists():
        raise FileExistsError(f"{_shown(copy)} may hold your answers: move it away for a fresh copy")
    notebook = without_outputs(nbformat.read(source, 4))
    folder.mkdir(parents=True, exist_ok=True)
    draft = copy.with_suffix(".draft")
    nbformat.write(notebook, draft)
    shutil.move(draft, copy)
    print(f"Your copy: {_shown(copy)}")
    return copy


def note_time(file, path, budget, done):
    """Keep seconds and MB of an executed notebook in times.json, with the hash of the code they belong to."""
    times = json.loads(file.read_text()) if file.exists() else {}
    entry = {"seconds": round(done.seconds, 1), "memory": round(done.memory)}
    entry["code"] = code_hash(done.notebook)
    times.setdefault(path.stem, {})[budget] = entry
    file.write_text(json.dumps(times, indent=1))


def title(notebook):
    """-> the text of the notebook's first heading."""
    text = notebook.cells[0].source if notebook.cells else ""
    return text.splitlines()[0].lstrip("# ") if text else "a lesson"


def index(pages, budget):
    """[(title, file, [Figure])], budget name -> the text of one HTML page that needs no other file."""
    parts = [_HEAD, f"<p>Executed in the {html.escape(budget)} budget.</p>"]
    for name, file, shown in pages:
        parts.append(f'<h2><a href="{html.escape(file)}">{html.escape(name)}</a></h2>')
        for one in shown:
            alt, text = html.escape(one.alt or one.caption), html.escape(one.caption)
            parts.append(f'<figure><img src="data:{one.mime};base64,{one.data}" alt="{alt}">')
            parts.append(f"<figcaption>{text}</figcaption></figure>")
        if not shown:
            parts.append("<p>No pictures.</p>")
    return "\n".join([*parts, "</main></body></html>\n"])


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>minivq: all pictures of the course</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 0 }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem }
h2 { margin: 3rem 0 1rem; border-top: 1px solid #ddd; padding-top: 1rem }
h2 a { color: inherit; text-decoration: none }
figure { margin: 0 0 2rem } img { max-width: 100%; height: auto; display: block }
figcaption { color: #555; font-size: 0.9rem; margin-top: 0.4rem }
</style></head><body><main><h1>minivq: all pictures of the course</h1>"""


def _progress_of(name):
    return lambda done, total: progress(f"{name:<32}cell {done} of {total}")


def _shown(path):
    """The path as one types it from here."""
    try:
        return Path(path).resolve().relative_to(Path.cwd())
    except ValueError:
        return path
