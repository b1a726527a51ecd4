"""Trainings inside a lesson: finished ones are read again, interrupted ones go on.

    def make(folder):                                     # the training cell, tagged `train`
        model = ...
        losses = []
        for step in resumable(folder, B.steps, {"model": model, "optimiser": optimiser, "losses": losses}):
            ...
            losses.append(loss.item())
        return {"model": model.state_dict(), "losses": losses}

    result = trained("03", {"steps": B.steps, "batch": B.batch, "seed": 0}, make)
"""

import dataclasses
import hashlib
import inspect
import json
import os
import textwrap
import time
from pathlib import Path

import torch

from minivq.course.log import root, write


def announce(name, model):
    """name of a shipped checkpoint, model -> the model; says what was loaded and how it was made.

        model = announce("faces-vqvae-f8", minivq.load("faces-vqvae-f8"))
    """
    print(f"Loaded the shipped model {name}." + _manifest_line(name))
    return model


def trained(lesson, config, make):
    """lesson, dict or dataclass of settings, make(folder) -> dict: what the training gave.

    The folder is runs/lessons/NN-<hash>, the hash taken of the settings and of the source of `make`. A
    finished training with the same hash is read instead of run again. What `make` returns is kept with
    `torch.save` and read with `weights_only=True`: tensors, numbers, texts, lists and dicts of them.
    """
    settings = dataclasses.asdict(config) if dataclasses.is_dataclass(config) else dict(config)
    number = str(lesson).zfill(2)
    key = _hash(settings, make)
    folder = (root() or Path.cwd()) / "runs" / "lessons" / f"{number}-{key}"
    finished = folder / "finished.pt"
    if finished.exists():
        kept = torch.load(finished, weights_only=True, map_location="cpu")
        print("This training was finished before: its result is read again.")
        write({"event": "training", "lesson": number, "key": key, "seconds": kept["seconds"], "reused": True})
        return kept["result"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings, default=str, indent=1))
    clock = folder / "seconds.json"  # minutes of interrupted attempts count too
    before = _seconds(clock)
    start = time.monotonic()
    try:
        result = make(folder)
    finally:
        seconds = before + time.monotonic() - start
        clock.write_text(json.dumps(seconds))
    save({"result": result, "seconds": seconds}, finished)
    (folder / "state.pt").unlink(missing_ok=True)
    write({"event": "training", "lesson": number, "key": key, "seconds": seconds, "reused": False})
    return result


def resumable(folder, steps, parts, every=10.0):
    """Path, int, {name: part} -> yields the steps still to do, saving every so many seconds.

    A part is anything with `state_dict` and `load_state_dict` (model, optimiser), a list (a log, filled in
    place), or a torch.Generator. The state of torch's own random numbers is kept too. Interrupted and called
    again with new parts it goes on from the last save; an interrupted step is done again from there.

    Raises ValueError where the folder holds the state of other parts.
    """
    path = Path(folder) / "state.pt"
    first = 0
    if path.exists():
        state = torch.load(path, weights_only=True, map_location="cpu")
        if set(state["parts"]) != set(parts):
            raise ValueError(f"{path.name} holds {sorted(state['parts'])}, wanted {sorted(parts)}")
        for name, part in parts.items():
            _restore(part, state["parts"][name])
        torch.set_rng_state(state["rng"])
        first = state["step"]
        print(f"The training goes on at step {first} of {steps}.")
    last = time.monotonic()
    for step in range(first, steps):
        yield step
        # Behind the yield the step is complete, so what is saved is never half a step.
        if time.monotonic() - last >= every:
            kept = {name: _keep(part) for name, part in parts.items()}
            save({"step": step + 1, "parts": kept, "rng": torch.get_rng_state()}, path)
            last = time.monotonic()


def save(data, path):
    """Write with torch.save to a temporary file and rename, so that a kill leaves the last file whole."""
    draft = path.with_suffix(".draft")
    torch.save(data, draft)
    os.replace(draft, path)


def _seconds(clock):
    """What seconds.json says; 0 where there is none, and where a full disk left it empty."""
    try:
        return float(clock.read_text())
    except (OSError, ValueError):
        return 0.0


def _hash(settings, make):
    text = json.dumps(settings, sort_keys=True, default=str)
    try:
        text += textwrap.dedent(inspect.getsource(make))
    except (OSError, TypeError):  # typed into a console: the settings alone
        pass
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _keep(part):
    if isinstance(part, list):
        return list(part)
    return part.get_state() if isinstance(part, torch.Generator) else part.state_dict()


def _restore(part, state):
    if isinstance(part, list):
        part[:] = state
    elif isinstance(part, torch.Generator):
        part.set_state(state)
    else:
        part.load_state_dict(state)


def _manifest_line(name):
    """What data/checkpoints/manifest.json says about a checkpoint, in one sentence."""
    base = root()
    path = None if base is None else base / "data" / "checkpoints" / "manifest.json"
    if path is None or not path.exists():
        return ""
    entry = json.loads(path.read_text(encoding="utf-8")).get(name, {})
    return f" Made by `{entry['command']}`." if entry.get("command") else ""
