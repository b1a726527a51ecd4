"""A small lesson that keeps every rule, with its exercises: what tests break on purpose."""
import base64
import io

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from minivq.course.exercises import Exercise, Option
from minivq.course.names import LESSON_OF

NAME = "03_demo.ipynb"


def check_double(double):
    """Exercise 3.2 of the demo: double a number."""
    if double(3) == 9:
        return "it squares: look at double(3)"
    return None if double(3) == 6 else "it does not double: look at double(3)"


def double(x):
    """The package's part for the demo."""
    return 2 * x


EXERCISES = (
    Exercise("3.1", "predict", "A guess", difficulty=1, minutes=2, points=1, options={
        "a": Option("one", 1, "That is half of it."), "b": Option("two", 2, right=True)}),
    Exercise("3.2", "complete", "Double", difficulty=2, minutes=5, points=2, check=check_double,
             package=lambda: double, hints=("Look at 3.", "Think of a sum.", "x plus x.")),
    Exercise("3.3", "explore", "Look around", difficulty=1, minutes=5, points=1),
)


def picture(width=40, height=30):
    """-> base64 of a PNG."""
    from PIL import Image
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def card(entry):
    """The card's line of an exercise."""
    level = f"difficulty {entry.difficulty} of 3"
    return f"**Exercise {entry.id}** · {entry.kind} · {level} · {entry.minutes} min\n\n{entry.title}."


def shown(caption="A red field (cpu, seed 0, fast budget, native 40 px)", alt="A red field, evenly coloured"):
    """The outputs of plot.show."""
    return [new_output("display_data", {"image/png": picture()}, metadata={"image/png": {"alt": alt}}),
            new_output("display_data", {"text/markdown": f"*{caption}*"})]


def lesson():
    """-> the notebook of the demo, as `course build` leaves one, but for the stamp."""
    text, code = new_markdown_cell, new_code_cell
    names = [path.split(".")[1] for path, number in LESSON_OF.items() if number == "03"]
    stream = [new_output("stream", text="(2, 3)\n")]
    cells = [
        text("# 03 - Demo\n\n*Does it hold?*\n\n![A red field that fills the picture](attachment:hero.jpg)",
             attachments={"hero.jpg": {"image/jpeg": picture()}}),
        text("## You will be able to\n\n- guess (3.1)\n- double (3.2)\n- look around (3.3)\n\n## You need\n\n"
             "Nothing.\n\n**Budget** <!-- budget -->full 2 s, 100 MB<!-- /budget -->"),
        code("from minivq.course import check, compare, equal, predict, use"),
        text("## An idea\n\n" + "word " * 1600),
        text(card(EXERCISES[0])),
        code('predict("3.1", None)',
             metadata={"tags": ["exercise", "predict"], "minivq": {"exercise": "3.1"}}),
        code('compare("3.1", 2)'),
        text(card(EXERCISES[1])),
        code("def double(x):\n    raise NotImplementedError",
             metadata={"tags": ["exercise"], "minivq": {"exercise": "3.2"}}),
        code('check("3.2", double)\ndouble = use("3.2", double)'),
        text(card(EXERCISES[2])),
        *(code(f"# NBVAL_CHECK_OUTPUT\nprint((2, {i}))", outputs=stream) for i in range(3)),
        code("the_figure", metadata={"tags": ["hero"]}, outputs=shown()),
        code("assert 1 < 2"),
        text("It came out in the band, at 2 dB.", metadata={"tags": ["results"]}),
        *(code(f"{i} + 1") for i in range(14)),
        text("## Check"),
        code("equal('03', [" + ", ".join(f"('{name}', 1, 1)" for name in names) + "])"),
        text("## Break it\n\nText."),
        text("## Recap\n\nText.\n\n## Exercises\n\n- 3.1\n- 3.2\n- 3.3\n\n## Further reading\n\nText."),
    ]
    count = 0
    for place, cell in enumerate(cells):
        cell.id = f"03-{place:03d}"
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
    notebook = new_notebook(cells=cells, metadata={"minivq": {"lesson": "03", "requires": ["02"]}})
    return nbformat.from_dict(notebook)


def cell_with(notebook, words):
    """The first cell whose source holds these words."""
    return next(cell for cell in notebook.cells if words in cell.source)
