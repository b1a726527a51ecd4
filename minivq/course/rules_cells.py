"""Rules of what a lesson's cells hold: outputs, marks, pictures, code, text. See `rules_outline`."""

import re

from minivq.course.figures import FIGURE_BYTES, HERO_BYTES, figures
from minivq.course.lesson_file import tags
from minivq.course.names import LESSON_OF, RECORDS

MARK = "# NBVAL_CHECK_OUTPUT"
NEVER_MARKED = re.compile(r"\b(check|use|predict|compare|equal|hint|reveal)\(")
ABSOLUTE = re.compile(r"(?<![\w./:\-])/(home|Users|root|tmp|work|usr|var|mnt|opt|content)/|\b[A-Z]:\\")
NETWORK = re.compile(
    r"https?://|download\s*=\s*True|\b(urllib|requests|socket|lpips|wget|curl)\b|pip install|hub\.load"
)
# A number with a unit of a measurement, or a score with its number: what only a result may say.
RESULT = re.compile(
    r"\d\s*(dB|nats?|%|percent|seconds?|ms|s)(?!\w)|\bFFD\s*(of|is|=|:)?\s*\d"
)
CITATION = re.compile(r"\([^()]*[A-Z][^()]*\b(19|20)\d\d[^()]*\)")
EXEMPT = re.compile(r"<!-- budget -->.*?<!-- /budget -->|`[^`]*`|\$[^$]*\$", re.DOTALL)


def counts(lesson):
    """Execution counts 1 to n, no error without its tag, no stderr, no widgets, ids of the build."""
    found = [cell.execution_count for cell in lesson.code]
    if found != list(range(1, len(found) + 1)):
        yield f"execution counts are {found}, wanted 1 to {len(found)}: build"
    for place, cell in enumerate(lesson.notebook.cells):
        if cell.get("id") != f"{lesson.number}-{place:03d}":
            yield f"cell {place} has the id {cell.get('id')!r}, wanted {lesson.number}-{place:03d}: build"
            break
    for cell in lesson.code:
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in tags(cell):
                yield f"cell {cell.id} shows an error without the tag raises-exception"
            if output.output_type == "stream" and output.name == "stderr":
                yield f"cell {cell.id} shows stderr"
            if any("widget" in mime for mime in output.get("data", {})):
                yield f"cell {cell.id} shows a widget"
    if "widgets" in lesson.notebook.metadata:
        yield "the metadata holds widgets"


def marks(lesson):
    """At least three compared outputs, each with a count and an output, none on a check."""
    marked = 0
    for cell in lesson.code:
        lines = [line for line in cell.source.splitlines() if "NBVAL_CHECK_OUTPUT" in line]
        if not lines:
            continue
        if lines != [MARK]:
            yield f"cell {cell.id}: the mark is {lines}, wanted {MARK!r} alone on one line"
        elif NEVER_MARKED.search(cell.source):
            yield f"cell {cell.id}: a mark on a check, which differs once the exercise is solved"
        elif cell.execution_count is None or not cell.outputs:
            yield f"cell {cell.id}: a mark without count or output is never compared"
        else:
            marked += 1
    if marked < 3:
        yield f"{marked} compared outputs, wanted at least 3"


def pictures(lesson):
    """Alt text and a caption under each, 150 kB each, one hero of 300 kB; no picture by its address."""
    shown = figures(lesson.notebook)
    heroes = [cell for cell in lesson.code if "hero" in tags(cell)]
    if len(heroes) != 1 or not any(figure.cell is heroes[0] for figure in shown):
        yield f"{len(heroes)} cells tagged hero, wanted one that shows a picture"
    for figure in shown:
        place = f"the picture of cell {figure.cell.id}"
        if len(figure.alt) < 20:
            yield f"{place} has the alt text {figure.alt!r}, wanted at least 20 characters"
        if "budget" not in figure.caption:
            yield f"{place} has the caption {figure.caption!r}, wanted device, seed, budget and sizes"
        limit = HERO_BYTES if "hero" in tags(figure.cell) else FIGURE_BYTES
        if figure.size > limit:
            yield f"{place} has {figure.size} bytes, wanted at most {limit}"
    for cell in lesson.texts:
        for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]*)", cell.source):
            if len(alt) < 20:
                yield f"cell {cell.id}: the alt text {alt!r}, wanted at least 20 characters"
            if target.startswith(("http", "/", "data:")):
                yield f"cell {cell.id}: a picture by the address {target[:40]!r}"


def code(lesson):
    """No absolute path in code or outputs, no network outside cells tagged network, no look at the budget."""
    for cell in lesson.notebook.cells:
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts.append(output.get("text", ""))
            texts.extend(output.get("traceback", []))
            texts.extend(data for mime, data in output.get("data", {}).items() if mime.startswith("text/"))
        for text in texts:
            match = ABSOLUTE.search(text)
            if match:
                yield f"cell {cell.id} holds an absolute path: {text[match.start():match.start() + 40]!r}"
                break
    for cell in lesson.code:
        match = NETWORK.search(cell.source)
        if match and "network" not in tags(cell):
            yield f"cell {cell.id} uses the network ({match.group()}) without the tag network"
        if "MINIVQ_BUDGET" in cell.source:
            yield f"cell {cell.id} asks for the budget: the same code runs in both"


def results(lesson):
    """No bare result in the text; an interpretation stands behind an assert."""
    for place, cell in enumerate(lesson.notebook.cells):
        if cell.cell_type != "markdown":
            continue
        if "results" in tags(cell):
            before = [other.source for other in lesson.notebook.cells[:place] if other.cell_type == "code"]
            if not before or not re.search(r"^\s*assert\b", before[-1], re.MULTILINE):
                yield f"cell {cell.id}: an interpretation whose code cell before it asserts nothing"
            continue
        for line in EXEMPT.sub("", cell.source).splitlines():
            match = RESULT.search(line)
            if match and not CITATION.search(line):
                said = line[max(0, match.start() - 20):match.end()].strip()
                yield f"cell {cell.id}: a bare result, {said!r}"


def names(lesson):
    """What the table says is built here stands in the section Check; records stand anywhere in the code."""
    compared = lesson.section("Check")
    all_code = "\n".join(cell.source for cell in lesson.code)
    for path, number in LESSON_OF.items():
        name = path.split(".")[1]
        where = all_code if path in RECORDS else compared
        if number == lesson.number and not re.search(rf"\b{name}\b", where):
            yield f"{path} is to be built here, but " + (
                "no cell names it" if path in RECORDS else "the section Check does not compare it"
            )


CELLS = (counts, marks, pictures, code, results, names)
