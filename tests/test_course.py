"""The course's machinery: exercises that never block, trainings that go on, stamps, building and running."""
import ast
import importlib
import json
import re
import shutil
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import torch
from lesson_in_memory import EXERCISES, lesson, picture
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from minivq import course
from minivq.course import build, execute, exercises, figures, predictions, release, run, solve, trainings
from minivq.course import names as table_of_names
from minivq.course.log import work
from minivq.course.stamp import code_hash, modules, reads, tree_hash

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def demo(monkeypatch, tmp_path):
    """Lesson 03 is the demo's, the log goes to a folder of its own, nothing was used or predicted yet."""
    fake = types.ModuleType("minivq.course.lessons.lesson_03")
    fake.EXERCISES = EXERCISES
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    monkeypatch.setenv("MINIVQ_WORK", str(tmp_path / "work"))
    monkeypatch.delenv("MINIVQ_STRICT", raising=False)
    monkeypatch.setattr(exercises, "_used", {})
    monkeypatch.setattr(predictions, "_predicted", {})


def log():
    """The lines of the log."""
    return [json.loads(line) for line in (work() / "log.jsonl").read_text().splitlines()]


def twice(x):
    """A right answer."""
    return x + x


def unsolved(x):
    """What a stub does."""
    raise NotImplementedError


def raising(error):
    """A function that raises what it is given."""
    def fails(x):
        raise error
    return fails


# budgets

@pytest.mark.parametrize("name, pictures", [("fast", "FAST"), ("full", "FULL")])
def test_the_budget_follows_the_environment(monkeypatch, name, pictures):
    monkeypatch.setenv("MINIVQ_BUDGET", name)
    assert course.budget(3) == getattr(course.budgets, pictures)["03"]


def test_another_budget_is_refused_naming_both(monkeypatch):
    monkeypatch.setenv("MINIVQ_BUDGET", "quick")
    with pytest.raises(ValueError, match="'quick', wanted 'fast' or 'full'"):
        course.budget("03")


def test_without_a_name_the_budget_is_full(monkeypatch):
    monkeypatch.delenv("MINIVQ_BUDGET", raising=False)
    assert course.budget("03") == course.budgets.FULL["03"]


def test_fast_is_never_more_than_full():
    for number, fast in course.budgets.FAST.items():
        full = course.budgets.FULL[number]
        assert type(fast) is type(full)
        for name, value in vars(fast).items():
            if isinstance(value, (int, float)):
                assert value <= getattr(full, name), f"{number}: {name}"


# exercises

@pytest.mark.parametrize("answer, said", [
    (unsolved, "3.2 not attempted"), (None, "3.2 not attempted"), (twice, "3.2 right"),
    (lambda x: x * x, "3.2 not yet: it squares: look at double(3)"),
    (raising(KeyError("k")), "3.2 not yet: it raises KeyError: 'k'"),
    (raising(SystemExit(1)), "3.2 not yet: it raises SystemExit: 1"),
    (raising(RecursionError("deep")), "3.2 not yet: it raises RecursionError"),
    (lambda: 6, "3.2 not yet: it raises TypeError"), ("no function", "3.2 not yet: it raises TypeError"),
])
def test_check_says_how_far_one_is_and_never_raises(capsys, answer, said):
    course.check("3.2", answer)
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize("answer", [unsolved, None, lambda x: x * x])
def test_strictly_a_check_fails_if_not_right(monkeypatch, answer):
    monkeypatch.setenv("MINIVQ_STRICT", "1")
    course.check("3.2", twice)
    with pytest.raises(AssertionError, match="3.2 not"):
        course.check("3.2", answer)
    with pytest.raises(AssertionError, match="3.2 not"):
        course.use("3.2", answer)


def test_the_user_may_still_stop_a_check():
    with pytest.raises(KeyboardInterrupt):
        course.check("3.2", raising(KeyboardInterrupt()))


def test_a_check_leaves_the_random_state(monkeypatch):
    drawing = replace(EXERCISES[1], check=lambda answer: None if torch.rand(1) < 2 else "no")
    monkeypatch.setattr(exercises, "exercise", lambda id: drawing)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    course.check("3.2", twice)
    assert torch.equal(torch.rand(3), expected)


def test_an_exercise_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="no exercise '3.9' in lesson 03, which has 3.1, 3.2, 3.3"):
        course.check("3.9", twice)
    with pytest.raises(ValueError, match="lesson '77' has no exercises"):
        course.check("77.1", twice)


def test_use_goes_on_with_the_right_answer(capsys):
    assert course.use("3.2", twice) is twice
    assert "your twice" in capsys.readouterr().out


@pytest.mark.parametrize("answer", [unsolved, lambda x: x * x])
def test_use_goes_on_with_the_package_otherwise(capsys, answer):
    assert course.use("3.2", answer)(4) == 8
    assert "package's double" in capsys.readouterr().out


def test_use_without_a_part_of_the_package_says_so(monkeypatch):
    monkeypatch.setattr(exercises, "exercise", lambda id: replace(EXERCISES[1], package=None))
    with pytest.raises(ValueError, match="no part in the package"):
        course.use("3.2", unsolved)


@pytest.mark.parametrize("measured", [2, 2.0, torch.tensor(2.0), "b"])
def test_a_right_prediction(capsys, measured):
    course.predict("3.1", " B) ")
    course.compare("3.1", measured)
    assert "3.1 right: you predicted b" in capsys.readouterr().out


def test_a_wrong_prediction_gets_its_reply(capsys):
    course.predict("3.1", "a")
    course.compare("3.1", 2)
    assert "you predicted a  one\n    That is half of it." in capsys.readouterr().out


def test_a_missing_or_unknown_prediction_does_not_block(capsys):
    course.predict("3.1", None)
    course.predict("3.1", "z")
    course.predict("3.1", 3)
    course.compare("3.1", 2)
    out = capsys.readouterr().out
    assert 'write one of "a", "b"' in out and "'z' is not on offer" in out and "no prediction was made" in out


@pytest.mark.parametrize("answer, measured, words", [
    (None, 2, "not attempted"), ("a", 2, "you predicted a"), ("b", 1, "measured 1, but the registered")])
def test_strictly_a_prediction_must_be_right_and_so_must_the_registry(monkeypatch, answer, measured, words):
    monkeypatch.setenv("MINIVQ_STRICT", "1")
    with pytest.raises(AssertionError, match=words):
        course.predict("3.1", answer)
        course.compare("3.1", measured)


def test_hints_one_to_three(capsys):
    course.hint("3.2", 3)
    assert capsys.readouterr().out == "3.2 hint 3: x plus x.\n"
    with pytest.raises(ValueError, match="no hint 4, wanted 1 to 3"):
        course.hint("3.2", 4)


def test_reveal_without_solutions_says_who_has_them(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "minivq.course.solutions", None)  # as if the file were not there
    monkeypatch.delattr(course, "solutions", raising=False)
    course.reveal("3.2")
    assert "taken out" in capsys.readouterr().out


def test_the_log_holds_what_was_tried():
    course.predict("3.1", "a")
    course.check("3.2", unsolved)
    course.check("3.2", twice)
    assert [(line["event"], line["exercise"], line.get("status")) for line in log()] == [
        ("predict", "3.1", None), ("check", "3.2", "not attempted"), ("check", "3.2", "right")]


def test_a_place_that_cannot_be_written_breaks_no_lesson(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MINIVQ_WORK", str(tmp_path / "file" / "below"))
    course.check("3.2", twice)
    assert capsys.readouterr().out == "3.2 right\n"


def test_the_log_lies_in_work_of_the_notebooks_repository(monkeypatch, tmp_path):
    monkeypatch.delenv("MINIVQ_WORK")
    for folder in ("minivq/course", "notebooks", "elsewhere"):
        (tmp_path / "repository" / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repository" / "notebooks")
    course.check("3.2", twice)
    assert (tmp_path / "repository" / "work" / "log.jsonl").exists()
    monkeypatch.chdir(tmp_path)
    course.check("3.2", twice)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["repository"]


def test_exercises_are_described_rightly_or_refused():
    with pytest.raises(ValueError, match="kind is 'write'"):
        replace(EXERCISES[1], kind="write")
    with pytest.raises(ValueError, match="0 right options"):
        replace(EXERCISES[0], options={})
    with pytest.raises(ValueError, match="needs a check"):
        replace(EXERCISES[1], check=None)


# the Check table

def test_the_table_says_where_a_part_came_from(capsys):
    course.use("3.2", unsolved)
    course.equal("3", [("double of three", 6, 6), ("nearest", ONE, ONE), ("x", [1.0], [1.0])])
    lines = capsys.readouterr().out.splitlines()[1:]
    assert lines[3].startswith("double of three") and lines[3].split()[-1] == "package"
    assert "minivq.quantize.nearest" in lines[4] and lines[4].split()[-1] == "lesson"
    assert "not solved yet" in lines[-1]


def test_the_table_says_yours_for_a_solved_part(capsys):
    course.use("3.2", twice)
    course.equal("3", [("twice", 6, 6)])
    assert capsys.readouterr().out.splitlines()[4].split()[-1] == "yours"


def test_each_part_of_a_pair_is_noted(monkeypatch, capsys):
    pair = replace(EXERCISES[1], check=lambda answer: "no", package=lambda: (twice, unsolved))
    monkeypatch.setattr(exercises, "exercise", lambda id: pair)
    course.use("3.2", (twice, unsolved))
    assert "package's twice and unsolved" in capsys.readouterr().out
    assert [exercises.origin(name) for name in ("twice", "unsolved", "third")] == ["package", "package", "lesson"]


ONE = torch.ones(2, dtype=torch.float64)


@pytest.mark.parametrize("mine, theirs", [
    (ONE, ONE + 1e-15), (ONE, ONE[:1]), (ONE, ONE.float()), (ONE * float("nan"), ONE * float("nan")),
    (torch.tensor([1]), torch.tensor([2])), ([1.0, 2.0], [1.0]), ({"a": 1}, {"b": 1}), ("a", "b"), (None, 1)])
def test_what_is_not_equal_fails_bit_for_bit(mine, theirs):
    with pytest.raises(AssertionError, match="not equal to the package: part"):
        course.equal("3", [("same", 1, 1), ("part", mine, theirs)])


def test_a_tolerance_allows_a_difference_of_floats_and_none_of_integers():
    course.equal("3", [("part", ONE, ONE + 1e-12, 1e-10), ("state", {"w": ONE}, {"w": ONE})])
    with pytest.raises(AssertionError):
        course.equal("3", [("part", ONE, ONE + 1e-9, 1e-10)])
    with pytest.raises(AssertionError):
        course.equal("3", [("part", torch.tensor([1]), torch.tensor([2]), 5)])


INTERRUPTED = """
import signal, nbformat
from minivq.course.execute import execute
signal.signal(signal.SIGINT, signal.default_int_handler)
cells = ["import os, signal; os.kill(os.getppid(), signal.SIGINT)", "import time; time.sleep(300)"]
book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
try:
    execute(book, "fast")
except KeyboardInterrupt:
    print("heard")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_an_interrupt_ends_a_lesson_at_once_and_without_a_traceback():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["heard"] and "Traceback" not in done.stderr


# trainings

def training(steps, stop=None):
    """A make of so many steps, interrupted before step `stop`."""
    def make(folder):
        torch.manual_seed(1)
        model, losses = torch.nn.Linear(3, 3), []
        optimiser = torch.optim.Adam(model.parameters(), 0.1)
        parts = {"model": model, "optimiser": optimiser, "losses": losses}
        for step in trainings.resumable(folder, steps, parts, every=0):
            if step == stop:
                raise KeyboardInterrupt
            optimiser.zero_grad()
            loss = model(torch.randn(4, 3)).square().mean()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        return {"model": model.state_dict(), "losses": losses}
    return make


@pytest.fixture
def repository(monkeypatch, tmp_path):
    """A folder that trainings take for the repository."""
    monkeypatch.setattr(trainings, "root", lambda: tmp_path)
    return tmp_path


def test_an_interrupted_training_ends_as_an_uninterrupted_one(repository, capsys):
    whole = training(8)(repository)
    (repository / "state.pt").unlink()
    settings = {"steps": 8}
    with pytest.raises(KeyboardInterrupt):
        course.trained("03", settings, training(8, stop=5))
    result = course.trained("03", settings, training(8))
    assert "goes on at step 5 of 8" in capsys.readouterr().out
    assert result["losses"] == whole["losses"]
    assert all(torch.equal(result["model"][name], whole["model"][name]) for name in whole["model"])


def test_a_finished_training_is_read_again_and_another_is_not(repository):
    first = course.trained("03", {"steps": 2}, training(2))

    def never(folder):
        raise RuntimeError("trained twice")
    never.__name__ = "make"
    assert course.trained("03", {"steps": 2}, training(2))["losses"] == first["losses"]
    with pytest.raises(RuntimeError, match="trained twice"):
        course.trained("03", {"steps": 2}, never)  # other code, same settings
    assert len(course.trained("03", {"steps": 3}, training(3))["losses"]) == 3
    assert [line["reused"] for line in log()] == [False, True, False]


def test_a_state_of_other_parts_is_refused(repository):
    with pytest.raises(KeyboardInterrupt):
        training(4, stop=2)(repository)
    with pytest.raises(ValueError, match=r"holds \['losses', 'model', 'optimiser'\], wanted \['model'\]"):
        next(trainings.resumable(repository, 4, {"model": torch.nn.Linear(3, 3)}))


# stamp

def test_the_stamp_ignores_docstrings_and_comments_only():
    plain = 'def f(x):\n    return x + 1\n'
    told = '"""Module."""\ndef f(x):\n    """Adds."""\n    # one\n    return x + 1\n'
    assert tree_hash(ast.parse(plain)) == tree_hash(ast.parse(told))
    assert tree_hash(ast.parse(plain)) != tree_hash(ast.parse(plain.replace("1", "2")))


def test_the_stamp_finds_what_is_read(tmp_path):
    for name in ("checkpoints/faces-vqvae-f8.pt", "checkpoints/faces.pt", "results/priors.json", "results/seen.npz"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text(name)
    source = ('%matplotlib inline\nm = minivq.load("faces-vqvae-f8")\nx = datasets.load("faces", 64)\n'
              'read("../data/results/priors.json")\nnp.load("../data/results/seen.npz")')
    notebook = new_notebook(cells=[new_code_cell(source)])
    found = list(reads(notebook, tmp_path))
    assert found == ["data/checkpoints/faces-vqvae-f8.pt", "data/results/priors.json", "data/results/seen.npz"]


def test_the_stamp_follows_imports_of_imports(tmp_path):
    package = tmp_path / "minivq"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("from minivq.b import x\n")
    (package / "b.py").write_text("x = 1\n")
    (package / "c.py").write_text("x = 1\n")
    notebook = new_notebook(cells=[new_code_cell("from minivq import a")])
    before = modules(notebook, tmp_path)
    assert sorted(before) == ["minivq/__init__.py", "minivq/a.py", "minivq/b.py"]
    (package / "b.py").write_text("x = 2\n")
    after = modules(notebook, tmp_path)
    assert [name for name in after if after[name] != before[name]] == ["minivq/b.py"]


def test_the_code_hash_sees_code_and_tags_alone():
    notebook = lesson()
    before = code_hash(notebook)
    notebook.cells[0].source += "\n\nMore words."
    assert code_hash(notebook) == before
    next(cell for cell in notebook.cells if cell.cell_type == "code").metadata["tags"] = ["train"]
    assert code_hash(notebook) != before


# building

def test_normalising_takes_out_what_another_machine_would_change():
    outputs = [new_output("stream", name="stderr", text="careful"), new_output("stream", text="a\n"),
               new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}),
               new_output("stream", text=f"in {ROOT}/data\n"),
               new_output("display_data", {"image/png": picture()}, metadata={"image/png": {"alt": "red"}})]
    cell = new_code_cell("x = 1   \n", outputs=outputs, execution_count=7,
                         metadata={"execution": {"iopub": "now"}, "tags": ["hero"], "collapsed": True})
    notebook = new_notebook(cells=[new_markdown_cell("# 03 - X"), cell], metadata={
        "widgets": {}, "jupytext": {}, "minivq": {"requires": ["02"]},
        "kernelspec": {"name": "mine", "display_name": "Mine"}})
    build.normalise(notebook, "03")
    assert [cell.id for cell in notebook.cells] == ["03-000", "03-001"]
    assert (cell.execution_count, cell.source, cell.metadata) == (1, "x = 1", {"tags": ["hero"]})
    assert [out.get("text") for out in cell.outputs] == ["a\nin data\n", None]
    assert sorted(notebook.metadata) == ["kernelspec", "language_info", "minivq"]
    assert notebook.metadata.kernelspec.name == "python3"
    assert "hero.jpg" in notebook.cells[0].attachments
    nbformat.validate(notebook)


@pytest.mark.parametrize("limit", [150_000, 30_000])
def test_a_large_picture_shrinks_below_the_limit(limit):
    import base64
    import io

    import numpy as np
    from PIL import Image
    raw = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)).save(raw, "PNG")
    mime, data = figures.shrink(base64.b64encode(raw.getvalue()).decode(), limit)
    assert len(base64.b64decode(data)) <= limit and mime == "image/jpeg"


def test_a_small_picture_stays_as_it_is():
    assert figures.shrink(picture(), 150_000) == ("image/png", picture())


def test_the_budget_line_is_written_between_its_marks():
    notebook = lesson()
    full = execute.Executed(notebook, 372.0, 904.0)
    build.write_budget(notebook, full, execute.Executed(notebook, 41.0, 688.0))
    said = notebook.cells[1].source
    assert "<!-- budget -->full 6.2 min, 900 MB; fast 41 s, 690 MB; measured on" in said
    assert said.endswith("cores<!-- /budget -->")


@pytest.fixture
def notebooks(monkeypatch, tmp_path):
    """A folder for notebooks of a test."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setattr(execute, "NOTEBOOKS", folder)

    def write(name, *sources):
        cells = [new_markdown_cell(f"# {name}"), *(new_code_cell(source) for source in sources)]
        nbformat.write(new_notebook(cells=cells), folder / f"{name}.ipynb")
        return folder / f"{name}.ipynb"
    return write


def test_a_kernel_that_never_starts_is_told_and_ends_the_run(notebooks, monkeypatch):
    path = notebooks("01_late", "x = 1")

    class Late(execute.kernel_manager_class()):
        async def _async_start_kernel(self, **_):
            raise RuntimeError("Kernel didn't respond in 300 seconds")
        start_kernel = _async_start_kernel

    monkeypatch.setattr(execute, "kernel_manager_class", lambda: Late)
    assert "didn't respond" in execute.execute(nbformat.read(path, 4), "fast").error


def test_run_shows_the_failing_cell_runs_the_others_and_counts(notebooks, tmp_path, capsys):
    out = tmp_path / "out"
    show = ("from IPython.display import Image, Markdown, display\nimport base64, os\n"
            "print(os.environ['TQDM_DISABLE'])\n")
    notebooks("01_bad", "x = 1", "assert x == 2, 'two was wanted'", "x = 3")
    notebooks("02_good", f"{show}display(Image(base64.b64decode('{picture()}'), alt='a field'))\n"
                         "display(Markdown('*Under it*'))")
    notebooks("03_dead", "import os\nos._exit(3)")
    assert run.run(out=out) == 2
    said = capsys.readouterr().out
    assert "01_bad" in said and "assert x == 2" in said and "two was wanted" in said
    assert "Failed: 01_bad, 03_dead" in said and "died" in said
    page = (out / "index.html").read_text()
    assert picture() in page and "<figcaption>Under it</figcaption>" in page and 'alt="a field"' in page
    good = nbformat.read(out / "02_good.ipynb", 4)
    assert good.cells[1].outputs[0].text == "1\n"
    assert list(json.loads((out / "times.json").read_text())) == ["02_good"]


def test_build_writes_no_notebook_with_an_error(notebooks, monkeypatch, capsys):
    monkeypatch.setenv("MINIVQ_BUDGET", "fast")
    path = notebooks("03_bad", "1 / 0")
    before = path.read_bytes()
    assert build.build() == 1
    assert path.read_bytes() == before
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_build_check_lists_lessons_whose_modules_changed(notebooks, capsys):
    path = notebooks("03_demo", "from minivq import metrics")
    assert build.build(check=True) == 1
    notebook = nbformat.read(path, 4)
    notebook.metadata["minivq"] = {"stamp": {"modules": modules(notebook)}}
    nbformat.write(notebook, path)
    assert build.build(check=True) == 0
    notebook.metadata["minivq"]["stamp"]["modules"]["minivq/metrics.py"] = "other"
    nbformat.write(notebook, path)
    assert build.build(check=True) == 1
    assert "03_demo: changed since it was built: minivq/metrics.py" in capsys.readouterr().out


def test_start_copies_without_outputs_and_never_over_answers(notebooks, tmp_path):
    path = notebooks("03_demo", "1")
    notebook = nbformat.read(path, 4)
    notebook.cells[1].update(execution_count=1, outputs=[new_output("stream", text="1")])
    nbformat.write(notebook, path)
    copy = run.start(3)
    assert copy == tmp_path / "work" / "03_demo.ipynb"
    assert nbformat.read(copy, 4).cells[1].outputs == []
    with pytest.raises(FileExistsError, match="your answers"):
        run.start(3)


def test_a_lesson_that_does_not_exist_is_named(notebooks):
    notebooks("03_demo")
    with pytest.raises(ValueError, match="no lesson 07 in notebooks/, which has 03"):
        execute.lessons(["7"])


def test_solving_replaces_exercise_cells_and_leaves_training_out(monkeypatch):
    monkeypatch.setattr(solve, "solutions", types.SimpleNamespace(source=lambda id: f"solved = '{id}'"))
    notebook = lesson()
    notebook.cells.append(new_code_cell("train()", metadata={"tags": ["train"]}))
    sources = [cell.source for cell in solve.solved(notebook).cells]
    assert 'predict("3.1", "b")' in sources and "solved = '3.2'" in sources
    assert not any("NotImplementedError" in source for source in sources) and "train()" not in sources
    assert notebook.cells[-1].source == "train()"


def test_the_solutions_can_be_taken_out(tmp_path):
    shutil.copytree(ROOT / "minivq", tmp_path / "minivq", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(tmp_path / "minivq" / "course" / "solutions")
    code = ("import minivq.course.build, minivq.course.rules, minivq.course.solve\n"
            "import minivq.course.lessons as l\n"
            "from minivq.course import reveal\n"
            "for m in l.lesson_modules().values():\n"
            "    for e in m.EXERCISES:\n"
            "        reveal(e.id)\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                          env={"PYTHONPATH": str(tmp_path), "PATH": "", "MINIVQ_WORK": str(tmp_path)})
    assert done.returncode == 0, done.stderr


def test_the_students_version_has_no_solutions_no_outputs_and_overwrites_nothing(tmp_path, capsys):
    folder = release.release(tmp_path / "students")
    assert (folder / "minivq" / "course" / "exercises.py").is_file() and not list(folder.rglob("solutions"))
    assert not (folder / "tests").exists() and (folder / "data" / "checkpoints" / "manifest.json").is_file()
    for path in execute.lessons():
        before, after = (nbformat.read(place / path.name, 4) for place in (path.parent, folder / "notebooks"))
        assert [cell.source for cell in after.cells[1:]] == [cell.source for cell in before.cells[1:]]
        assert after.cells[0].source == before.cells[0].source.split("\n\n![")[0]            # the title's picture tells
        assert not any(cell.get("outputs") or cell.get("attachments") for cell in after.cells)
    for name in ("README.md", "Makefile"):
        assert not re.search(r"make test|Teaching|solutions|pytest tests", (folder / name).read_text())
    done = subprocess.run([sys.executable, "-c", "from minivq.course import check, reveal; reveal('1.2')"], cwd=folder,
                          capture_output=True, text=True, env={"PYTHONPATH": str(folder), "PATH": ""})
    assert "taken out" in done.stdout and done.returncode == 0, done.stderr
    with pytest.raises(FileExistsError, match="is not empty"):
        release.release(folder)


# the table of names

def test_every_name_of_the_method_has_its_lesson():
    for module in table_of_names.METHOD:
        path = ROOT / "minivq" / f"{module}.py"
        public = {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body
                  if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")}
        told = [*table_of_names.LESSON_OF, *table_of_names.HELPERS]
        told = {name.split(".")[1] for name in told if name.startswith(f"{module}.")}
        assert public == told, module


def test_every_name_in_the_table_exists():
    for name in table_of_names.LESSON_OF:
        module, attribute = name.split(".")
        assert hasattr(importlib.import_module(f"minivq.{module}"), attribute), name
    assert set(table_of_names.RECORDS) <= set(table_of_names.LESSON_OF)


# kernels without network, and dead ones

def test_a_kernel_without_network_reaches_loopback_alone():
    code = ("import socket\n"
            "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname())\n"
            "def blocked(do):\n"
            "    try:\n        do()\n"
            "    except OSError as error:\n        assert 'MINIVQ_OFFLINE' in str(error)\n"
            "    else:\n        raise SystemExit('reached')\n"
            "blocked(lambda: socket.create_connection(('192.0.2.1', 80), 2))\n"
            "blocked(lambda: socket.getaddrinfo('example.org', 80))\n"
            "u = socket.socket(type=socket.SOCK_DGRAM)\n"
            "blocked(lambda: u.sendto(b'x', ('192.0.2.1', 53)))\n")
    env = {"MINIVQ_OFFLINE": "1", "PYTHONPATH": str(ROOT / "minivq" / "course" / "offline"), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


def test_under_nbval_a_dead_kernel_fails_at_once(tmp_path):
    shutil.copytree(ROOT / "minivq", tmp_path / "minivq", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("conftest.py", "nbval.cfg"):
        shutil.copy(ROOT / "notebooks" / name, folder)
    cells = [new_code_cell("import os\nos._exit(1)"), new_code_cell("1")]
    nbformat.write(new_notebook(cells=cells), folder / "00_dead.ipynb")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "notebooks", "--nbval-lax",
         "--nbval-current-env", "--nbval-cell-timeout=500", "--nbval-sanitize-with", "notebooks/nbval.cfg"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "the kernel died" in done.stdout, done.stdout
    record = json.loads((tmp_path / "runs" / "nbval-times.json").read_text())["00_dead"]
    assert set(record) == {"memory", "cells", "seconds"}
