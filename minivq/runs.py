"""The folder of a run: its state, its log, and going on with it. Floor 1."""
import contextlib
import json
from pathlib import Path

import torch
from torch import nn

from minivq import checkpoint, distributed


def save_state(out: Path, about: dict, model: nn.Module, optimizer: torch.optim.Optimizer, step: int,
               minutes: float) -> None:
    """Write everything that a resume needs, by rank 0 alone."""
    if distributed.rank() == 0:
        checkpoint.write(out / "state.pt", {"about": about, "step": step, "minutes": minutes,
                                            "model": model.state_dict(), "optimizer": optimizer.state_dict()})
    distributed.barrier()


def resume(out: Path, about: dict, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """The step at which the training in `out` goes on, its state loaded; 0 for a new one.

    Raises ValueError where `out` holds another run, or other files.
    """
    if (out / "state.pt").is_file():
        state = checkpoint.read(out / "state.pt")
        different = differences(state["about"], about)
        if different:
            raise ValueError(f"{out} holds another run: {'; '.join(different)}. Choose another --out, "
                             "or ask for the same")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return state["step"]
    others = sorted(path.name for path in out.glob("*") if path.name != "log.jsonl") if out.exists() else []
    if others:
        raise ValueError(f"{out} holds other files ({', '.join(others[:3])}): wanted a new or empty folder for --out")
    return 0


def differences(met: dict, wanted: dict, prefix: str = "") -> list[str]:
    """The fields in which two nested dicts differ, as 'train.batch is 32, asked for 16'."""
    found = []
    for key in met.keys() | wanted.keys():
        a, b = met.get(key), wanted.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found += differences(a, b, f"{prefix}{key}.")
        elif a != b and list(a if isinstance(a, tuple) else [a]) != list(b if isinstance(b, tuple) else [b]):
            found.append(f"{prefix}{key} is {a}, asked for {b}")
    return sorted(found)


def read_minutes(out: Path) -> float:
    """Minutes that the training in `out` has taken so far."""
    return checkpoint.read(out / "state.pt")["minutes"] if (out / "state.pt").is_file() else 0.0


def open_log(out: Path, first: int):
    """log.jsonl, cut back to the steps before `first`; nothing for ranks above 0."""
    if distributed.rank():
        return contextlib.nullcontext()
    out.mkdir(parents=True, exist_ok=True)
    path = out / "log.jsonl"
    old = path.read_text().splitlines(keepends=True) if path.is_file() else []
    path.write_text("".join(line for line in old if line.endswith("\n") and json.loads(line)["step"] < first))
    return open(path, "a", buffering=1)


def write_line(log, line: dict) -> None:
    """One JSON line, floats rounded to six digits."""
    if log is not None:
        short = {key: round(value, 6) if isinstance(value, float) else value for key, value in line.items()}
        log.write(json.dumps(short) + "\n")
