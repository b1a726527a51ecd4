"""The folder of a run: its state, its log, and going on with it. Floor 1."""
import contextlib
import errno
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from tqdm import tqdm

from minivq import checkpoint, distributed

OFTEN = 60                      # seconds between two saves where steps are slow: no more than that is lost
STOP = {"inside a step": False, "asked": False}         # see `stoppable`


class Run:
    """A training in the folder `out`: `for step in run: …; run.log(line)`, from the step at which it stands.

    parts: whatever has a state_dict (nets, optimisers), by name; about: what must be the same when it goes on.
    `out` holds state.pt (all that a resume needs, written every `save_every` steps, where they are slow every minute,
    and at the end) and log.jsonl (a line a step). Raises ValueError where `out` holds another run, naming the fields
    that differ, or other files; OSError where nothing can be written; FloatingPointError where inf or nan would be.
    """

    def __init__(self, out: str | Path, about: dict, parts: Mapping[str, object], steps: int, save_every: int):
        self.out, self.about, self.parts, self.steps, self.save_every = Path(out), about, parts, steps, save_every
        self.first, self.spent = self._resume()
        self._bar = self._log = self._started = self._told = None
        self._shown = ""

    def _resume(self) -> tuple[int, float]:
        path = self.out / "state.pt"
        check_folder(self.out)
        if path.is_file():
            state = checkpoint.read(path)
            different = differences(state["about"], self.about)
            if different:
                raise ValueError(f"{self.out} holds another run: {'; '.join(different)}. Choose another --out, "
                                 "or ask for the same")
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            return state["step"], state["minutes"]
        return 0, 0.0

    def __iter__(self) -> Iterator[int]:
        self._started = self._told = saved = time.monotonic()
        self._bar = tqdm(range(self.first, self.steps), initial=self.first, total=self.steps, unit="step", leave=False,
                         disable=None if distributed.rank() == 0 else True)
        with open_log(self.out, self.first) as self._log:
            for step in self._bar:
                STOP["inside a step"] = True
                yield step
                STOP["inside a step"] = False
                # Several processes have several clocks, and must save after the same step.
                now = time.monotonic()
                late = distributed.world_size() == 1 and now - saved > OFTEN
                self._tell(step + 1, now)
                if late or STOP["asked"] or (step + 1) % self.save_every == 0 or step + 1 == self.steps:
                    self.save(step + 1, self.minutes())
                    saved = time.monotonic()
                if STOP["asked"]:
                    raise KeyboardInterrupt

    def _tell(self, done: int, now: float) -> None:
        """A line a minute where the bar is not seen: what a command says goes to a file. (Notebooks show figures.)"""
        bare = not sys.stderr.isatty() and not type(sys.stderr).__module__.startswith("ipykernel")
        if distributed.rank() == 0 and bare and now - self._told > OFTEN:
            left = (now - self._started) / 60 / (done - self.first) * (self.steps - done)
            print(f"step {done:,} of {self.steps:,}, {self._shown}, {left:.1f} minutes left", file=sys.stderr,
                  flush=True)
            self._told = now

    def minutes(self) -> float:
        """How long the training has taken so far, with the time before it was resumed."""
        return self.spent + (time.monotonic() - self._started) / 60

    def log(self, line: dict, shown: str) -> None:
        """One JSON line, floats rounded to six digits; `shown` stands behind the progress bar."""
        self._shown = shown
        self._bar.set_postfix_str(shown, refresh=False)
        if self._log is not None:
            short = {key: round(value, 6) if isinstance(value, float) else value for key, value in line.items()}
            text = (json.dumps(short) + "\n").encode()
            try:
                if self._log.write(text) < len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError as error:
                raise OSError(f"could not write {self.out / 'log.jsonl'} ({error.strerror}): wanted a writable place "
                              "with free space; the same command goes on from the last save") from error

    def save(self, step: int, minutes: float) -> None:
        """Write everything that a resume needs, by rank 0 alone; never a number from which nothing could go on."""
        if distributed.rank() == 0:
            states = {name: part.state_dict() for name, part in self.parts.items()}
            if spoiled := not_finite(states):
                raise FloatingPointError(f"{spoiled[0]} is inf or nan after step {step - 1}: the save before it is "
                                         "kept; start again with a lower peak learning rate and another --out")
            checkpoint.write(self.out / "state.pt", {"about": self.about, "step": step, "minutes": minutes, **states})
        distributed.barrier()


@contextlib.contextmanager
def stoppable():
    """Ctrl-C and a request to end wait for the end of a training's step, so that it is saved; the second does not wait.

    In one process, and in its main thread: several would have to agree on a step.
    """
    before = {}

    def stop(_number, _frame):
        at_once = STOP["asked"] or not STOP["inside a step"]
        STOP["asked"] = True
        if at_once:
            raise KeyboardInterrupt

    if distributed.world_size() == 1 and threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) not in (signal.SIG_IGN, None):          # nohup: it was to be ignored
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        STOP.update({"inside a step": False, "asked": False})
        for number, handler in before.items():
            signal.signal(number, handler)


def check_folder(out: Path) -> None:
    """Raise ValueError where a run in `out` could neither begin nor go on: other files, or a save of something else."""
    if (out / "state.pt").is_file():
        if missing := {"about", "step", "minutes"} - checkpoint.read(out / "state.pt").keys():
            raise ValueError(f"{out / 'state.pt'} has no {', '.join(sorted(missing))}: wanted a save of a training, or "
                             "another --out")
        return
    ours = ("log.jsonl", "log.jsonl.part", "state.pt.part")     # of one that was killed before its first save
    others = sorted(path.name for path in out.glob("*") if path.name not in ours)
    if others:
        raise ValueError(f"{out} holds other files ({', '.join(others[:3])}): wanted a new or empty folder for --out")


def not_finite(state, name: str = "") -> list[str]:
    """The names of the tensors in nested dicts and lists that hold inf or nan."""
    if isinstance(state, torch.Tensor):
        return [name] if state.is_floating_point() and not state.isfinite().all() else []
    parts = state.items() if isinstance(state, Mapping) else enumerate(state) if isinstance(state, list) else ()
    return [one for key, part in parts for one in not_finite(part, f"{name}.{key}" if name else str(key))]


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
    """log.jsonl as an unbuffered file, cut back to the steps before `first`; nothing for ranks above 0."""
    if distributed.rank():
        return contextlib.nullcontext()
    path = out / "log.jsonl"
    with locked(path) if path.is_file() else contextlib.nullcontext():
        old = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        kept = b"".join(line for line in old if step_of(line) < first)
        checkpoint.replace(path, lambda file: file.write(kept))
    return locked(path)


def locked(path: Path):
    """A log to add to, unbuffered: what a full disk refuses would be refused again by close.

    Raises ValueError where another process adds to it. (No lock on Windows, and on disks that know none.)
    """
    file = open(path, "ab", buffering=0)
    try:
        import fcntl
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        file.close()
        raise ValueError(f"another process trains in {path.parent}: wait for it, or choose another --out") from None
    except (ImportError, OSError):
        pass
    return file


def step_of(line: bytes) -> float:
    """A line of the log -> its step; infinity where it was cut off, or is no line: a computer lost its power."""
    try:
        return json.loads(line)["step"] if line.endswith(b"\n") else float("inf")
    except (ValueError, LookupError, TypeError):
        return float("inf")
