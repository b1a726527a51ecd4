"""`python -m minivq course build`: execute lessons, normalise them, stamp them, write them back."""

import json
import os
import re

import nbformat

from minivq.course.budgets import budget_name
from minivq.course.execute import KERNELSPEC, REPOSITORY, execute, lessons, progress
from minivq.course.figures import FIGURE_BYTES, HERO_BYTES, figures, hero, shrink
from minivq.course.overview import write_overview
from minivq.course.rules import problems
from minivq.course.rules_outline import NOTEBOOK_BYTES
from minivq.course.run import OUT, note_time
from minivq.course.stamp import code_hash, modules, stamp

FIRST_PICTURE_BYTES = 64_000, 140_000  # of the copy of the hero at the top: at least, and at most where there is room
BUDGET_LINE = re.compile(r"<!-- budget -->.*?<!-- /budget -->", re.DOTALL)


def build(numbers=(), check=False, timeout=3600):
    """Execute lessons in the full budget, or the one of MINIVQ_BUDGET, write them back -> int: failures.

    A notebook with an error is not written. The *Budget* line is measured, and the README's row made of it: the
    fast minutes come from the last `course run` of the same code, or from a run of its own. With `check` nothing
    is executed: it lists the lessons whose imported modules have changed since they were built.
    """
    if check:
        return _check(lessons(numbers))
    budget, failed = budget_name(), 0
    for path in lessons(numbers):
        notebook = nbformat.read(path, 4)
        clear(notebook)
        done = execute(notebook, budget, timeout, _progress_of(path.stem))
        progress(f"{path.stem}: {done.seconds:.0f} s, {done.memory:.0f} MB in the {budget} budget", last=True)
        fast = done if budget == "fast" else None
        if done.error is None and fast is None:
            fast = _fast_time(path, notebook, timeout)
        error = done.error or fast.error
        if error:
            failed += 1
            print(f"{path.stem} is not written, {error}", flush=True)
            continue
        write_budget(notebook, done if budget == "full" else None, fast)
        normalise(notebook, path.name[:2])
        notebook.metadata.minivq.stamp = stamp(notebook, budget, device())
        draft = path.with_suffix(".draft")
        nbformat.write(notebook, draft)
        os.replace(draft, path)
        for line in problems(notebook, path.name, path.stat().st_size):
            print(f"  {line}", flush=True)
    write_overview()
    return failed


def clear(notebook):
    """Take outputs and counts out of a notebook, in place."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def normalise(notebook, number):
    """Make an executed notebook the same whoever built it, in place: ids, counts, outputs, pictures."""
    own = notebook.metadata.get("minivq", {})
    notebook.metadata = nbformat.from_dict({
        "kernelspec": KERNELSPEC,
        "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
        "minivq": {"lesson": number, "requires": list(own.get("requires", []))},
    })
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)  # cell ids came with 4.5
    count = 0
    for place, cell in enumerate(notebook.cells):
        cell.id = f"{number}-{place:03d}"
        kept = {key: cell.metadata[key] for key in ("tags", "minivq", "slideshow") if cell.metadata.get(key)}
        cell.metadata = nbformat.from_dict(kept)
        cell.source = cell.source.strip("\n")
        if cell.cell_type == "code":
            count += 1
            cell.source = "\n".join(line.rstrip() for line in cell.source.splitlines())
            cell.execution_count = count
            cell.outputs = list(_outputs(cell.outputs, count))
    _pictures(notebook)


def write_budget(notebook, full, fast):
    """Write the measured minutes and memory between the markers of the *Budget* line, in place."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    said = [f"{name} {_time(done.seconds)}, {round(done.memory, -1):.0f} MB"
            for name, done in (("full", full), ("fast", fast)) if done]
    text = f"<!-- budget -->{'; '.join(said)}; measured on {cores} cores<!-- /budget -->"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = BUDGET_LINE.sub(text, cell.source)


def device():
    """-> "cpu", or the name of the accelerator that a lesson would find."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _outputs(outputs, count):
    """The outputs without stderr and widgets, texts of one stream joined, paths of this machine taken out."""
    text = None
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            if text is None:
                text = output
                yield text
            else:
                text.text += output.text
            text.text = _neutral(text.text)
            continue
        if output.output_type == "error":
            output.traceback = [_neutral(line) for line in output.traceback]
        if "data" in output:
            output.data.pop("application/vnd.jupyter.widget-view+json", None)
            for mime, data in output.data.items():
                if mime.startswith("text/"):
                    output.data[mime] = _neutral(data)
            if not output.data:
                continue
        if output.output_type == "execute_result":
            output.execution_count = count
        yield output


def _neutral(text):
    text = re.sub(r"(/[\w.-]+)+/ipykernel_\d+/\d+\.py", "cell", text)
    return text.replace(f"{REPOSITORY}/", "").replace(str(REPOSITORY), ".")


def _pictures(notebook):
    """Re-encode what is too large, give every picture its alt text, put the hero at the top."""
    for figure in figures(notebook):
        is_hero = "hero" in figure.cell.metadata.get("tags", [])
        mime, data = shrink(figure.data, HERO_BYTES if is_hero else FIGURE_BYTES)
        about = dict(figure.output.metadata.get(figure.mime, {}))
        about.update({"alt": figure.alt} if figure.alt else {})
        del figure.output.data[figure.mime]
        figure.output.data[mime] = data
        figure.output.metadata = nbformat.from_dict({mime: about} if about else {})
    heroes = [figure for figure in figures(notebook) if "hero" in figure.cell.metadata.get("tags", [])]
    if heroes and notebook.cells[0].cell_type == "markdown":
        least, most = FIRST_PICTURE_BYTES
        room = 0.95 * NOTEBOOK_BYTES - len(nbformat.writes(notebook).encode())
        picture = {"image/jpeg": hero(heroes[-1], min(most, max(least, int(room * 3 / 4))))}  # base64: 4 letters for 3
        notebook.cells[0]["attachments"] = nbformat.from_dict({"hero.jpg": picture})


def _fast_time(path, notebook, timeout):
    """The measurement of `course run` if it is of this very code, else one of its own."""
    from minivq.course.execute import Executed

    file = OUT / "times.json"
    known = json.loads(file.read_text()).get(path.stem, {}).get("fast", {}) if file.exists() else {}
    if known.get("code") == code_hash(notebook):
        return Executed(notebook, known["seconds"], known["memory"])
    copy = nbformat.reads(nbformat.writes(notebook), 4)
    clear(copy)
    done = execute(copy, "fast", timeout, _progress_of(f"{path.stem}, fast"))
    if done.error is None:
        OUT.mkdir(parents=True, exist_ok=True)
        note_time(file, path, "fast", done)
    return done


def _check(paths):
    stale = 0
    for path in paths:
        notebook = nbformat.read(path, 4)
        built = notebook.metadata.get("minivq", {}).get("stamp", {}).get("modules")
        now = modules(notebook)
        if built is None:
            stale += 1
            print(f"{path.stem}: never built")
            continue
        changed = [name for name in sorted(set(built) | set(now)) if built.get(name) != now.get(name)]
        if changed:
            stale += 1
            print(f"{path.stem}: changed since it was built: {', '.join(changed)}")
    print(f"{stale} of {len(paths)} lessons to be built again")
    return stale


def _time(seconds):
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _progress_of(name):
    return lambda done, total: progress(f"{name:<32}cell {done} of {total}")
