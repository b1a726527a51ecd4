"""The course: budgets, exercises, and building and running the notebooks. Nothing but `__main__` imports it.

A lesson begins with what it needs of

    from minivq.course import announce, budget, check, compare, equal, hint, predict, resumable, reveal
    from minivq.course import trained, use
"""

from minivq.course.budgets import budget
from minivq.course.exercises import check, compare, hint, predict, reveal, use
from minivq.course.table import equal
from minivq.course.trainings import announce, resumable, trained

__all__ = [
    "announce",
    "budget",
    "check",
    "compare",
    "equal",
    "hint",
    "predict",
    "resumable",
    "reveal",
    "trained",
    "use",
]
