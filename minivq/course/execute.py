"""Execute a notebook in a kernel of this very Python, measured. Used by `course run` and `course build`."""

import asyncio
import atexit
import contextlib
import json
import os
import re
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = REPOSITORY / "notebooks"
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


@dataclass
class Executed:
    """One executed notebook.

    `seconds` of wall time, the trainings that were read again instead of run counted in, and `cpu` those of
    all cores; `memory` the kernel's peak in MB; `error` the text of what went wrong, None where nothing
    did; `cells` seconds of each code cell.
    """

    notebook: nbformat.NotebookNode
    seconds: float
    memory: float
    error: str | None = None
    cells: dict = field(default_factory=dict)
    cpu: float = 0.0


def lessons(numbers=()):
    """["03", 4] -> the paths of those notebooks in order, of all for nothing.

    Raises ValueError for a number without a notebook.
    """
    paths = {path.name[:2]: path for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}
    wanted = [str(number).zfill(2) for number in numbers] or list(paths)
    missing = [number for number in wanted if number not in paths]
    if missing:
        there = ", ".join(paths) or "none"
        raise ValueError(f"no lesson {', '.join(missing)} in notebooks/, which has {there}")
    return [paths[number] for number in sorted(set(wanted))]


def environment(budget, work, **more):
    """-> dict: the kernel's environment: no progress bars, minivq found, the learner's folder elsewhere."""
    found = os.environ.get("PYTHONPATH")
    paths = [str(REPOSITORY), *([found] if found else [])]
    if os.environ.get("MINIVQ_OFFLINE") == "1":
        paths.insert(0, str(Path(__file__).parent / "offline"))
    return {
        **os.environ,
        "MINIVQ_BUDGET": budget,
        "MINIVQ_WORK": str(work),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "default"),
        "TQDM_DISABLE": "1",
        **more,
    }


def execute(notebook, budget, timeout=1200, on_cell=None, **more):
    """notebook, "fast" | "full", seconds a cell -> Executed. The kernel's folder is notebooks/.

    `on_cell(done, total)` is called behind each code cell; `more` are further environment variables. An error
    in a cell, a kernel that is dead or never starts, and a cell over its time end the run and are
    told in `Executed.error`.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    state = {"memory": 0.0, "cpu": 0.0, "begin": 0.0, "cells": {}, "cell": None, "index": None,
             "stopped": False}

    def stop(task):
        state["stopped"] = True
        task.cancel()

    def begin(cell, cell_index, **_):
        if state["cell"] is None:  # nbclient's own answer to Ctrl-C ends the kernel and waits for it
            for number in (signal.SIGINT, signal.SIGTERM):
                with contextlib.suppress(RuntimeError, NotImplementedError):  # another thread; Windows
                    asyncio.get_running_loop().add_signal_handler(number, stop, asyncio.current_task())
        state.update(begin=time.monotonic(), cell=cell, index=cell_index)

    def end(cell, cell_index, **_):
        state["cells"][cell_index] = time.monotonic() - state["begin"]
        state["memory"] = max(state["memory"], peak_memory(client.km.provisioner.pid))
        state["cpu"] = cpu_seconds(client.km.provisioner.pid)
        if on_cell:
            on_cell(len(state["cells"]), total)

    with tempfile.TemporaryDirectory(prefix="minivq-") as work:
        client = NotebookClient(
            notebook, timeout=timeout, startup_timeout=300, kernel_name="python3",
            kernel_manager_class=kernel_manager_class(), resources={"metadata": {"path": str(NOTEBOOKS)}},
            record_timing=False,
            on_cell_execute=begin, on_cell_executed=end,
        )
        start, error = time.monotonic(), None
        log = Path(work) / "kernel.txt"  # what the kernel's process writes past the notebook
        with open(log, "w") as stderr:
            try:
                client.execute(env=environment(budget, work, **more), stderr=stderr)
            # RuntimeError: a kernel that died, or that never answered.
            except (CellExecutionError, CellTimeoutError, RuntimeError) as problem:
                error = _report(problem, state, log)
            except asyncio.CancelledError:
                pass
            if state["stopped"]:
                atexit.unregister(client._cleanup_kernel)  # done, and a second time it fails
                raise KeyboardInterrupt
        seconds = time.monotonic() - start + _reused_seconds(Path(work) / "log.jsonl")
    return Executed(notebook, seconds, state["memory"], error, state["cells"], state["cpu"])


def kernel_manager_class():
    """-> the class of kernel managers that start this very Python, whatever kernels are installed."""
    import ipykernel.kernelspec as installed
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from traitlets import default

    class ThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name):
            return KernelSpec(resource_dir=installed.RESOURCES, **installed.get_kernel_dict())

    class Manager(AsyncKernelManager):
        @default("kernel_spec_manager")
        def _this_python(self):
            return ThisPython()

    return Manager


def peak_memory(pid):
    """process id -> float: its peak memory in MB (elsewhere than on Linux what it holds now), 0 if gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    try:
        import psutil  # comes with ipykernel

        return psutil.Process(pid).memory_info().rss / 2**20
    except Exception:  # no such process, or one that may not be looked at: a number less, no reason to fail
        return 0.0


def cpu_seconds(pid):
    """process id -> float: what it has computed so far, all threads together; 0 where it is gone."""
    try:
        import psutil

        times = psutil.Process(pid).cpu_times()
        return times.user + times.system
    except Exception:  # as in peak_memory
        return 0.0


def progress(text, last=False):
    """Show a line that the next one replaces; where nobody looks only the `last` one is shown."""
    if sys.stdout.isatty():
        print(f"\r{text:<79}", end="\n" if last else "", flush=True)
    elif last:
        print(text, flush=True)


def _report(problem, state, log):
    """The cell, the error, and for a dead kernel what its process wrote last."""
    source = "" if state["cell"] is None else state["cell"].source
    said = getattr(problem, "traceback", None) or str(problem)
    if "died" in said:
        lines = [line for line in log.read_text(errors="replace").splitlines() if "[IPKernelApp]" not in line]
        said = "\n".join([said, *lines[-20:]])
    if not sys.stdout.isatty():
        said = re.sub("\x1b\\[[0-9;]*m", "", said)  # colours
    shown = "".join(f"    {line}\n" for line in source.splitlines())
    return f"cell {state['index']}:\n{shown}{said.strip()}"


def _reused_seconds(log):
    if not log.exists():
        return 0.0
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return sum(entry["seconds"] for entry in entries if entry["event"] == "training" and entry["reused"])
