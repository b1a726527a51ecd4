"""The table of lessons in the README: number, question, minutes and memory, each as the lesson itself says."""

import re

import nbformat

from minivq.course import execute

ROWS = re.compile(r"(?<=<!-- lessons: begin; minutes on 2 cores and peak memory, measured -->\n).*?"
                  r"(?=<!-- lessons: end -->)", re.DOTALL)
QUESTION = re.compile(r"^\*(.+)\*$", re.MULTILINE)
MEASURED = re.compile(r"<!-- budget -->full (?P<full>.+?), (?P<memory>\d+) MB; fast (?P<fast>.+?), (?P<less>\d+) MB;")


def row(path) -> str:
    """One lesson -> its row; nothing for one that was never built."""
    cells = nbformat.read(path, 4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    question, measured = QUESTION.search(text), MEASURED.search(text)
    if not question or not measured:
        return ""
    number, topic = path.stem.split("_", 1)
    memory = max(int(measured["memory"]), int(measured["less"])) / 1000
    return (f"| [{number} {topic}](notebooks/{path.name}) | {question[1]} | {measured['fast']} | {measured['full']} | "
            f"{memory:.1f} GB |\n")


def overview(readme: str) -> str:
    """The README with a row for every lesson."""
    return ROWS.sub(lambda _: "".join(row(path) for path in execute.lessons()), readme)


def write_overview() -> None:
    """Bring the README beside the notebooks up to date, where there is one."""
    path = execute.NOTEBOOKS.parent / "README.md"
    if path.is_file():
        path.write_text(overview(path.read_text(encoding="utf-8")), encoding="utf-8")
