"""Drawing many pictures of a world, on all cores. Floor 1.

`python -m minivq.drawing` is a helper process: it reads what to draw from its standard input, as JSON, and
writes pixels and labels to its standard output.
"""
import hashlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

WORLDS = ("faces", "landscapes")


def world(name: str):
    """The module of the world `name`."""
    return importlib.import_module(f"minivq.worlds.{name}")


def version(name: str) -> str:
    """A hash of the world's source: its own files, and those in worlds/ that belong to no world."""
    sources = Path(importlib.import_module("minivq.worlds").__file__).parent.glob("*.py")
    mine = sorted(path for path in sources if path.name.startswith(name) or not path.name.startswith(WORLDS))
    return hashlib.sha256(b"".join(path.read_bytes() for path in mine)).hexdigest()[:8]


def draw(name, width, height, indices) -> tuple[np.ndarray, np.ndarray]:
    """-> pixels (n, height, width, 3) uint8 and labels (n,) of the world's pictures `indices`."""
    place = world(name)
    if name == "faces":
        things = [place.attributes(i) for i in indices]
        pixels = [place.picture(thing, width) for thing in things]
    else:
        things = [place.scene(i) for i in indices]
        pixels = [place.picture(thing, width, height) for thing in things]
    return np.stack(pixels), np.array([place.label(thing) for thing in things], np.int64)


def blocks(name, width, height, first, start, stop):
    """Yield `draw` of the pictures first + start to first + stop in blocks, on all cores where that pays."""
    step = max(1, 64 * 64 * 64 // (width * height))  # the work of about 64 pictures of 64 px
    todo = [range(i, min(i + step, first + stop)) for i in range(first + start, first + stop, step)]
    done, began = 0, time.perf_counter()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    while done < len(todo):
        yield draw(name, width, height, todo[done])
        done += 1
        # A helper needs some seconds to start, so there must be more than that to draw. Asked once.
        if done == 1 and cores > 1 and (time.perf_counter() - began) * len(todo) > 20:
            for block in _helped(name, width, height, todo[1:], cores):
                yield block
                done += 1  # should a helper die, the rest is drawn here, and shows what is wrong


def _helped(name, width, height, todo, cores):
    """Yield `draw` of every block in order, drawn by `cores` other processes.

    They write to pipes, and each waits until its block is read. multiprocessing would run the user's script
    once more in each of them, unless it hides behind `if __name__ == "__main__"`.
    """
    paths = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    helpers = [subprocess.Popen([sys.executable, "-m", "minivq.drawing"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, env=environment)
               for _ in range(min(cores, len(todo)))]
    try:
        for k, helper in enumerate(helpers):
            with helper.stdin as order:
                mine = [(block.start, block.stop) for block in todo[k::len(helpers)]]
                order.write(json.dumps([name, width, height, mine]).encode())
        for i, block in enumerate(todo):
            n, pixels = len(block), len(block) * height * width * 3
            data = helpers[i % len(helpers)].stdout.read(pixels + 8 * n)
            if len(data) < pixels + 8 * n:
                return
            yield (np.frombuffer(data, np.uint8, pixels).reshape(n, height, width, 3),
                   np.frombuffer(data, np.int64, n, pixels))
    finally:
        for helper in helpers:
            helper.kill()
            helper.wait()
            helper.stdout.close()


def _help():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is answered once, by the process that waits
    name, width, height, todo = json.load(sys.stdin)
    for start, stop in todo:
        pixels, labels = draw(name, width, height, range(start, stop))
        sys.stdout.buffer.write(pixels.tobytes() + labels.tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _help()
