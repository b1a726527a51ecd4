"""Solutions of lesson 13."""

import inspect

import torch


def corner(place, side, n):
    """row (or column) of a token, rows of the picture, window -> the first row of the token's window"""
    return min(max(place - n // 2, 0), side - n)


def coordinates(rows, columns, grid, n):
    """corners of windows (B,), (B,), the grid (h, w) -> (B, 2): the row's word, then the column's"""
    return torch.stack([rows, columns + grid[0] - n + 1], 1)  # behind the h - n + 1 words of rows


# Both rules in one cell: the check gets the pair.
RULES = "\n\n\n".join([
    "import torch", inspect.getsource(corner).rstrip(), inspect.getsource(coordinates).rstrip(),
    "rules = corner, coordinates"])


def paint_one(prior, tokens, u, place, n, draw, told=None):
    """tokens, u (B, h, w), place (i, j), window, draw(logits, numbers), (B, c): writes tokens[:, i, j]"""
    (i, j), (h, w) = place, tokens.shape[1:]
    top, left = corner(i, h, n), corner(j, w, n)
    before = (i - top) * n + (j - left)  # its place inside the window
    seen = tokens[:, top:top + n, left:left + n].flatten(1)[:, :before]  # (B, before)
    tokens[:, i, j] = draw(prior(seen, told)[:, -1], u[:, i, j])


def told_of(maps, place, n):
    """a map in tokens (B, h, w), (i, j) -> (B, n * n): what the window that draws (i, j) is told"""
    (i, j), (h, w) = place, maps.shape[1:]
    top, left = corner(i, h, n), corner(j, w, n)
    return maps[:, top:top + n, left:left + n].flatten(1)


def painted(H, W):
    """-> (H, W) int64: a label map; the numbers are places in world.LABELS"""
    y, x = torch.meshgrid(torch.arange(H) / H, torch.arange(W) / H, indexing="ij")
    labels = torch.zeros(H, W, dtype=torch.int64)  # sky
    labels[y > 0.3 + 0.1 * (2.5 * x).sin()] = 4  # mountain
    labels[y > 0.5 + 0.02 * (9 * x).sin()] = 6  # forest
    labels[y > 0.58] = 9  # water
    labels[y > 0.85 + 0.05 * (2 * x).cos()] = 8  # shore
    return labels


HOW_MANY_STEPS = """
# (i, j) has step i * n + j. Its left neighbour has one less. In the row above it waits for column left + n - 1, where
# left is at most j: step (i - 1) * n + left + n - 1 = i * n + left - 1, below its own; higher rows have lower numbers.
answer = (3 * 16 + 5, 2 * 16 + 15, 64 + 31 * 16)
""".strip()


SOLUTIONS = {
    "13.2": RULES,
    "13.3": paint_one,
    "13.4": told_of,
    "13.5": painted,
    "13.6": HOW_MANY_STEPS,
}
