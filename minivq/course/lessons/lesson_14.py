"""Exercises of lesson 14, ablation: what breaks at which f, two units, the window's share, an unfair table, a claim."""

import math
from statistics import fmean, variance

from minivq.course.exercises import Exercise, Option
from minivq.course.lessons.misread_14 import HIGH, LOW, misread_error, misread_gain, row_of, same


def bits_of(nats, f):
    """Nats per token, one token for f x f pixels -> bits per pixel."""
    return nats / math.log(2) / f**2


def reach(side, f, n):
    """Side of a picture in px, f, window n x n -> tokens of the picture, share of it in one window."""
    h = side // f
    return h**2, min(n, h)**2 / h**2


def confounds(rows, changed, measured):
    """Rows of a table, columns changed on purpose, columns measured -> the other columns that are not the same."""
    names = dict.fromkeys(name for row in rows for name in row if name not in (*changed, *measured))
    return [name for name in names if any(name not in row or row[name] != rows[0].get(name) for row in rows)]


def claim(before, after):
    """Two rows of the study -> gain in consistency, its standard error, whether the claim holds."""
    ends = [[one["consistency"] for one in row["seeds"]] for row in (before, after)]
    gain = fmean(ends[1]) - fmean(ends[0])
    error = math.sqrt(sum(variance(end) / len(end) for end in ends))
    far = [fmean(one["ffd_256"] for one in row["seeds"]) for row in (before, after)]
    own = after["stage"]["consistency"] - before["stage"]["consistency"]
    return gain, error, gain >= 3 * error and far[1] <= far[0] and gain > own


def _number(got):
    """Whatever an answer gives -> float, or None where it is no number."""
    try:
        return float(got)
    except (TypeError, ValueError):
        return None


def check_bits(bits_of_):
    """Nats per token at several f -> bits per pixel."""
    cases = [(3.0, 8), (2.0, 2), (1.7, 1), (5.1, 16)]
    found = [_number(bits_of_(nats, f)) for nats, f in cases]
    if None in found:
        return f"wanted a number, it gives {bits_of_(*cases[0])!r}"
    if all(same(got, bits_of(*case)) for got, case in zip(found, cases, strict=True)):
        return None
    ln2 = math.log(2)
    rows = {
        "these are the nats per token themselves: at another f a token stands for another number of pixels":
            lambda nats, f: nats,
        "these are bits per token: at another f a token stands for another number of pixels":
            lambda nats, f: nats / ln2,
        "these are nats per pixel: a bit is ln 2 nats": lambda nats, f: nats / f**2,
        "nats are multiplied by ln 2: a bit is ln 2 nats, so there are more bits than nats":
            lambda nats, f: nats * ln2 / f**2,
        "a token stands for f x f pixels, not for f": lambda nats, f: nats / ln2 / f,
        "it is multiplied by f²: the f² pixels of a token share what it costs": lambda nats, f: nats / ln2 * f**2,
        "the logarithm to base 10: bits want base 2": lambda nats, f: nats / math.log(10) / f**2,
        "it grows with 2^nats: nats are a logarithm already": lambda nats, f: 2**nats / f**2,
        "it grows with e^nats: nats are a logarithm already": lambda nats, f: math.exp(nats) / f**2,
        "it depends on ln 512: what all codes alike would cost has no part in it":
            lambda nats, f: nats / math.log(512) / f**2,
        "it counts the tokens of a picture of 64 px: these are bits per picture":
            lambda nats, f: nats / ln2 * (64 / f)**2,
    }
    for said, wrong in rows.items():
        if all(same(got, wrong(*case)) for got, case in zip(found, cases, strict=True)):
            return said
    return f"{cases[0][0]} nats per token at f = {cases[0][1]} become {found[0]:.4f}, wanted {bits_of(*cases[0]):.4f}"


def check_reach(reach_):
    """Sides, f and windows -> tokens of a picture, share of it in a window; windows larger than the grid among them."""
    cases = [(64, 2, 8), (64, 8, 8), (64, 1, 8), (96, 4, 6), (64, 16, 8), (256, 16, 16)]
    found = []
    for case in cases:
        got = reach_(*case)
        if not (isinstance(got, (tuple, list)) and len(got) == 2) or None in (pair := [_number(one) for one in got]):
            return f"wanted two numbers, (tokens, share), it gives {got!r}"
        found.append(pair)
    wanted = [reach(*case) for case in cases]
    if any(same(a, d) and same(b, c) for (a, b), (c, d) in zip(found, wanted, strict=True) if c != d):
        return "the two are swapped: wanted (tokens, share)"
    for place, said in ((0, _tokens), (1, _share)):
        for case, got, right in zip(cases, found, wanted, strict=True):
            if not same(got[place], right[place]):
                return said([pair[place] for pair in found], cases) or (
                    f"side {case[0]}, f = {case[1]}, n = {case[2]}: {('tokens', 'share')[place]} {got[place]:g}, "
                    f"wanted {right[place]:g}")
    return None


def _all(found, cases, wrong):
    return all(same(got, wrong(*case)) for got, case in zip(found, cases, strict=True))


def _tokens(found, cases):
    rows = {
        "these are the tokens of one side: rows times columns make the picture": lambda side, f, n: side // f,
        "a token stands for f x f pixels, not for f": lambda side, f, n: side**2 // f,
        "these are the pixels of the picture": lambda side, f, n: side**2,
        "these are the tokens of a window": lambda side, f, n: n**2,
        "these are the windows that lie side by side: the loop of lesson 13 draws one token for each window, "
        "so count tokens": lambda side, f, n: (side / f / n)**2,
        "these are the corners where a window can stand: count tokens": lambda side, f, n: max(1, side // f - n + 1)**2,
    }
    return next((said for said, wrong in rows.items() if _all(found, cases, wrong)), None)


def _share(found, cases):
    rows = {
        "a window that is larger than the grid is counted whole: there is no more than the whole picture to see":
            lambda side, f, n: (n * f / side)**2,
        "this is the share of a side: the window is narrower and lower": lambda side, f, n: min(1.0, n * f / side),
        "f is forgotten: a window of n tokens is n · f pixels wide": lambda side, f, n: (n / side)**2,
        "this is in percent: wanted a share of 1": lambda side, f, n: 100 * reach(side, f, n)[1],
        "this is what a single token covers": lambda side, f, n: (f / side)**2,
        "this is turned round: how many windows a picture would hold": lambda side, f, n: 1 / reach(side, f, n)[1],
    }
    return next((said for said, wrong in rows.items() if _all(found, cases, wrong)), None)


TABLE = [{"f": 2, "steps": 500, "sampler": "plain", "layers": 4, "score": 0.3},
         {"f": 4, "steps": 500, "sampler": "fast", "layers": 4, "score": 0.5},
         {"f": 8, "steps": 500, "sampler": "plain", "layers": 4, "score": 0.7}]


def _with(**columns):
    """TABLE with other columns; None: the row does not have it."""
    rows = [row | {name: values[i] for name, values in columns.items()} for i, row in enumerate(TABLE)]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def check_confounds(confounds_):
    """Five small tables: a middle row, words, a last row, a row that does not say, and a fair one."""
    changed, measured, plain = ("f",), ("score",), {"sampler": ["plain"] * 3}
    cases = [
        (_with(), ["sampler"], "only the row in the middle has another sampler"),
        (_with(**plain), [], "nothing but f was changed"),
        (_with(**plain, steps=[500, 900, 500]), ["steps"], "only the row in the middle has other steps"),
        (_with(**plain, layers=[4, 4, 6]), ["layers"], "the last row has more layers"),
        (_with(**plain, steps=[500, 501, 500]), ["steps"], "the row in the middle has one step more"),
        (_with(steps=[100, 300, 500], layers=[2, 4, 6]), ["steps", "sampler", "layers"], "three columns differ"),
        (_with(**plain, layers=[4, None, 4]), ["layers"], "the row in the middle does not say how many layers it had"),
        (_with(**plain, seed=[None, 0, 0]), ["seed"], "the first row does not say its seed"),
    ]
    for rows, wanted, what in cases:
        try:
            got = confounds_([dict(row) for row in rows], changed, measured)
        except KeyError as error:
            return f"{what}, and it raises KeyError: {error}. Who does not say is not the same as the others"
        if not isinstance(got, (list, tuple)) or not all(isinstance(name, str) for name in got):
            return f"wanted a list of names, it gives {got!r}"
        got = list(got)
        if "f" in got:
            return "f is named, and f was changed on purpose: the columns of `changed` are no confounds"
        if "score" in got:
            return "what was measured is named: scores are meant to differ"
        if sorted(got) == sorted(wanted):
            if got != wanted:
                return f"the names are right, but stand in another order than in the table: {got}, wanted {wanted}"
            continue
        missed, more = [[n for n in a if n not in b] for a, b in ((wanted, got), (got, wanted))]
        if more:
            return f"{what}, and it names {', '.join(more)}, which is the same in all rows"
        return f"{what}, and it does not name {', '.join(missed)}: look at every row, whatever stands in it"
    fair = [{"n": 4, "f": 2, "nats": 3.1}, {"n": 8, "f": 4, "nats": 2.5}]
    if list(confounds_([dict(row) for row in fair], ("n",), ("nats",))) != ["f"]:
        return "with n changed and nats measured it does not name f alone: read `changed` and `measured`"
    return None


def check_claim(claim_):
    """Pairs of rows: a good claim, one within the errors, a set that repeats one face, a better first stage."""
    got = claim_(LOW, HIGH)
    if not (isinstance(got, (tuple, list)) and len(got) == 3):
        return f"wanted (gain, error, holds), it gives {got!r}"
    message = (misread_gain(_number(got[0]), claim(LOW, HIGH)[0])
               or misread_error(_number(got[1]), claim(LOW, HIGH)[1]))
    if message:
        return message
    more = row_of((0.31, 0.35, 0.30, 0.36, 0.33), (900.0,) * 5, 0.97)         # five seeds against three
    if not same(_number(claim_(more, HIGH)[1]), claim(more, HIGH)[1]):
        return "with five seeds on one side and three on the other the error is wrong: each side has its own number"
    noisy = row_of((0.37, 0.525, 0.45), (600.0, 640.0, 610.0), 0.96)
    edge = row_of((0.39, 0.525, 0.45), (600.0, 640.0, 610.0), 0.96)
    risen = row_of((0.70, 0.77, 0.72), (800.0, 1200.0, 1000.0), 0.95)         # the mean has, the best seed has not
    cases = [
        (LOW, HIGH, "a gain of many errors, nearer to real faces, with reconstructions that stay, does not hold"),
        (HIGH, LOW, "what got worse is said to hold: a larger f is not better by itself"),
        (LOW, noisy, "the gain is less than three standard errors, and it is said to hold"),
        (LOW, edge, "the gain is more than three standard errors, and it is said not to hold"),
        (LOW, row_of((0.99, 1.0, 0.98), (5000.0, 5100.0, 5050.0), 0.95),
         "the FFD has risen many times over, as where one face is repeated, and the claim is said to hold"),
        (LOW, risen, "the mean FFD has risen, and the claim is said to hold: not the best seed's counts"),
        (row_of((0.31, 0.35, 0.30), (900.0, 950.0, 910.0), 0.4), HIGH,
         "the reconstructions themselves have gained more than the samples, so the first stage explains it all, and "
         "the claim is said to hold"),
    ]
    for before, after, said in cases:
        if bool(claim_(before, after)[2]) != claim(before, after)[2]:
            return said
    return None


EXERCISES = (
    Exercise(
        "14.1", "predict", "Which f breaks which attribute?", difficulty=2, minutes=4, points=2,
        options={
            "a": Option("irises from f = 2 on, earrings from 4 on", (2, 4),
                        "The windows are 16 and 32 px wide, which would do. But a token stands in the middle of its "
                        "window, so only half of it lies to its left."),
            "b": Option("irises from f = 4 on, earrings from 8 on", (4, 8), right=True),
            "c": Option("both from f = 8 on: only the whole face will do", (8, 8),
                        "An earring needs it, its pair is nearly half a picture away. The eyes are near each other, "
                        "and half a window of 32 px is enough."),
            "d": Option("both from f = 16 on: the larger f, the better", (16, 16),
                        "At f = 8 the window holds the whole grid already. From there on a larger f shows nothing "
                        "more, and each token has four times as much to carry."),
        }),
    Exercise(
        "14.2", "complete", "From nats per token to bits per pixel", difficulty=1, minutes=6, points=2,
        check=check_bits, package=lambda: bits_of,
        hints=("Two steps: what is a nat in bits, and how many pixels share a token?",
               "A nat is 1 / ln 2 bits, and f x f pixels share a token.", "nats / math.log(2) / f**2")),
    Exercise(
        "14.3", "complete", "What a window covers", difficulty=1, minutes=8, points=2,
        check=check_reach, package=lambda: reach,
        hints=("Count in tokens first: how many rows has the grid, and how many of them has the window?",
               "At f = 16 a face of 64 px has 4 rows of tokens. A window of 8 cannot show more than those 4.",
               "h = side // f; h**2 tokens; the window has min(n, h)**2 of them.")),
    Exercise(
        "14.4", "debug", "An unfair table", difficulty=2, minutes=10, points=3,
        check=check_confounds, package=lambda: confounds,
        hints=("Which rows does the cell look at? Print the column of steps.",
               "A column is the same only if it is the same in every row. And a row that lacks it? row.get(name) gives "
               "None there.",
               "Collect the names of all rows, in their order; keep those for which "
               "any(row.get(name) != rows[0].get(name) for row in rows).")),
    Exercise(
        "14.5", "explore", "One claim, with its error", difficulty=3, minutes=20, points=5,
        check=check_claim, package=lambda: claim,
        hints=("The seeds of a row stand in row[\"seeds\"], each with its own consistency: a mean and its standard "
               "error on either side.",
               "error = sqrt(variance / number of seeds, of both sides, added); statistics.variance divides by one "
               "less than their number.",
               "holds: gain >= 3 * error, and the mean ffd_256 has not risen, and gain is larger than what "
               "row[\"stage\"][\"consistency\"] has gained.")),
)
