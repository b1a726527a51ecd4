"""Notebooks with their exercises solved: for the tests, and for a teacher's eyes."""

import copy

from minivq.course.exercises import exercise

# What a teacher may take out: without it nothing can be solved, and nothing else is missing.
try:
    from minivq.course import solutions
except ImportError:
    solutions = None


def solved(notebook, training=False):
    """notebook -> a copy whose exercise cells hold the solutions, without `train` cells if not `training`.

    A cell with metadata {"minivq": {"exercise": "3.2"}} gets the solution's source, a prediction its right
    option. Raises ValueError where the solutions were taken out, or where a checked exercise has none.
    """
    if solutions is None:
        raise ValueError("minivq/course/solutions was taken out, wanted it to solve the exercises")
    notebook = copy.deepcopy(notebook)
    if not training:
        notebook.cells = [cell for cell in notebook.cells if "train" not in cell.metadata.get("tags", [])]
    for cell in notebook.cells:
        id = cell.metadata.get("minivq", {}).get("exercise")
        if cell.cell_type == "code" and id and "exercise" in cell.metadata.get("tags", []):
            cell.source = cell_source(id)
    return notebook


def cell_source(id):
    """"3.2" -> what its cell holds when solved."""
    entry = exercise(id)
    if entry.kind == "predict":
        return f'predict("{id}", "{entry.right}")'
    text = solutions.source(id)
    if not text:
        raise ValueError(f"exercise {id} has a cell to fill in but no entry in SOLUTIONS")
    return text
