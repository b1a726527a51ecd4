"""`python -m minivq course release DIR`: the course as students get it, without solutions and without outputs."""

import re
import shutil
from pathlib import Path

import nbformat

from minivq.course.execute import REPOSITORY, lessons

# What a student needs; the tests hold the solutions too, as what a check must accept.
PARTS = ("minivq", "notebooks", "data", "environment.yml", "pyproject.toml", "Makefile", "LICENSE", "README.md",
         ".gitignore")
LEFT_OUT = ("__pycache__", "cache", "solutions", ".ipynb_checkpoints")


def release(folder):
    """Write the students' version into a new or empty folder -> its Path.

    Raises FileExistsError where the folder holds anything: it may be somebody's work.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty: wanted a new folder, nothing is overwritten")
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns(*LEFT_OUT))
        elif source.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / part)
    # A student has no tests, and somebody else to teach.
    without(folder / "README.md", r"    make test .*\n", r"    pytest\n", r", the tests ten",
            r" and `make test`(?=, `full`)", r"## Teaching with it\n(.*\n)*?(?=## )",
            r" A change is\nwelcome when `make test` passes; the outputs of the notebooks are remade by "
            r"`python -m minivq course build`\.")
    without(folder / "Makefile", r"test: export(.*\n)*?(?=lab:)", r" test(?= lab clean)")
    for path in lessons():
        nbformat.write(without_outputs(nbformat.read(path, 4)), folder / "notebooks" / path.name)
    print(f"{folder}: {len(lessons())} lessons without outputs and solutions. Students begin with `make course`.")
    return folder


def without(path, *patterns):
    """Cut out of a file what each pattern finds. Raises ValueError where one finds nothing."""
    text = path.read_text(encoding="utf-8")
    for pattern in patterns:
        text, found = re.subn(pattern, "", text)
        if not found:
            raise ValueError(f"{path.name} has no {pattern!r}: mend minivq/course/release.py")
    path.write_text(text, encoding="utf-8")


def without_outputs(notebook):
    """A notebook as one begins with it: nothing executed, no stamp of the build, no picture of what comes out."""
    for cell in notebook.cells:
        if cell.pop("attachments", None):
            cell.source = re.sub(r"\n*!\[[^]]*\]\(attachment:[^)]*\)", "", cell.source)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.get("minivq", {}).pop("stamp", None)
    return notebook
