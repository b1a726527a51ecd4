"""The course: budgets, exercises, and building and running the notebooks. Nothing but `__main__` imports it.

A lesson begins with what it needs of

    from minivq.course import announce, budget, caption, check, compare, equal, predict, trained, use
"""

from minivq.course.budgets import budget
from minivq.course.captions import caption
from minivq.course.exercises import check, hint, reveal, use
from minivq.course.predictions import compare, predict
from minivq.course.table import equal
from minivq.course.trainings import announce, resumable, trained

__all__ = [
    "announce",
    "budget",
    "caption",
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
