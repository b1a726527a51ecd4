"""The *Check* section of a lesson: what was built there equals what `minivq` has."""

import re

import torch

from minivq.course.exercises import origin
from minivq.course.names import path_of


def equal(lesson, rows):
    """Print the table of the *Check* section, and fail where a row is not equal.

    A row is `(name, mine, theirs)`, bit for bit, or `(name, mine, theirs, tolerance)`, the largest absolute
    difference allowed (integers are compared exactly in any case). `mine` and `theirs` are results: tensors,
    numbers, texts, or lists, tuples and dicts of them. `name` begins with the name of the part
    ("straight_through", "straight_through gradient"); if the part came from `use`, the last column says
    *yours* or *package*, else *lesson*.

        equal("03", [
            ("straight_through", straight_through(z_e, z_q), minivq.quantize.straight_through(z_e, z_q)),
            ("Encoder", mine(x), theirs(x), 1e-10),
            ("vqvae_step five losses", losses_mine, losses_theirs),
        ])

    Raises AssertionError naming the rows that are not equal, ValueError for a row of another length.
    """
    lines, unequal = [], []
    for row in rows:
        if len(row) not in (3, 4):
            raise ValueError(f"a row has {len(row)} entries, wanted (name, mine, theirs) or with a tolerance")
        name, mine, theirs, tolerance = (*row, 0.0)[:4]
        part = re.match(r"[\w.]*", name).group().split(".")[-1]
        difference = largest_difference(mine, theirs)
        same = difference <= tolerance
        text = {0.0: "0", float("inf"): "another form"}.get(difference, f"{difference:.1e}")
        said = ("yes, " if same else "no, ") + ("bit for bit" if tolerance == 0 else f"to {tolerance:.0e}")
        lines.append((name, path_of(part) or "minivq", text, said, origin(part)))
        if not same:
            unequal.append(name)
    head = ("built here", "equal to", "largest difference", "equal", "from")
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(5)]
    print(f"Lesson {str(lesson).zfill(2)}: what was built here against the package")
    for line in [head, tuple("-" * width for width in widths), *lines]:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    if any(line[4] == "package" for line in lines):
        print("package: the exercise is not solved yet, so this row compares the package with itself")
    assert not unequal, f"not equal to the package: {', '.join(unequal)}"


def largest_difference(mine, theirs):
    """nested results, nested results -> float: largest absolute difference, inf for another form or nan."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        if list(mine) != list(theirs):
            return float("inf")
        return max((largest_difference(mine[key], theirs[key]) for key in mine), default=0.0)
    if isinstance(mine, (list, tuple)) and isinstance(theirs, (list, tuple)):
        if len(mine) != len(theirs):
            return float("inf")
        return max((largest_difference(a, b) for a, b in zip(mine, theirs, strict=True)), default=0.0)
    if isinstance(mine, str) or isinstance(theirs, str) or mine is None or theirs is None:
        return 0.0 if mine == theirs else float("inf")
    a, b = torch.as_tensor(mine).detach().cpu(), torch.as_tensor(theirs).detach().cpu()
    if a.shape != b.shape or a.is_floating_point() != b.is_floating_point():
        return float("inf")
    if isinstance(mine, torch.Tensor) and isinstance(theirs, torch.Tensor) and a.dtype != b.dtype:
        return float("inf")
    if not a.is_floating_point() and not a.is_complex():
        return 0.0 if torch.equal(a, b) else float("inf")
    difference = (a.double() - b.double()).abs().nan_to_num(nan=float("inf"))
    return difference.max().item() if difference.numel() else 0.0
