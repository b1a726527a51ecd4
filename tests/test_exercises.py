"""Every exercise: its solution and other right answers pass, its mutants are rejected by what they do."""
import ast
import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

from minivq.course.exercises import verdict
from minivq.course.lessons import lesson_modules

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # tests.mutants, wherever pytest was started

LESSONS = lesson_modules()
EXERCISES = {entry.id: entry for module in LESSONS.values() for entry in module.EXERCISES}
CHECKED = [id for id, entry in EXERCISES.items() if entry.check is not None]
BUILT = [id for id in CHECKED if EXERCISES[id].kind in ("complete", "debug")]
PREDICTED = [id for id, entry in EXERCISES.items() if entry.kind == "predict"]
SOLUTIONS = ROOT / "minivq" / "course" / "solutions"
needs_solutions = pytest.mark.skipif(not SOLUTIONS.exists(), reason="the teacher has taken the solutions out")


def of_lessons(name):
    """The entries of a list in tests/mutants/lesson_NN.py, over all lessons."""
    found = []
    for number in LESSONS:
        if importlib.util.find_spec(f"tests.mutants.lesson_{number}"):
            found += getattr(importlib.import_module(f"tests.mutants.lesson_{number}"), name, [])
    return found


MUTANTS, ALTERNATIVES = of_lessons("MUTANTS"), of_lessons("ALTERNATIVES")


@needs_solutions
@pytest.mark.parametrize("id", CHECKED)
def test_the_solution_is_right(id):
    from minivq.course import solutions
    found = verdict(EXERCISES[id], solutions.answer(id))
    assert found.status == "right", found.message


@pytest.mark.parametrize("other", ALTERNATIVES, ids=lambda other: f"{other.id} {other.name}")
def test_another_right_answer_is_right(other):
    found = verdict(EXERCISES[other.id], other.answer)
    assert found.status == "right", found.message


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.id} {mutant.name}")
def test_the_mutant_is_rejected_by_what_it_does(mutant):
    found = verdict(EXERCISES[mutant.id], mutant.answer)
    assert found.status == "not yet"
    assert mutant.words in found.message and len(mutant.words) >= 4


@pytest.mark.parametrize("id", BUILT)
def test_at_least_three_mutants(id):
    mine = [mutant for mutant in MUTANTS if mutant.id == id]
    assert len(mine) >= 3
    assert len({mutant.name for mutant in mine}) == len(mine)


@pytest.mark.parametrize("id", BUILT)
def test_what_the_package_puts_in_is_right(id):
    part = EXERCISES[id].package and EXERCISES[id].package()
    if part is not None:
        found = verdict(EXERCISES[id], part)
        assert found.status == "right", found.message


@pytest.mark.parametrize("id", CHECKED)
def test_three_hints_each_its_own(id):
    assert len(set(EXERCISES[id].hints)) == 3 and all(len(hint) > 10 for hint in EXERCISES[id].hints)


@pytest.mark.parametrize("id", PREDICTED)
def test_every_wrong_option_has_a_reply(id):
    options = EXERCISES[id].options
    assert sum(option.right for option in options.values()) == 1
    assert len(options) >= 3 and list(options) == list("abcdefgh")[:len(options)]
    assert all(len(option.reply) > 10 for option in options.values() if not option.right)
    values = [str(option.value) for option in options.values() if option.value is not None]
    assert len(set(values)) == len(values)


@pytest.mark.parametrize("number", LESSONS)
def test_ids_count_up(number):
    ids = [entry.id for entry in LESSONS[number].EXERCISES]
    assert ids == [f"{int(number)}.{place}" for place in range(1, len(ids) + 1)]


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_knows_no_solution(number):
    assert "solutions" not in Path(LESSONS[number].__file__).read_text(encoding="utf-8")


@needs_solutions
def test_solutions_import_nothing_of_the_package():
    imported = set()
    for path in SOLUTIONS.glob("lesson_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module.split(".")[0])
    assert imported - {"torch"} <= set(sys.stdlib_module_names)


@needs_solutions
def test_every_solution_belongs_to_an_exercise():
    from minivq.course import solutions
    assert set(solutions.SOLUTIONS) <= set(EXERCISES)

