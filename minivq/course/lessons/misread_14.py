"""What misunderstandings of lesson 14 make of three seeds on either side: behind the check of 14.5."""

import math
from statistics import fmean, stdev


def same(got, wanted):
    """A number or None, a number -> bool: equal but for rounding."""
    return got is not None and math.isclose(got, wanted, rel_tol=1e-5, abs_tol=1e-12)


def row_of(consistency, ffd, own):
    """Consistency and FFD of each seed, the reconstructions' consistency -> a row as the study writes it."""
    return {"stage": {"consistency": own},
            "seeds": [{"consistency": c, "ffd_256": d} for c, d in zip(consistency, ffd, strict=True)]}


LOW = row_of((0.31, 0.35, 0.30), (900.0, 950.0, 910.0), 0.97)
HIGH = row_of((0.70, 0.77, 0.72), (400.0, 420.0, 380.0), 0.95)


def misread_gain(got, right):
    """The gain that an answer gives, and the right one -> None, or what it is instead."""
    low, high = ([one["consistency"] for one in row["seeds"]] for row in (LOW, HIGH))
    rows = {
        "the gain is turned round: after minus before": fmean(low) - fmean(high),
        "the gain is that of the best seeds: whoever may choose among three has always gained": max(high) - max(low),
        "the gain compares the best seed with the mean of the others' side": max(high) - fmean(low),
        "the gain compares the best seed with the worst": max(high) - min(low),
        "the gain is that of the first seeds alone": high[0] - low[0],
        "the gain is that of the reconstructions: wanted is that of the samples":
            HIGH["stage"]["consistency"] - LOW["stage"]["consistency"],
        "the gain is a ratio: wanted is the difference": fmean(high) / fmean(low),
    }
    said = next((said for said, wrong in rows.items() if same(got, wrong)), None)
    return said or (None if same(got, right) else f"the gain is {got}, wanted {right:.4f}")


def misread_error(got, right):
    """The same for the standard error."""
    ends = [[one["consistency"] for one in row["seeds"]] for row in (LOW, HIGH)]
    a, b = (stdev(end) for end in ends)
    p, q = (math.sqrt(fmean((x - fmean(end))**2 for x in end)) for end in ends)
    rows = {
        "this is the deviation of single seeds: the standard error of a mean is smaller by the root of their number":
            math.hypot(a, b),
        "these are deviations, added: the standard error of a mean is smaller by the root of their number": a + b,
        "the two errors are added: independent ones add as squares": (a + b) / math.sqrt(3),
        "this is the error of one end alone: both means are uncertain": a / math.sqrt(3),
        "this is the error of the second end alone: both means are uncertain": b / math.sqrt(3),
        "divided by the number of seeds, not by its root": math.hypot(a, b) / 3,
        "the squares of deviations are divided by the number of seeds: by one less, since the mean was taken from them":
            math.hypot(p, q) / math.sqrt(3),
        "the last root is missing": (a * a + b * b) / 3,
        "all seeds are thrown together: the difference between the ends is no uncertainty":
            stdev(ends[0] + ends[1]) / math.sqrt(6),
    }
    said = next((said for said, wrong in rows.items() if same(got, wrong)), None)
    return said or (None if same(got, right) else f"the error is {got}, wanted {right:.4f}")
