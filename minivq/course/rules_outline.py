"""Rules of a lesson's outline: opening, order, amount, exercises, stamp.

A rule is a function of a Lesson that yields a sentence for everything that breaks it.
"""

import re

from minivq.course.lesson_file import own, tags
from minivq.course.stamp import code_hash, reads, sizes

HEADINGS = ("You will be able to", "You need", "Check", "Break it", "Recap", "Exercises", "Further reading")
CARD = re.compile(r"^\*\*Exercise (\d+\.\d+)\*\* · (\w+) · difficulty ([123]) of 3 · (\d+) min$")
EXERCISE_ID = re.compile(r"\b\d{1,2}\.\d\b")
NOTEBOOK_BYTES = 1_000_000


def opening(lesson):
    """Title, question, one picture; the verbs; what is needed; the budget."""
    first = lesson.notebook.cells[0] if lesson.notebook.cells else None
    if first is None or first.cell_type != "markdown":
        yield "the first cell is not text"
        return
    lines = [line.strip() for line in first.source.splitlines() if line.strip()]
    if not re.match(rf"# {lesson.number} - \S", lines[0] if lines else ""):
        yield f"the first line is {(lines or [''])[0]!r}, wanted '# {lesson.number} - Topic'"
    if len(lines) < 2 or not lines[1].strip("*_").endswith("?"):
        yield "the second line is not a question"
    if len(re.findall(r"!\[[^\]]*\]\(", first.source)) != 1:
        yield "the first cell does not show exactly one picture"
    if "attachment:hero.jpg" in first.source and "hero.jpg" not in first.get("attachments", {}):
        yield "the first picture is not there: tag one cell `hero` and build"
    if re.search(r"!\[[^\]]{0,19}\]\(", first.source):
        yield "the first picture's alt text has fewer than 20 characters"
    verbs = [line for line in lesson.section("You will be able to").splitlines() if line.startswith("- ")]
    if not 3 <= len(verbs) <= 5:
        yield f"'You will be able to' has {len(verbs)} lines, wanted 3 to 5"
    known = {entry.id for entry in lesson.exercises}
    for line in verbs:
        if not known & set(EXERCISE_ID.findall(line)):
            yield f"no exercise of the lesson shows {line!r}"
    if "<!-- budget -->" not in lesson.section("You need"):
        yield "'You need' has no budget line"
    elif re.search(r"<!-- budget -->\D*<!-- /budget -->", lesson.section("You need")):
        yield "the budget line was never measured: build"
    requires = lesson.notebook.metadata.get("minivq", {}).get("requires")
    if requires is None or any(number >= lesson.number for number in requires):
        yield f"requires is {requires}, wanted a list of earlier lessons"


def order(lesson):
    """The fixed headings, in their order, with sections of the lesson's own before Check."""
    headings = [heading for heading, _ in lesson.sections]
    missing = [heading for heading in HEADINGS if heading not in headings]
    if missing:
        yield f"no heading '## {missing[0]}'" + (f" (and {', '.join(missing[1:])})" if missing[1:] else "")
        return
    places = [headings.index(heading) for heading in HEADINGS]
    if places != sorted(places):
        yield f"headings stand in the order {[h for h in headings if h in HEADINGS]}, wanted {list(HEADINGS)}"
    elif places[2] == places[1] + 1:
        yield "no section of its own between 'You need' and 'Check'"
    else:
        before = [cell for cell in lesson.notebook.cells[:_place_of(lesson, headings[places[1] + 1])]]
        setup = sum(cell.cell_type == "code" for cell in before)
        if setup > 2:
            yield f"{setup} code cells before the first idea, wanted at most 2"
    if "equal(" not in lesson.section("Check"):
        yield "the section Check has no equal(...)"


def _place_of(lesson, heading):
    for place, cell in enumerate(lesson.notebook.cells):
        if cell.cell_type == "markdown" and f"## {heading}" in cell.source.splitlines():
            return place
    return len(lesson.notebook.cells)


def amount(lesson):
    """Words, cells, lines, bytes."""
    text = " ".join(re.sub(r"<!--.*?-->|!\[[^\]]*\]\([^)]*\)", " ", cell.source) for cell in lesson.texts)
    words = sum(any(letter.isalnum() for letter in word) for word in text.split())
    if not 1500 <= words <= 3500:
        yield f"{words} words, wanted 1,500 to 3,500"
    if not 20 <= len(lesson.code) <= 40:
        yield f"{len(lesson.code)} code cells, wanted 20 to 40"
    for cell in lesson.code:
        lines = len(cell.source.splitlines())
        if lines > 25:
            yield f"cell {cell.id} has {lines} lines, wanted at most 25"
    if lesson.size >= NOTEBOOK_BYTES:
        yield f"{lesson.size} bytes, wanted less than {NOTEBOOK_BYTES}"


def cards(lesson):
    """A card for each exercise, as the registry has it; the list at the end names them all."""
    known = {entry.id: entry for entry in lesson.exercises}
    seen = []
    for cell in lesson.texts:
        for line in cell.source.splitlines():
            if not line.startswith("**Exercise"):
                continue
            match = CARD.match(line.strip())
            if not match:
                yield f"{line!r} is no card like '**Exercise 3.2** · complete · difficulty 2 of 3 · 10 min'"
                continue
            id, kind, difficulty, minutes = match.groups()
            seen.append(id)
            entry = known.get(id)
            if entry is None:
                yield f"exercise {id} is not registered"
            elif (kind, int(difficulty), int(minutes)) != (entry.kind, entry.difficulty, entry.minutes):
                wanted = f"{entry.kind}, difficulty {entry.difficulty}, {entry.minutes} min"
                yield f"the card of {id} differs from the registry: {wanted}"
    for id in known:
        if seen.count(id) != 1:
            yield f"exercise {id} has {seen.count(id)} cards, wanted 1"
        if id not in EXERCISE_ID.findall(lesson.section("Exercises")):
            yield f"the list of exercises does not name {id}"


def exercise_cells(lesson):
    """Cells to fill in: registered, checked at once; predictions compared, later."""
    known = {entry.id: entry for entry in lesson.exercises}
    cells = {}
    for place, cell in enumerate(lesson.code):
        id = own(cell).get("exercise")
        if ("exercise" in tags(cell)) != (id is not None):
            yield f"cell {cell.id}: the tag exercise and the metadata exercise belong together"
        elif id is not None and (id not in known or id in cells):
            yield f"cell {cell.id}: exercise {id} is not registered or has two cells"
        elif id is not None:
            cells[id] = place
    for id, entry in known.items():
        place = cells.get(id)
        if place is None:
            if entry.kind == "predict" or entry.check is not None:
                yield f"exercise {id} has no cell tagged exercise"
            continue
        behind = [cell.source for cell in lesson.code[place + 1:]]
        if entry.kind == "predict":
            if lesson.code[place].source.strip() != f'predict("{id}", None)':
                yield f'the cell of {id} is not exactly predict("{id}", None)'
            if not any(f'compare("{id}"' in source for source in behind):
                yield f"exercise {id} is never compared"
        elif f'check("{id}"' not in "".join(behind[:1]):
            yield f"no check of {id} in the code cell behind it"
        if any(f'use("{id}"' in source for source in behind) and entry.package is None:
            yield f"exercise {id} is used, but its registry entry has no package"


def fresh(lesson):
    """The stamp agrees with the code, the budget and the shipped files that it read."""
    stamp = lesson.notebook.metadata.get("minivq", {}).get("stamp")
    if stamp is None:
        yield "no stamp: build"
        return
    if stamp["budget"] != "full":
        yield f"built in the {stamp['budget']} budget, wanted full"
    if stamp["code"] != code_hash(lesson.notebook):
        yield "the code cells have changed since the build"
    if stamp["sizes"] != sizes(lesson.notebook, stamp["budget"]):
        yield "the budget has changed since the build"
    now = reads(lesson.notebook)
    for name in sorted(set(now) | set(stamp["reads"])):
        if now.get(name) != stamp["reads"].get(name):
            yield f"{name} has changed since the build"


OUTLINE = (opening, order, amount, cards, exercise_cells, fresh)
