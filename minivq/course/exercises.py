"""Exercises that never block: predict, check, go on with the learner's part or with the package's.

In a notebook:

    predict("3.1", None)                                  # the learner writes a letter for None
    check("3.2", straight_through)                        # not attempted | not yet: ... | right
    straight_through = use("3.2", straight_through)       # the learner's if it is right, else the package's
    compare("3.1", gradient.norm().item())                # behind the result: predicted against measured
    hint("3.2", 1); reveal("3.2")

`MINIVQ_STRICT=1` makes an unsolved or wrong exercise fail. The exercises of a lesson stand in
`minivq/course/lessons/lesson_NN.py`, see there for how a check is written.
"""

import linecache
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch

from minivq.course.log import write

KINDS = ("predict", "complete", "debug", "explore", "prove")


@dataclass(frozen=True)
class Option:
    """One answer on offer: its text, the measured value it stands for, and what is said to who chose it.

    `value` is a number, a shape (tuple), a text, or None where the lesson compares by the option's key.
    """

    text: str
    value: object
    reply: str = ""
    right: bool = False


@dataclass(frozen=True)
class Exercise:
    """One exercise: its card, its check, its hints.

    `check(answer)` -> None where the answer is right, else a sentence that says what it behaves like and
    where to look; it may raise, that is a message too. `package()` -> what `use` goes on with where the
    answer is not right (None where the lesson does not need the part again). `options` belong to predict:
    exactly one is right, every wrong one has a reply.
    """

    id: str
    kind: str
    title: str
    difficulty: int
    minutes: int
    points: int
    check: Callable | None = None
    package: Callable | None = None
    hints: tuple[str, ...] = ()
    options: Mapping[str, Option] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"exercise {self.id}: kind is {self.kind!r}, wanted one of {', '.join(KINDS)}")
        if self.difficulty not in (1, 2, 3):
            raise ValueError(f"exercise {self.id}: difficulty is {self.difficulty!r}, wanted 1, 2 or 3")
        if self.kind in ("complete", "debug") and self.check is None:
            raise ValueError(f"exercise {self.id}: a {self.kind} exercise needs a check, got None")
        if self.kind == "predict":
            right = [key for key, option in self.options.items() if option.right]
            if len(right) != 1:
                raise ValueError(f"exercise {self.id}: {len(right)} right options, wanted exactly one")

    @property
    def lesson(self):
        """The lesson's number in two digits: "03" for 3.2."""
        return self.id.split(".")[0].zfill(2)

    @property
    def right(self):
        """The key of the right option of a predict exercise, None for the other kinds."""
        return next((key for key, option in self.options.items() if option.right), None)


@dataclass(frozen=True)
class Verdict:
    """What a check found: status is "not attempted", "not yet" or "right"."""

    status: str
    message: str = ""


# Which parts `use` gave. A kernel is one learner's sitting: the notebook calls functions, so what they
# remember between two cells can stand nowhere else.
_used = {}


def exercise(id):
    """"3.2" -> Exercise. Raises ValueError where no lesson has it."""
    from minivq.course.lessons import lesson_exercises

    lesson = str(id).split(".")[0].zfill(2)
    found = {entry.id: entry for entry in lesson_exercises(lesson)}
    if id not in found:
        raise ValueError(f"no exercise {id!r} in lesson {lesson}, which has {', '.join(found)}")
    return found[id]


def strict():
    """-> bool: MINIVQ_STRICT=1, where an unsolved or wrong exercise fails."""
    return os.environ.get("MINIVQ_STRICT") == "1"


def no_gradient(found, **parts):
    """None, or a text that names the parts which no gradient of what was found reaches."""
    grads = [None] * len(parts)
    if found.requires_grad:
        grads = torch.autograd.grad(found.square().sum(), [*parts.values()], allow_unused=True)
    silent = [name for name, grad in zip(parts, grads, strict=True) if grad is None]
    return f"no gradient reaches {', '.join(silent)}: it would stay as it was drawn at the start" if silent else None


def wrong_form(result, like, name="the result"):
    """tensor, tensor -> None, or a sentence on no tensor, another shape or dtype, or nan. For checks."""
    if result is None:
        return f"{name} is None: is there a return?"
    if not isinstance(result, torch.Tensor):
        return f"{name} is of type {type(result).__name__}, wanted a tensor"
    if result.shape != like.shape:
        return f"{name} has shape {tuple(result.shape)}, wanted {tuple(like.shape)}"
    if result.dtype != like.dtype:
        return f"{name} is {str(result.dtype)[6:]}, wanted {str(like.dtype)[6:]}"
    if result.is_floating_point() and not result.isfinite().all():
        return f"{name} holds nan or infinite values"
    return None


def verdict(entry, answer):
    """Exercise, answer -> Verdict. Whatever the answer raises is caught; the random state stays as it was."""
    if answer is None:
        return Verdict("not attempted")
    if entry.check is None:
        raise ValueError(f"exercise {entry.id} ({entry.kind}) has no check")
    try:
        # A check draws numbers: seeded, so that it says the same twice, and forked, so that a training
        # behind it gives the same weights whether or not the exercise was checked.
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the learner's code: the message says what matters
            torch.manual_seed(0)
            message = entry.check(answer)
    except NotImplementedError:
        return Verdict("not attempted")
    except (Exception, SystemExit) as error:
        return Verdict("not yet", f"it raises {type(error).__name__}: {_short(error)}{_place(error)}")
    return Verdict("right") if message is None else Verdict("not yet", str(message))


def check(id, answer):
    """Say how far the answer is: "3.2 not attempted", "3.2 not yet: <what it does>" or "3.2 right".

    Whatever the answer raises becomes a message. Raises AssertionError only under MINIVQ_STRICT=1, where
    it is not right, and ValueError for an id that does not exist.
    """
    entry = exercise(id)
    found = verdict(entry, answer)
    text = f"{id} {found.status}" + (f": {found.message}" if found.message else "")
    if found.status == "not yet":
        text += f'\n    hint("{id}", 1) to hint("{id}", 3) help on.' if entry.hints else ""
        offer_hint()
    print(text)
    write({"event": "check", "exercise": id, "status": found.status, "message": found.message})
    if strict() and found.status != "right":
        raise AssertionError(text)


def use(id, answer):
    """-> the learner's answer if it passes the check, else the package's part; says which.

    Raises ValueError where the package has nothing to go on with, AssertionError under MINIVQ_STRICT=1
    where the answer is not right.
    """
    entry = exercise(id)
    found = verdict(entry, answer)
    if found.status == "right":
        _used.update(dict.fromkeys(part_names(answer), "yours"))
        print(f"{id} the lesson goes on with your {' and '.join(part_names(answer)) or id}")
        return answer
    if strict():
        raise AssertionError(f"{id} {found.status}: {found.message}")
    part = None if entry.package is None else entry.package()
    if part is None:
        raise ValueError(f"exercise {id} has no part in the package that could stand in")
    # The row of the Check table may carry either name.
    _used.update(dict.fromkeys(part_names(answer) + part_names(part), "package"))
    print(f"{id} {found.status}: the lesson goes on with the package's {' and '.join(part_names(part)) or id}")
    return part


def part_names(answer):
    """function, class, or tuple of them -> list of their names; an answer of another kind has none."""
    parts = answer if isinstance(answer, tuple) else (answer,)
    return [part.__name__ for part in parts if hasattr(part, "__name__")]


def origin(name):
    """name of a part -> "yours" or "package" as `use` gave it, "lesson" where the lesson's cell built it."""
    return _used.get(name, "lesson")


def offer_hint():
    """What `check` names has to be there: the notebook knows `hint` from now on, imported or not."""
    import IPython
    shell = IPython.get_ipython()
    if shell is not None:
        shell.user_ns.setdefault("hint", hint)


def hint(id, number=1):
    """Print hint 1, 2 or 3 of an exercise, each saying more. Raises ValueError for another number."""
    entry = exercise(id)
    if not isinstance(number, int) or not 1 <= number <= len(entry.hints):
        raise ValueError(f"exercise {id} has no hint {number!r}, wanted 1 to {len(entry.hints)}")
    print(f"{id} hint {number}: {entry.hints[number - 1]}")
    write({"event": "hint", "exercise": id, "number": number})


def reveal(id):
    """Print the solution of an exercise, or say that the teacher has taken the solutions out."""
    entry = exercise(id)
    write({"event": "reveal", "exercise": id})
    if entry.kind == "predict":
        print(f"{id} is a prediction: the measurement in the lesson answers it")
        return
    try:
        from minivq.course import solutions
    except ImportError:
        print(f"{id} the solutions were taken out of this copy: ask your teacher, or take a hint")
        return
    text = solutions.source(id)
    print(text if text else f"{id} ({entry.kind}) has no single solution: what you measured is the answer")


def _short(error):
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "..."


def _place(error):
    """The last line of the learner's own cell in the traceback, if there is one."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "ipykernel_" in file or file.startswith("<ipython-input"):
            line = linecache.getline(file, trace.tb_lineno).strip()
            place = f"\n    in your line: {line}" if line else ""
        trace = trace.tb_next
    return place
