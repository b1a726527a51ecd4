"""Wrong answers that the checks must reject by name, and other right ones that they must accept.

`tests/mutants/lesson_03.py`:

    MUTANTS = [Mutant("3.2", "no stop-gradient", fn, "words of the message"), ...]
    ALTERNATIVES = [Alternative("3.2", "by addition of the detached difference", fn), ...]
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A wrong answer to exercise `id`: the misconception's name, the answer, words its message must hold."""

    id: str
    name: str
    answer: Callable
    words: str


@dataclass(frozen=True)
class Alternative:
    """Another right answer to exercise `id`: its name, and the function or class."""

    id: str
    name: str
    answer: Callable
