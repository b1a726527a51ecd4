"""Lesson 13, sliding window: misconceptions and other right answers."""

import torch

from tests.mutants import Alternative, Mutant


def corner(place, side, n):
    return min(max(place - n // 2, 0), side - n)


def coordinates(rows, columns, grid, n):
    return torch.stack([rows, grid[0] - n + 1 + columns], dim=1)


def at(rule):
    """The pair with another corner."""
    return rule, coordinates


def words(rule):
    """The pair with other coordinates."""
    return corner, rule


def one(corners=lambda i, j, h, w, n: (corner(i, h, n), corner(j, w, n)), seen=lambda view, k: view.flatten(1)[:, :k],
        pick=lambda logits, k, i, j, w, n: logits[:, -1], tell=True, number=lambda u, i, j: u[:, i, j],
        write=lambda tokens, i, j, codes: tokens[:, i, j].copy_(codes), codes=lambda drawn, logits: drawn):
    """paint_one with one thing wrong."""
    def paint_one(prior, tokens, u, place, n, draw, told=None):
        (i, j), (h, w) = place, tokens.shape[1:]
        top, left = corners(i, j, h, w, n)
        k = (i - top) * n + j - left
        logits = prior(seen(tokens[:, top:top + n, left:left + n], k), told if tell else None)
        logits = pick(logits, k, i, j, w, n)
        write(tokens, i, j, codes(draw(logits, number(u, i, j)), logits))
    return paint_one


def whole(pick):
    """The whole window goes in, and the odds are read off some place of it."""
    return one(seen=lambda view, k: view.flatten(1)[:, :-1], pick=pick)


def first_only(tokens, i, j, codes):
    tokens[0, i, j] = codes[0]


def new_grid(prior, tokens, u, place, n, draw, told=None):
    tokens = tokens.clone()
    one()(prior, tokens, u, place, n, draw, told)
    return tokens


def whole_row(tokens, i, j, codes):
    tokens[:, i, j:] = codes[:, None]


def whole_past(prior, tokens, u, place, n, draw, told=None):
    """All tokens of the picture before this one: more than the prior has positions for."""
    i, j = place
    seen = tokens.flatten(1)[:, :i * tokens.shape[2] + j]
    tokens[:, i, j] = draw(prior(seen, told)[:, -1], u[:, i, j])


def one_by_one(prior, tokens, u, place, n, draw, told=None):
    """The same, a picture at a time, with the whole window and the odds of its place."""
    (i, j), (h, w) = place, tokens.shape[1:]
    top, left = max(0, min(i - n // 2, h - n)), max(0, min(j - n // 2, w - n))
    for b in range(len(tokens)):
        window = tokens[b:b + 1, top:top + n, left:left + n].reshape(1, -1)[:, :-1]
        logits = prior(window, None if told is None else told[b:b + 1])[:, (i - top) * n + j - left]
        tokens[b, i, j] = draw(logits, u[b:b + 1, i, j])[0]


def part(corners, order=lambda view: view.flatten(1)):
    """told_of with other corners or another order."""
    def told_of(maps, place, n):
        top, left = corners(*place, *maps.shape[1:], n)
        return order(maps[:, top:top + n, left:left + n])
    return told_of


def right(i, j, h, w, n):
    return corner(i, h, n), corner(j, w, n)


def by_gather(maps, place, n):
    (i, j), (h, w) = place, maps.shape[1:]
    rows, columns = corner(i, h, n) + torch.arange(n), corner(j, w, n) + torch.arange(n)
    return maps.flatten(1)[:, (rows[:, None] * w + columns).flatten()]


def layers(H, W, ids=(0, 4, 6, 9), kind=torch.int64):
    """Bands of labels from top to bottom."""
    return torch.tensor(ids, dtype=kind).repeat_interleave(-(-H // len(ids)))[:H, None].expand(H, W).clone()


MUTANTS = [
    Mutant("13.2", "no clamp", at(lambda k, side, n: k - n // 2), "nothing stops it"),
    Mutant("13.2", "stopped in front alone", at(lambda k, side, n: max(k - n // 2, 0)), "stopped in front alone"),
    Mutant("13.2", "stopped at the end alone", at(lambda k, side, n: min(k - n // 2, side - n)), "at the end alone"),
    Mutant("13.2", "clamp to h - n + 1", at(lambda k, side, n: min(max(k - n // 2, 0), side - n + 1)),
           "may begin at side - n + 1"),
    Mutant("13.2", "one row never seen", at(lambda k, side, n: max(min(k - n // 2, side - n - 1), 0)), "last row"),
    Mutant("13.2", "centre n//2 - 1", at(lambda k, side, n: min(max(k - n // 2 + 1, 0), side - n)),
           "one place less before it"),
    Mutant("13.2", "the token last", at(lambda k, side, n: min(max(k - n + 1, 0), side - n)), "the last of its window"),
    Mutant("13.2", "the token first", at(lambda k, side, n: min(k, side - n)), "the first of its window"),
    Mutant("13.2", "tiles", at(lambda k, side, n: min(k // n * n, side - n)), "these are tiles"),
    Mutant("13.2", "half a place", at(lambda k, side, n: min(max(k - n / 2, 0), side - n)), "wanted whole numbers"),
    Mutant("13.2", "coordinates without columns", words(
        lambda rows, columns, grid, n: torch.stack([rows, rows + grid[0] - n + 1], 1)), "windows side by side"),
    Mutant("13.2", "coordinates without rows", words(
        lambda rows, columns, grid, n: torch.stack([columns, columns + grid[0] - n + 1], 1)), "one above the other"),
    Mutant("13.2", "one word for rows and columns", words(
        lambda rows, columns, grid, n: torch.stack([rows, columns], 1)), "row 1 and column 1 are one word"),
    Mutant("13.2", "columns one too early", words(
        lambda rows, columns, grid, n: torch.stack([rows, columns + grid[0] - n], 1)), "the last row and the first"),
    Mutant("13.2", "columns behind h", words(
        lambda rows, columns, grid, n: torch.stack([rows, columns + grid[0]], 1)), "only 3 rows to stand at"),
    Mutant("13.2", "columns behind the rows of this batch", words(
        lambda rows, columns, grid, n: torch.stack([rows, columns + rows.max() + 1], 1)), "whatever corners are in"),
    Mutant("13.2", "columns behind n - 1 rows", words(
        lambda rows, columns, grid, n: torch.stack([rows, columns + n - 1], 1)), "column 0 is the word 1: wanted 8"),
    Mutant("13.2", "the column first", words(
        lambda rows, columns, grid, n: coordinates(rows, columns, grid, n).flip(1)), "the column comes first"),
    Mutant("13.2", "one number for both", words(
        lambda rows, columns, grid, n: rows * (grid[1] - n + 1) + columns), "two words for each window"),
    Mutant("13.2", "one function", corner, "the pair of functions"),
    Mutant("13.3", "idx[:, i, j] = ix for one picture only", one(write=first_only), "only the first picture"),
    Mutant("13.3", "the first one's token for all", one(codes=lambda drawn, logits: drawn[:1].expand(len(drawn))),
           "all pictures get the token of the first"),
    Mutant("13.3", "tokens after (i, j) in sight", whole(lambda logits, k, i, j, w, n: logits[:, -1]),
           "tokens after (i, j) were in sight"),
    Mutant("13.3", "absolute for window-relative position", whole(lambda logits, k, i, j, w, n: logits[:, i * n + j]),
           "counted from the picture's border"),
    Mutant("13.3", "the place in the whole picture", whole(lambda logits, k, i, j, w, n: logits[:, i * w + j]),
           "that in the whole picture"),
    Mutant("13.3", "one place too early", whole(lambda logits, k, i, j, w, n: logits[:, k - 1]), "one place too early"),
    Mutant("13.3", "one place too late", whole(lambda logits, k, i, j, w, n: logits[:, k + 1]), "one place too late"),
    Mutant("13.3", "column by column", one(seen=lambda view, k: view.mT.flatten(1)[:, :k]), "have changed places"),
    Mutant("13.3", "told nothing", one(tell=False), "the prefix is not passed on"),
    Mutant("13.3", "the likeliest", one(codes=lambda drawn, logits: logits.argmax(-1)), "u decides"),
    Mutant("13.3", "one number", one(number=lambda u, i, j: u[:1, i, j].expand(len(u))), "each has its own"),
    Mutant("13.3", "another place's number", one(number=lambda u, i, j: u[:, 0, 0]), "the number of another place"),
    Mutant("13.3", "columns inside the height", one(corners=lambda i, j, h, w, n: (corner(i, h, n), corner(j, h, n))),
           "kept inside the height"),
    Mutant("13.3", "tiles", one(corners=lambda i, j, h, w, n: (min(i // n * n, h - n), min(j // n * n, w - n))),
           "the window stands on tiles"),
    Mutant("13.3", "the whole past", whole_past, "the window alone should be"),
    Mutant("13.3", "a new grid", new_grid, "write into it"),
    Mutant("13.3", "drawn and forgotten", one(write=lambda tokens, i, j, codes: None), "nothing is written"),
    Mutant("13.3", "the rest of the row, too", one(write=whole_row), "only tokens[:, i, j] is to be written"),
    Mutant("13.4", "as it is shown", part(lambda i, j, h, w, n: (corner(i, h, n), corner(j, h, n))), "stands still"),
    Mutant("13.4", "rows inside the width", part(lambda i, j, h, w, n: (corner(i, w, n), corner(j, w, n))),
           "its rows kept inside the height"),
    Mutant("13.4", "tiles of the map", part(lambda i, j, h, w, n: (min(i // n * n, h - n), min(j // n * n, w - n))),
           "cut into tiles"),
    Mutant("13.4", "begins with the token", part(lambda i, j, h, w, n: (min(i, h - n), min(j, w - n))),
           "begins with the token itself"),
    Mutant("13.4", "the whole map", lambda maps, place, n: maps.flatten(1), "the whole map"),
    Mutant("13.4", "column by column", part(right, lambda view: view.mT.flatten(1)), "column by column"),
    Mutant("13.4", "not laid out", part(right, lambda view: view), "in raster order"),
    Mutant("13.5", "floats", lambda H, W: layers(H, W, kind=torch.float32), "wanted int64"),
    Mutant("13.5", "width first", lambda H, W: layers(W, H), "H comes first"),
    Mutant("13.5", "one label", lambda H, W: torch.zeros(H, W, dtype=torch.int64), "wanted four labels"),
    Mutant("13.5", "no such label", lambda H, W: layers(H, W, (0, 4, 9, 12)), "ids from 0 to 12"),
    Mutant("13.5", "upside down", lambda H, W: layers(H, W).flip(0), "the sky lies below"),
    Mutant("13.5", "no sky", lambda H, W: layers(H, W, (4, 5, 6, 9)), "at the top at least half"),
    Mutant("13.6", "steps counted from 1", (54, 48, 560), "counted from 0"),
    Mutant("13.6", "row 2 up to its column", (53, 37, 560), "up to the window's right border"),
    Mutant("13.6", "one after the other", (53, 47, 2048), "all tokens, one after the other"),
    Mutant("13.6", "n steps too many", (53, 47, 576), "the first of them in step 0"),
    Mutant("13.6", "the last step's number", (53, 47, 559), "counted from 0"),
    Mutant("13.6", "two numbers", (53, 560), "three whole numbers"),
]

ALTERNATIVES = [
    Alternative("13.2", "inside out, by a sum", (lambda k, side, n: sorted((0, k - n // 2, side - n))[1],
                lambda rows, columns, grid, n: torch.cat([rows[:, None], columns[:, None] + (grid[0] - n + 1)], 1))),
    Alternative("13.3", "a picture at a time, the whole window", one_by_one),
    Alternative("13.4", "by numbers of places", by_gather),
    Alternative("13.5", "bands", layers),
]
