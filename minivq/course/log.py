"""The learner's log: JSON lines in `work/`, from which a teacher's tools can be made. Plumbing."""

import json
import os
import time
from pathlib import Path


def root(start=None):
    """-> Path of the repository that holds the notebook's folder (or `start`), None where there is none."""
    start = Path.cwd() if start is None else Path(start).resolve()
    for folder in (start, *start.parents):
        if (folder / "minivq" / "course").is_dir() and (folder / "notebooks").is_dir():
            return folder
    return None


def work():
    """-> Path of the learner's folder: MINIVQ_WORK, else `work/` in the repository, else None."""
    if os.environ.get("MINIVQ_WORK"):
        return Path(os.environ["MINIVQ_WORK"])
    base = root()
    return None if base is None else base / "work"


def write(line):
    """Append one JSON line, with the time, to work/log.jsonl. An unwritable place breaks no lesson."""
    folder = work()
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"time": round(time.time(), 1), **line}) + "\n")
    except (OSError, TypeError, ValueError):  # read-only, full, or a value that JSON does not know
        return
