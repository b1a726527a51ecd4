"""Each lesson with its exercises solved, strictly, without its training cells: shipped models stand in."""
import nbformat
import pytest

from minivq.course.execute import execute, lessons
from minivq.course.solve import solutions, solved

PATHS = lessons()
SECONDS = 40  # an idle machine needs at most half of it; a limit without room would fail at random


@pytest.mark.skipif(solutions is None, reason="the teacher has taken the solutions out")
@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_the_solved_lesson_runs_strictly(path, monkeypatch):
    monkeypatch.setenv("MINIVQ_OFFLINE", "1")
    done = execute(solved(nbformat.read(path, 4)), "fast", timeout=120, MINIVQ_STRICT="1")
    assert done.error is None, done.error
    seconds = min(done.seconds, done.cpu)  # other tests run beside this one: waiting does not count
    assert seconds <= SECONDS, f"{seconds:.0f} s, wanted at most {SECONDS}; slowest cells {slowest(done)}"


def slowest(done):
    """The three slowest cells: [(cell, seconds)]."""
    return sorted(done.cells.items(), key=lambda pair: -pair[1])[:3]
