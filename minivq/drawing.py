"""Drawing many pictures of a world, on all cores. Floor 1.

A helper process reads what to draw from its standard input, as JSON, and writes pixels and labels to its standard
output.
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

WORLDS = ("faces", "landscapes", "chimeras")    # chimeras: faces whose two sides have nothing to do with each other
TRUTHS = ("segmentation", "depth", "edges")
HELP = "from minivq import drawing; drawing.help_out()"     # what a helper process runs


def world(name: str):
    """The module of the world `name`."""
    return importlib.import_module(f"minivq.worlds.{'faces' if name == 'chimeras' else name}")


def thing(name: str, index: int):
    """What the world `name` draws as its picture `index`: a Face or a Scene."""
    place = world(name)
    return place.scene(index) if name == "landscapes" else place.attributes(index, chimera=name == "chimeras")


def version(name: str) -> str:
    """A hash of the world's source: its own files, and those in worlds/ that belong to no world."""
    name = "faces" if name == "chimeras" else name
    sources = Path(importlib.import_module("minivq.worlds").__file__).parent.glob("*.py")
    mine = sorted(path for path in sources if path.name.startswith(name) or not path.name.startswith(WORLDS))
    return hashlib.sha256(b"".join(path.read_bytes() for path in mine)).hexdigest()[:8]


def draw(name, kind, width, height, indices) -> tuple[np.ndarray, np.ndarray]:
    """-> (n, height, width, C) uint8 and labels (n,) of the world's pictures `indices`.

    kind: "picture" (C = 3), or a ground truth (C = 1): "segmentation" holds ids, "depth" and "edges" levels 0 to 255.
    """
    place, size = world(name), (width, height) if name == "landscapes" else (width,)
    things = [thing(name, i) for i in indices]
    pixels = np.stack([getattr(place, kind)(one, *size) for one in things])
    if kind in ("depth", "edges"):
        pixels = (pixels * 255 + 0.5).astype(np.uint8)
    pixels = pixels if kind == "picture" else pixels[..., None]
    return pixels, np.array([place.label(one) for one in things], np.int64)


def blocks(name, kind, width, height, first, start, stop):
    """Yield `draw` of the pictures first + start to first + stop in blocks, on all cores where that pays."""
    step = max(1, 64 * 64 * 64 // (width * height))  # the work of about 64 pictures of 64 px
    todo = [range(i, min(i + step, first + stop)) for i in range(first + start, first + stop, step)]
    done, began = 0, time.perf_counter()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    while done < len(todo):
        yield draw(name, kind, width, height, todo[done])
        done += 1
        # A helper needs some seconds to start, so there must be more than that to draw. Asked once.
        if done == 1 and cores > 1 and (time.perf_counter() - began) * len(todo) > 20:
            for block in _helped(name, kind, width, height, todo[1:], cores):
                yield block
                done += 1  # should a helper die, the rest is drawn here, and shows what is wrong


def _helped(name, kind, width, height, todo, cores):
    """Yield `draw` of every block in order, drawn by `cores` other processes.

    They write to pipes, and each waits until its block is read. multiprocessing would run the user's script
    once more in each of them, unless it hides behind `if __name__ == "__main__"`.
    """
    paths = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    helpers = [subprocess.Popen([sys.executable, "-c", HELP], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, env=environment)
               for _ in range(min(cores, len(todo)))]
    try:
        for k, helper in enumerate(helpers):
            with helper.stdin as order:
                mine = [(block.start, block.stop) for block in todo[k::len(helpers)]]
                order.write(json.dumps([name, kind, width, height, mine]).encode())
        for i, block in enumerate(todo):
            n, channels = len(block), 3 if kind == "picture" else 1
            pixels = n * height * width * channels
            data = helpers[i % len(helpers)].stdout.read(pixels + 8 * n)
            if len(data) < pixels + 8 * n:
                return
            yield (np.frombuffer(data, np.uint8, pixels).reshape(n, height, width, channels),
                   np.frombuffer(data, np.int64, n, pixels))
    finally:
        for helper in helpers:
            helper.kill()
            helper.wait()
            helper.stdout.close()


def help_out() -> None:
    """Draw the blocks that standard input names and write them to standard output: the helper process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is answered once, by the process that waits
    name, kind, width, height, todo = json.load(sys.stdin)
    for start, stop in todo:
        pixels, labels = draw(name, kind, width, height, range(start, stop))
        sys.stdout.buffer.write(pixels.tobytes() + labels.tobytes())
        sys.stdout.buffer.flush()
