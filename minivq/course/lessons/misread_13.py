"""What misunderstandings of lesson 13 make of a window: behind the checks of 13.2, 13.3 and 13.4."""

from functools import partial

import torch

from minivq.sampling import SampleConfig, draw
from minivq.windows import corner

N = 4  # tokens of a window's side in all checks
DRAW = partial(draw, config=SampleConfig(top_k=None))


def misread_corners(side, n):
    """{what is said: the corners of all places} of what is misunderstood."""
    places = range(side)
    return {
        "nothing stops it: the first window begins outside the picture, at {0}": [k - n // 2 for k in places],
        "it is stopped in front alone: the last window ends behind the picture": [max(k - n // 2, 0) for k in places],
        "it is stopped at the end alone: the first window begins at {0}": [min(k - n // 2, side - n) for k in places],
        "it may begin at side - n + 1, and then it ends one behind the picture":
            [min(max(k - n // 2, 0), side - n + 1) for k in places],
        "it may begin at side - n - 1 at most: the last row is never in sight":
            [min(max(k - n // 2, 0), side - n - 1) for k in places],
        "the token has one place less before it than n // 2 = {half}": [min(max(k - n // 2 + 1, 0), side - n)
                                                                        for k in places],
        "the token is the last of its window: nothing of what follows it could ever be in sight":
            [min(max(k - n + 1, 0), side - n) for k in places],
        "the token is the first of its window: nothing to its left is in sight": [min(k, side - n) for k in places],
        "the window moves in leaps of n: these are tiles, and at the border of one nothing is known of the other":
            [min(k - k % n, side - n) for k in places],
    }


def misread_parts(place, grid):
    """{what is said: the corner of the map's part} of what is misunderstood."""
    (i, j), (h, w) = place, grid
    return {"the map's window stands still where the tokens' window moves on: its columns are kept inside the height":
            (corner(i, h, N), corner(j, h, N)),
            "the map's window leaves the tokens' window behind: its rows are kept inside the width":
            (corner(i, w, N), corner(j, w, N)),
            "the map is cut into tiles, the tokens are not": (min(i - i % N, h - N), min(j - j % N, w - N)),
            "the part begins with the token itself": (min(i, h - N), min(j, w - N)),
            "row and column of the corner have changed places": (corner(j, w, N), corner(i, h, N))}


def misread_token(tokens, net, u, place, told, right):
    """{what is said: the codes (B,) that a misunderstanding draws at this place}."""
    (i, j), (h, w) = place, tokens.shape[1:]
    top, left = corner(i, h, N), corner(j, w, N)
    view = tokens[:, top:top + N, left:left + N]
    odds, at = net(view.flatten(1)[:, :-1], told), (i - top) * N + j - left         # (B, n², K) and where we are

    def hit(logits, numbers=u[:, i, j]):
        return DRAW(logits, numbers)

    rows = {
        "only the first picture gets its token: tokens[:, i, j] holds one for each":
            torch.where(torch.arange(len(tokens)) == 0, right, tokens[:, i, j]),
        "all pictures get the token of the first one": right[:1].expand(len(tokens)),
        "the odds are those of the window's last token: tokens after (i, j) were in sight": hit(odds[:, -1]),
        "rows and columns of the window have changed places": hit(net(view.mT.flatten(1)[:, :at], told)[:, -1]),
        "the prefix is not passed on": hit(net(view.flatten(1)[:, :at], None)[:, -1]),
        "the likeliest code is taken: u decides": odds[:, at].argmax(-1),
        "one number decides for all pictures: each has its own": hit(odds[:, at], u[:1, i, j].expand(len(tokens))),
        "the number of another place decides": hit(odds[:, at], u[:, 0, 0]),
    }
    for text, k in {"the odds are read off one place too early": at - 1, "the odds are read off one place too late":
                    at + 1, "the token's place is counted from the picture's border: inside the window it is "
                    "(i - top) * n + j - left": i * N + j, "the token's place is that in the whole picture: the window "
                    "counts its own": i * w + j}.items():
        if 0 <= k < N * N:
            rows.setdefault(text, hit(odds[:, k]))
    if 0 < i * w + j < N * N:
        rows["all tokens of the picture before it are in sight: the window alone should be"] = hit(
            net(tokens.flatten(1)[:, :i * w + j], told)[:, -1])
    for text, (y, x) in {"the window's columns are kept inside the height of the picture": (top, corner(j, h, N)),
                         "the window stands on tiles": (min(i - i % N, h - N), min(j - j % N, w - N))}.items():
        before = (i - y) * N + j - x
        if 0 <= before < N * N:
            rows[text] = hit(net(tokens[:, y:y + N, x:x + N].flatten(1)[:, :before], told)[:, -1])
    return rows
