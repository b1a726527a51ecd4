"""The lessons under nbval: a dead kernel fails at once, no network if asked for, time and memory on record.

Hooks for notebook cells must stand here: a conftest.py in tests/ is not called for them.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from queue import Empty

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from minivq.course.execute import environment, peak_memory  # noqa: E402

TIMES = ROOT / "runs" / "nbval-times.json"
SLICE = 1.0  # seconds between two looks at whether the kernel is alive


def pytest_sessionstart(session):
    """Set what kernels inherit (only the environment reaches them, pytest's settings do not), and wait for
    cells in short slices: nbval itself waits for a dead kernel until the cell's time is over.
    """
    work = tempfile.mkdtemp(prefix="minivq-")
    os.environ.update(environment(os.environ.get("MINIVQ_BUDGET", "fast"), work))
    session.config.add_cleanup(lambda: shutil.rmtree(work, ignore_errors=True))
    try:
        from nbval.kernel import RunningKernel
    except ImportError:
        return
    plain = RunningKernel.get_message

    def get_message(self, stream, timeout=None):
        end = float("inf") if timeout is None else time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            try:
                return plain(self, stream, timeout=max(0.0, min(SLICE, left)))
            except Empty:
                if not self.is_alive():
                    raise RuntimeError("the kernel died (out of memory, or a crash below Python)") from None
                if left <= SLICE:
                    raise

    if not getattr(RunningKernel, "waits_in_slices", False):
        RunningKernel.get_message = get_message
        RunningKernel.waits_in_slices = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Measure a cell's wall time and its kernel's peak memory."""
    start = time.monotonic()
    try:
        return (yield)
    finally:
        parent = item.parent
        kernel = getattr(parent, "kernel", None)
        if kernel is not None:
            record = parent.__dict__.setdefault("measured", {"memory": 0.0, "cells": {}})
            record["cells"][item.name] = round(time.monotonic() - start, 2)
            if kernel.is_alive():
                pid = kernel.km.provisioner.pid
                record["memory"] = max(record["memory"], round(peak_memory(pid), 1))
            _keep(item.path.stem, record)


def _keep(name, record):
    """Write after each cell, so that the record outlives a crash; one file a notebook, for parallel runs."""
    folder = TIMES.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    entry = {**record, "seconds": round(sum(record["cells"].values()), 1)}
    (folder / f"{name}.json").write_text(json.dumps(entry))


def pytest_sessionfinish(session):
    """Gather the records of all notebooks in runs/nbval-times.json (in xdist: the master does)."""
    folder = TIMES.with_suffix("")
    if hasattr(session.config, "workerinput") or not folder.is_dir():
        return
    there = {path.stem for path in Path(__file__).parent.glob("*.ipynb")}
    paths = [path for path in sorted(folder.glob("*.json")) if path.stem in there]
    records = {path.stem: json.loads(path.read_text()) for path in paths}
    TIMES.write_text(json.dumps(records, indent=1))
