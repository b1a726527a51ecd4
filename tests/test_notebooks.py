"""Every lesson keeps the rules of the course, and every rule finds the notebook that breaks it."""
import functools

import nbformat
import pytest
from lesson_in_memory import EXERCISES, NAME, card, cell_with, lesson, shown
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from minivq.course import execute, overview
from minivq.course.rules import problems
from minivq.course.stamp import stamp

PATHS = execute.lessons()


@pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])
def test_the_lesson_keeps_every_rule(path):
    assert problems(nbformat.read(path, 4), path.name, path.stat().st_size) == []


def test_the_readme_has_the_row_of_every_lesson_as_the_lesson_says(tmp_path, monkeypatch):
    readme = (execute.REPOSITORY / "README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(readme, encoding="utf-8")
    monkeypatch.setattr(execute, "lessons", lambda: [])
    monkeypatch.setattr(execute, "NOTEBOOKS", tmp_path / "notebooks")
    overview.write_overview()
    assert "](notebooks/" not in (tmp_path / "README.md").read_text(encoding="utf-8")
    monkeypatch.setattr(execute, "lessons", lambda: PATHS)
    overview.write_overview()
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == readme
    assert readme.count("](notebooks/") == len(PATHS)


@functools.cache
def stamped():
    """The demo lesson with its stamp, as a text."""
    notebook = lesson()
    notebook.metadata.minivq.stamp = stamp(notebook, "full", "cpu")
    return nbformat.writes(notebook)


def broken(change, size=1000):
    """What the rules say of the demo lesson after `change(notebook)`, stamped before it."""
    notebook = nbformat.reads(stamped(), 4)
    change(notebook)
    return problems(notebook, NAME, size, EXERCISES)


def test_the_demo_lesson_keeps_every_rule():
    assert broken(lambda notebook: None) == []


def put(words, old, new):
    """A change: in the cell with these words, `old` becomes `new`."""
    def change(notebook):
        cell = cell_with(notebook, words)
        assert old in cell.source
        cell.source = cell.source.replace(old, new)
    return change


def outputs(words, found):
    """A change: the cell with these words has these outputs."""
    return lambda notebook: cell_with(notebook, words).update(outputs=found)


def tagged(words, tags):
    """A change: the cell with these words has these tags."""
    return lambda notebook: cell_with(notebook, words).metadata.update(tags=tags)


def add(place, cell):
    """A change: one more cell."""
    return lambda notebook: notebook.cells.insert(place, cell)


def noise(width):
    """Outputs with a picture that does not compress, some 3 bytes a pixel."""
    import base64
    import io
    import random

    from PIL import Image
    out = io.BytesIO()
    Image.frombytes("RGB", (width, width), random.Random(0).randbytes(3 * width * width)).save(out, "PNG")
    found = shown()
    found[0].data["image/png"] = base64.b64encode(out.getvalue()).decode()
    return found


ERROR = [new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])]
STDERR = [new_output("stream", name="stderr", text="careful\n")]
WIDGET = [new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}})]
BREAKS = {
    "another number in the title": (put("# 03", "# 03", "# 04"), "opening: the first line"),
    "no question": (put("# 03", "hold?", "hold."), "opening: the second line is not a question"),
    "no first picture": (put("# 03", "![", "["), "opening: the first cell does not show"),
    "first picture not filled": (lambda nb: nb.cells[0].pop("attachments"), "the first picture is not there"),
    "first picture without words": (put("# 03", "field that fills the picture", "one"), "fewer"),
    "two verbs": (put("You will", "- guess (3.1)\n", ""), "has 2 lines"),
    "a verb without exercise": (put("You will", "double (3.2)", "double"), "no exercise of the lesson shows"),
    "no budget": (put("You will", "<!-- budget -->", ""), "'You need' has no budget line"),
    "budget not measured": (put("You will", "full 2 s, 100 MB", "soon"), "never measured"),
    "requires a later lesson": (lambda nb: nb.metadata.minivq.update(requires=["07"]), "requires is"),
    "no Recap": (put("## Recap", "## Recap", "## Summary"), "order: no heading '## Recap'"),
    "Check behind Break it": (lambda nb: nb.cells.insert(3, nb.cells.pop(nb.cells.index(
        cell_with(nb, "## Break it")))), "headings stand in the order"),
    "no section of its own": (put("## An idea", "## An idea", ""), "no section of its own"),
    "late idea": (lambda nb: [nb.cells.insert(2, new_code_cell("1")) for _ in range(2)], "3 code cells"),
    "nothing compared": (put("equal('03'", "equal(", "print("), "the section Check has no equal"),
    "few words": (put("## An idea", "word " * 800, ""), "words, wanted 1,500"),
    "many words": (put("## An idea", "word " * 1600, "word " * 3600), "words, wanted 1,500"),
    "few code cells": (lambda nb: nb.cells.__delitem__(slice(17, 28)), "code cells, wanted 20 to 40"),
    "a long cell": (put("assert 1 < 2", "assert 1 < 2", "assert 1 < 2\n" * 26), "26 lines, wanted"),
    "no card": (put("**Exercise 3.3", "**Exercise 3.3**", "Exercise 3.3"), "exercise 3.3 has 0 cards"),
    "a bad card": (put("**Exercise 3.3", " of 3", ""), "is no card like"),
    "a card unlike the registry": (put("**Exercise 3.3", "5 min", "9 min"), "differs from the registry"),
    "a card nobody registered": (add(5, new_markdown_cell(card(EXERCISES[2]).replace("3.3", "3.9"))),
                                 "exercise 3.9 is not registered"),
    "not in the list": (put("## Recap", "- 3.2\n", ""), "the list of exercises does not name 3.2"),
    "exercise without metadata": (lambda nb: cell_with(nb, "raise Not").metadata.pop("minivq"),
                                  "the tag exercise and the metadata exercise"),
    "two cells of an exercise": (add(9, new_code_cell("0", metadata={"tags": ["exercise"], "minivq": {
        "exercise": "3.2"}})), "exercise 3.2 is not registered or has two cells"),
    "no cell of an exercise": (lambda nb: nb.cells.remove(cell_with(nb, "raise Not")), "3.2 has no cell"),
    "prediction answered": (put('predict("3.1"', "None", '"b"'), "is not exactly predict"),
    "never compared": (put("compare(", "compare(", "print("), "exercise 3.1 is never compared"),
    "check too late": (add(9, new_code_cell("0")), "no check of 3.2 in the code cell behind it"),
    "no stamp": (lambda nb: nb.metadata.minivq.pop("stamp"), "fresh: no stamp"),
    "built fast": (lambda nb: nb.metadata.minivq.stamp.update(budget="fast"), "built in the fast budget"),
    "code changed": (put("assert 1 < 2", "2", "3"), "fresh: the code cells have changed"),
    "budget changed": (lambda nb: nb.metadata.minivq.stamp["sizes"].update(steps=-1), "budget has changed"),
    "a read file changed": (lambda nb: nb.metadata.minivq.stamp["reads"].update({"data/results/x.json": "0"}),
                            "data/results/x.json has changed"),
    "count missing": (lambda nb: cell_with(nb, "assert 1").update(execution_count=None), "execution counts"),
    "another id": (lambda nb: nb.cells[4].update(id="abc"), "has the id 'abc'"),
    "an error": (outputs("assert 1 < 2", ERROR), "shows an error"),
    "stderr": (outputs("assert 1 < 2", STDERR), "shows stderr"),
    "a widget": (outputs("assert 1 < 2", WIDGET), "shows a widget"),
    "two marks": (put("print((2, 0))", "# NBVAL_CHECK_OUTPUT", ""), "2 compared outputs"),
    "a mark with words": (put("print((2, 0))", "OUTPUT", "OUTPUT here"), "alone on one line"),
    "a mark on a check": (put('check("3.2"', "check(", "# NBVAL_CHECK_OUTPUT\ncheck("), "a mark on a check"),
    "a mark without output": (outputs("print((2, 0))", []), "without count or output"),
    "no hero": (tagged("the_figure", []), "0 cells tagged hero"),
    "no alt text": (outputs("the_figure", shown(alt="red")), "wanted at least 20 characters"),
    "no caption": (outputs("the_figure", shown(caption="A field")), "wanted device, seed, budget"),
    "a picture of 400 kB": (outputs("the_figure", noise(370)), "wanted at most 300000"),
    "a second picture of 200 kB": (outputs("assert 1 < 2", noise(262)), "wanted at most 150000"),
    "a picture by address": (put("## An idea", "## An idea", "## An idea\n![" + "a" * 20 + "](https://x/y.png)"),
                             "a picture by the address"),
    "an absolute path": (put("assert 1 < 2", "assert 1 < 2", "open('/home/me/x')"), "an absolute path"),
    "an absolute path shown": (outputs("assert 1 < 2", [new_output("stream", text="in /tmp/x.pt\n")]),
                               "an absolute path"),
    "network": (put("assert 1 < 2", "assert 1 < 2", "load(download=True)"), "without the tag network"),
    "asks for the budget": (put("assert 1 < 2", "assert 1 < 2", "os.environ['MINIVQ_BUDGET']"), "asks for"),
    "a bare result": (put("## An idea", "word word", "it reaches 27.5 dB here"), "results: cell 03-003"),
    "a bare share": (put("## An idea", "word word", "with 95 % of the codes"), "results: cell 03-003"),
    "a bare time": (put("## An idea", "word word", "after 12 seconds"), "results: cell 03-003"),
    "a bare score": (put("## An idea", "word word", "an FFD of 3.1"), "results: cell 03-003"),
    "interpretation without assert": (put("assert 1 < 2", "assert 1 < 2", "1 < 2"), "asserts nothing"),
    "a part not compared": (put("equal('03'", "straight_through", "other"), "does not compare it"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_the_rules_find(name):
    change, words = BREAKS[name]
    found = broken(change)
    assert any(words in line for line in found), found


def test_the_rules_find_a_large_file():
    assert any("wanted less than 1000000" in line for line in broken(lambda notebook: None, size=1_000_001))


def test_a_quotation_with_its_citation_is_no_bare_result():
    quoted = put("## An idea", "word word", "they report 27.5 dB (Esser et al., 2021)")
    assert not any(line.startswith("results") for line in broken(quoted))


def test_a_number_in_code_style_or_a_formula_is_no_bare_result():
    found = broken(put("## An idea", "word word", "`5 s`, $3 s$"))
    assert not any(line.startswith("results") for line in found)
