"""A lesson as the rules see it: its cells, its sections, its exercises."""

from dataclasses import dataclass
from functools import cached_property


@dataclass
class Lesson:
    """A notebook with its file's name and size in bytes, and its lesson's exercises."""

    notebook: dict
    name: str
    size: int
    exercises: tuple

    @property
    def number(self):
        """Two digits: "03"."""
        return self.name[:2]

    @cached_property
    def code(self):
        """The code cells."""
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    @cached_property
    def texts(self):
        """The markdown cells."""
        return [cell for cell in self.notebook.cells if cell.cell_type == "markdown"]

    @cached_property
    def sections(self):
        """[(heading of level two, text and code behind it up to the next)], the title's part under ""."""
        found = [("", [])]
        for cell in self.notebook.cells:
            if cell.cell_type == "code":
                found[-1][1].append(cell.source)
                continue
            for line in cell.source.splitlines():
                if line.startswith("## "):
                    found.append((line[3:].strip(), []))
                else:
                    found[-1][1].append(line)
        return [(heading, "\n".join(lines)) for heading, lines in found]

    def section(self, heading):
        """The text behind a heading of level two, "" where there is none."""
        return next((text for name, text in self.sections if name == heading), "")


def tags(cell):
    """-> the tags of a cell."""
    return cell.metadata.get("tags", [])


def own(cell):
    """-> the cell's minivq metadata."""
    return cell.metadata.get("minivq", {})
