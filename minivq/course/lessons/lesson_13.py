"""Exercises of lesson 13, sliding window: corners, one step of the loop, a seam, a painted map, how many steps."""

import torch

from minivq.course.exercises import Exercise, Option, wrong_form
from minivq.course.lessons.misread_13 import DRAW, N, misread_corners, misread_parts, misread_token
from minivq.transformer import Transformer, TransformerConfig
from minivq.windows import coordinates, corner
from minivq.worlds.landscapes import LABELS


def paint_one(prior, tokens, u, place, n, draw, told=None):
    """Draw token (i, j) of all pictures, in place: tokens and u (B, h, w), place (i, j), told (B, c) or None."""
    (i, j), (h, w) = place, tokens.shape[1:]
    top, left = corner(i, h, n), corner(j, w, n)
    seen = tokens[:, top:top + n, left:left + n].flatten(1)[:, :(i - top) * n + j - left]
    tokens[:, i, j] = draw(prior(seen, told)[:, -1], u[:, i, j])


def told_of(maps, place, n):
    """A map's tokens (B, h, w), (i, j) -> (B, n·n): what the window that draws (i, j) is told."""
    top, left = (corner(k, side, n) for k, side in zip(place, maps.shape[1:], strict=True))
    return maps[:, top:top + n, left:left + n].flatten(1)


def painted(H, W):
    """-> (H, W) int64, places in LABELS: a lake between mountains, with an island."""
    y, x = torch.meshgrid(torch.arange(H) / H, torch.arange(W) / H, indexing="ij")
    labels = torch.full((H, W), LABELS.index("sky"))
    labels[y > 0.34 + 0.1 * (3.1 * x).sin() + 0.03 * (11 * x).cos()] = LABELS.index("mountain")
    labels[y > 0.52] = LABELS.index("water")
    labels[(x - 0.7).square() + 16 * (y - 0.54).square() < 0.04] = LABELS.index("forest")
    labels[y > 0.86 + 0.04 * (2 * x).sin()] = LABELS.index("shore")
    return labels


def check_rules(pair):
    """(corner, coordinates): the corners of all rows of several sides, and the words for three windows."""
    if not (isinstance(pair, tuple) and len(pair) == 2 and all(callable(part) for part in pair)):
        return "wanted the pair of functions: (corner, coordinates)"
    for side, n in ((20, 16), (6, 4), (16, 16), (40, 16), (9, 2)):
        message = _corners([pair[0](place, side, n) for place in range(side)], side, n)
        if message:
            return f"corner, side {side}, n = {n}: {message}"
    message = _words(pair[1]) or _words_elsewhere(pair[1])
    return message and f"coordinates: {message}"


def _corners(got, side, n):
    right = [corner(place, side, n) for place in range(side)]
    if any(one is None or isinstance(one, float) or int(one) != one for one in got):
        odd = next(one for one in got if one is None or isinstance(one, float) or int(one) != one)
        return f"wanted whole numbers, it gives {odd!r}"
    got, places = [int(one) for one in got], range(side)
    if got == right:
        return None
    said = next((text for text, wrong in misread_corners(side, n).items() if wrong == got), None)
    place = next(k for k in places if got[k] != right[k])
    return (said and said.format(got[0], half=n // 2)) or f"place {place} gets {got[place]}, wanted {right[place]}"


def _words(coordinates_):
    grid, rows, columns = (6, 9), torch.tensor([0, 2, 1, 0]), torch.tensor([5, 0, 3, 0])
    got, right = coordinates_(rows, columns, grid, N), coordinates(rows, columns, grid, N)
    form = wrong_form(got, right)
    if form:
        return f"{form}: two words for each window"
    if torch.equal(got, right):
        return None
    if torch.equal(got, coordinates_(rows, columns.flip(0), grid, N)):
        return "coordinates without columns: windows side by side are told the same"
    if torch.equal(got, coordinates_(rows.flip(0), columns, grid, N)):
        return "coordinates without rows: windows one above the other are told the same"
    offsets = {0: "row 1 and column 1 are one word: the table cannot tell them apart",
               2: "the last row and the first column are one word: there are h - n + 1 rows, not h - n",
               6: "columns begin behind h = 6: a window of 4 has only 3 rows to stand at, and the table only 3 for it"}
    for offset, text in offsets.items():
        if torch.equal(got, torch.stack([rows, columns + offset], 1)):
            return text
    if torch.equal(got, right.flip(1)):
        return "the column comes first: wanted the row's word, then the column's"
    return f"of rows {rows.tolist()} and columns {columns.tolist()} it makes {got.tolist()}, wanted {right.tolist()}"


def _words_elsewhere(coordinates_):
    rows, columns, grid, n = torch.tensor([1, 0, 4]), torch.tensor([2, 0, 1]), (9, 5), 2
    got, right = coordinates_(rows, columns, grid, n), coordinates(rows, columns, grid, n)
    if form := wrong_form(got, right):
        return form
    if torch.equal(got, right):
        return None
    return (f"on a grid of {grid}, n = {n}, column 0 is the word {int(got[1, 1])}: wanted {grid[0] - n + 1}, whatever "
            "corners are in the batch")


def check_one(paint_one_):
    """One token of four pictures at several places, told a prefix and told nothing."""
    net = Transformer(TransformerConfig(K=97, T=N * N, layers=1, heads=2, width=16, cond_values=5, cond_length=N * N))
    for parameter in net.double().eval().requires_grad_(False).parameters():
        parameter += 0.5 * torch.randn_like(parameter)
    tokens, u, told = torch.randint(97, (4, 7, 9)), torch.rand(4, 7, 9), torch.randint(5, (4, N * N))
    for place in ((1, 5), (3, 4), (2, 7), (0, 0), (0, 3), (5, 0), (6, 8)):
        for prefix in (None, told):
            mine = tokens.clone()
            given = paint_one_(net, mine, u.clone(), place, N, DRAW, prefix)
            message = _painted(mine, tokens, given, net, u, place, prefix)
            if message:
                return f"token {place} of a grid of 7 x 9, n = {N}: {message}"
    return None


def _painted(mine, tokens, given, net, u, place, told):
    right = tokens.clone()
    paint_one(net, right, u, place, N, DRAW, told)
    if torch.equal(mine, right):
        return None
    (i, j), changed = place, mine != tokens
    if mine.shape != tokens.shape:
        return f"tokens has become of shape {tuple(mine.shape)}"
    if not changed.any():
        return ("it gives something back, and tokens is as it was: write into it" if given is not None else
                "nothing is written into tokens")
    changed[:, i, j] = False
    if changed.any():
        return "other tokens have changed, too: only tokens[:, i, j] is to be written"
    rows = misread_token(tokens, net, u, place, told, right[:, i, j])
    return next((text for text, codes in rows.items() if torch.equal(codes, mine[:, i, j])),
                f"the codes {mine[:, i, j].tolist()} are drawn, wanted {right[:, i, j].tolist()}")


def check_told(told_of_):
    """The map's part for several places, in square, wide and tall maps of tokens that are all different."""
    for h, w in ((6, 6), (6, 11), (11, 6)):
        maps = torch.arange(2 * h * w).reshape(2, h, w)
        for place in ((0, 0), (2, 1), (3, 3), (h - 1, w - 1), (1, w - 2), (h - 2, 1)):
            got, right = told_of_(maps.clone(), place, N), told_of(maps, place, N)
            if not isinstance(got, torch.Tensor) or got.shape != right.shape or not torch.equal(got, right):
                return f"a map of {h} x {w} tokens, token {place}: {_other_part(got, right, maps, place)}"
    return None


def _other_part(got, right, maps, place):
    h, w = maps.shape[1:]
    form = wrong_form(got, right)
    if isinstance(got, torch.Tensor) and got.shape == maps.flatten(1).shape:
        return "it gives the whole map: the prior was told as many words as a window has tokens"
    if form and h != w and isinstance(got, torch.Tensor) and got.ndim == 2 and got.shape[1] < N * N:
        return f"{form}: it reaches over the border. Are its rows kept inside the height, its columns inside the width?"
    if form:
        return f"{form}: n rows of n tokens, in raster order"
    for text, (top, left) in misread_parts(place, (h, w)).items():
        if torch.equal(got, maps[:, top:top + N, left:left + N].flatten(1)[:, :N * N]):
            return text
    if torch.equal(got, right.unflatten(1, (N, N)).mT.flatten(1)):
        return "column by column: the prior was told row by row"
    return f"its first word is that of another place: {int(got[0, 0])}, wanted {int(right[0, 0])}"


def check_map(painted_):
    """A map of label ids at two sizes: form, ids, a sky on top, and more than a little of four labels."""
    for H, W in ((256, 384), (384, 256)):
        got = painted_(H, W)
        form = wrong_form(got, torch.empty(H, W, dtype=torch.int64), f"the map for H = {H}, W = {W}")
        if form:
            turned = isinstance(got, torch.Tensor) and got.shape == (W, H)
            return form + (": H comes first, the height" if turned else "")
        if got.min() < 0 or got.max() >= len(LABELS):
            return f"ids from {int(got.min())} to {int(got.max())}: wanted places in LABELS, 0 to {len(LABELS) - 1}"
        share = torch.bincount(got.flatten(), minlength=len(LABELS)) / got.numel()
        if (share >= 0.01).sum() < 4:
            named = ", ".join(name for name, part in zip(LABELS, share, strict=True) if part >= 0.01)
            return f"only {named} cover a hundredth of the map or more: wanted four labels at least"
        above, below = ((rows <= 2).float().mean().item() for rows in (got[:H // 16], got[-(H // 16):]))
        if above < 0.5 or below > 0.5:
            return ("the sky lies below: row 0 is the top" if below > above else
                    "at the top at least half should be sky, cloud or sun" if above < 0.5 else
                    "at the bottom more than half is sky: paint some ground")
    return None


def check_steps(answer):
    """(step of token (3, 5), the latest step that it waits for in row 2, steps of 32 x 64 tokens), n = 16."""
    if not isinstance(answer, tuple) or len(answer) != 3:
        return "wanted three whole numbers, such as (1, 2, 3)"
    one, above, total = answer
    if (one, above) == (54, 48):
        return "steps are counted from 0 here: the first token is drawn in step 0"
    if above == 2 * 16 + 5:
        return "row 2 has to be drawn up to the window's right border, not up to the column of the token"
    if above == 2 * 16 + 16:
        return "the window of (3, 5) begins at column 0 and ends with column 15"
    if above != 2 * 16 + 15:
        return f"row 2, column 15 is the last that (3, 5) waits for. (0, 15) has step 15; (2, 15) has not step {above}"
    if one == 48 and above == 47:
        return "(3, 0) can be drawn in step 48, and so it waits for row 2 no less. Then come (3, 1), (3, 2) and so on"
    if one != 53:
        return f"(3, 0) has step 48, one after (2, 15): and (3, 5) is not {one}"
    return {560: None, 2048: "that is all tokens, one after the other", 576: "32 rows begin 16 steps apart, the first "
            "of them in step 0", 559: "that is the last step's number, and it is counted from 0"}.get(
                total, f"the last token, (31, 63), has step 31 · 16 + 63: that does not make {total} steps")


EXERCISES = (
    Exercise(
        "13.1", "predict", "Twenty rows", difficulty=1, minutes=3, points=1,
        options={
            "a": Option("0 nine times, 1, 2 and 3 once each, 4 eight times", (9, 1, 1, 1, 8), right=True),
            "b": Option("each of 0 to 4 four times: 20 rows, 5 corners", (4, 4, 4, 4, 4),
                        "Then row 3 would be the last with corner 0, and row 4 would not stand in the middle of its "
                        "window. It moves only where the token would leave its middle, and stops at the borders."),
            "c": Option("0 eight times, 1, 2 and 3 once each, 4 nine times", (8, 1, 1, 1, 9),
                        "Row 8 has exactly 8 rows above it, so its window begins at 0, too. With an even n there is no "
                        "true middle: n // 2 rows above the token, n // 2 - 1 below."),
            "d": Option("0 nine times, 1 to 4 once each, 5 seven times", (9, 1, 1, 1, 1, 7),
                        "A window that begins at 5 ends with row 20, and the last row is row 19."),
        }),
    Exercise(
        "13.2", "complete", "Where it stands", difficulty=1, minutes=12, points=3,
        check=check_rules, package=lambda: (corner, coordinates),
        hints=("First forget the borders: n // 2 places before the token. Then: not below 0, and not so far that the "
               "window ends outside. Which is the last corner that fits?",
               "The last one is side - n. min and max do the rest. Rows have side - n + 1 corners: 0 to side - n.",
               "min(max(place - n // 2, 0), side - n), and torch.stack([rows, columns + grid[0] - n + 1], 1).")),
    Exercise(
        "13.3", "complete", "One step of the loop", difficulty=2, minutes=15, points=5,
        check=check_one, package=lambda: paint_one,
        hints=("Cut the window out of all pictures, lay it out row by row, keep what comes before the token, and ask "
               "the prior. The last of its odds are those of the next token.",
               "Inside the window the token has the place (i - top) * n + (j - left).",
               "seen = tokens[:, top:top + n, left:left + n].flatten(1)[:, :before], then tokens[:, i, j] = "
               "draw(prior(seen, told)[:, -1], u[:, i, j]).")),
    Exercise(
        "13.4", "debug", "Find the seam", difficulty=2, minutes=8, points=3,
        check=check_told, package=lambda: told_of,
        hints=("Ask it for (0, 0), (0, 5), (0, 10) in a map of 8 x 20, once by hand and once by the cell. From which "
               "column on do they differ?",
               "It works in square maps. What is 8 there, and what is 20?",
               "Rows are kept inside maps.shape[1], columns inside maps.shape[2].")),
    Exercise(
        "13.5", "explore", "Paint a landscape", difficulty=2, minutes=15, points=4,
        check=check_map, package=lambda: painted,
        hints=("Begin with all sky: torch.full((H, W), world.LABELS.index(\"sky\")). Then paint from far to near.",
               "y, x = torch.meshgrid(torch.arange(H) / H, torch.arange(W) / H, indexing=\"ij\") says of each pixel "
               "where it is, in heights of the picture.",
               "labels[y > 0.5 + 0.1 * (3 * x).sin()] = world.LABELS.index(\"mountain\"), then water, and a shore.")),
    Exercise(
        "13.6", "prove", "How many steps", difficulty=3, minutes=12, points=4,
        check=check_steps,
        hints=("Number the steps of the first row: nothing is above it, so (0, j) has step j. When can (1, 0) be?",
               "(1, 0) waits for (0, n - 1), so it has step n; and (i, 0) has step i · n. Now go along a row.",
               "Claim: (i, j) has step i · n + j. Its left neighbour has one less. In the row above it waits for "
               "column left + n - 1 with left at most j: step (i - 1) · n + left + n - 1, which is below i · n + j.")),
)
