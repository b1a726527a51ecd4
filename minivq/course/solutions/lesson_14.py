"""Solutions of lesson 14."""

import math
import statistics


def bits_of(nats, f):
    """nats per token at f -> bits per pixel"""
    return nats / math.log(2) / f**2


def reach(side, f, n):
    """side of a picture in px, f, window of n x n tokens -> tokens of the picture, share of it in a window"""
    h = side // f  # tokens of a side
    return h**2, min(n, h) ** 2 / h**2


def confounds(rows, changed, measured):
    """rows of a table (dicts), columns changed on purpose, columns measured -> the other columns that differ"""
    names = dict.fromkeys(name for row in rows for name in row)  # of all rows, in their order
    return [name for name in names if name not in (*changed, *measured)
            and any(name not in row or row[name] != rows[0].get(name) for row in rows)]


def claim(before, after):
    """two rows of the study -> gain in consistency, its standard error, whether the claim holds"""
    ends = [[seed["consistency"] for seed in row["seeds"]] for row in (before, after)]
    gain = statistics.fmean(ends[1]) - statistics.fmean(ends[0])
    error = math.sqrt(sum(statistics.variance(end) / len(end) for end in ends))
    ffd = [statistics.fmean(seed["ffd_256"] for seed in row["seeds"]) for row in (before, after)]
    own = after["stage"]["consistency"] - before["stage"]["consistency"]
    return gain, error, gain >= 3 * error and ffd[1] <= ffd[0] and gain > own


SOLUTIONS = {
    "14.2": bits_of,
    "14.3": reach,
    "14.4": confounds,
    "14.5": claim,
}
