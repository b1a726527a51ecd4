"""Where a window of n x n tokens stands on a larger grid, and which tokens can be drawn together. Floor 1."""
from dataclasses import dataclass

import torch
from torch import Tensor


def corner(place: int, side: int, n: int) -> int:
    """First row (or column) of the window that draws this row (column) of `side`: in its middle, kept inside."""
    return min(max(place - n // 2, 0), side - n)


def coordinates(rows: Tensor, columns: Tensor, grid: tuple[int, int], n: int) -> Tensor:
    """Corners (B,) of windows on a grid (h, w) -> (B, 2) ids: rows first, and columns after all rows there can be."""
    return torch.stack([rows, columns + grid[0] - n + 1], 1)


def coordinate_count(grid: tuple[int, int], n: int) -> int:
    """How many ids `coordinates` has."""
    return grid[0] - n + 1 + grid[1] - n + 1


@dataclass(frozen=True)
class Window:
    """What a prior of windows was trained on: n x n tokens out of grids (h, w), told "maps", "places" or nothing."""

    n: int
    grid: tuple[int, int]
    told: str = ""


@dataclass(frozen=True)
class Stretch:
    """Tokens (row, first) to (row, last) of one row, drawn one after the other in a window that stands still."""

    row: int
    first: int
    last: int
    corner: tuple[int, int]         # row and column of the window's first token
    step: int                       # when the first of them is drawn; the others in the steps after it


def schedule(grid: tuple[int, int], window: int, stride: int = 1) -> list[Stretch]:
    """A grid (h, w) of tokens and a window of n x n -> the stretches in which all its tokens can be drawn.

    The window of token (i, j) has its corner at i - n/2, j - n/2, kept inside the grid (Esser et al. 2021, section
    3.2); with a stride it moves only every so many columns. A token needs those to its left and, of the rows above,
    the columns of its window: whatever has all it needs is drawn in the same step, at most w + (h - 1) n of them.
    """
    (h, w), n = grid, window
    done, stretches = [[0] * w for _ in range(h)], []              # the step of every token
    for i in range(h):
        j = 0
        while j < w:
            top, left = corner(i, h, n), corner(j - j % stride, w, n)
            end = next((k for k in range(j + 1, w) if corner(k - k % stride, w, n) != left), w)
            before = max(done[i][j - 1] + 1 if j else 0, done[i - 1][left + n - 1] + 1 if i else 0)
            done[i][j:end] = range(before, before + end - j)
            stretches.append(Stretch(i, j, end - 1, (top, left), before))
            j = end
    return stretches
