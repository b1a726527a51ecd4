"""Lesson 14, ablation: misconceptions and other right answers."""

import math
from statistics import fmean, pstdev, stdev

import torch

from tests.mutants import Alternative, Mutant

LN2 = math.log(2)


def bits(unit=LN2, area=lambda f: f**2):
    """bits_of with one thing wrong."""
    def bits_of(nats, f):
        return nats / unit / area(f)
    return bits_of


def seen(tokens=lambda h: h * h, share=lambda n, h: min(n, h)**2 / h**2, end=lambda tokens, share: (tokens, share)):
    """reach with one thing wrong."""
    def reach(side, f, n):
        h = side // f
        return end(tokens(h), share(n, h))
    return reach


def of_pixels(side, f, n):
    """The same in pixels, as the package has it."""
    return (side // f)**2, min(1.0, (n * f / side)**2)


def places(side, f, n):
    """The same by counting."""
    inside = torch.zeros(side // f, side // f)
    inside[:n, :n] = 1
    return inside.numel(), inside.mean()


def columns(differ, names=lambda rows: rows[0], leave=lambda changed, measured: (*changed, *measured), order=list):
    """confounds with another idea of what differs."""
    def confounds(rows, changed, measured):
        return order(name for name in names(rows) if name not in leave(changed, measured) and differ(rows, name))
    return confounds


def ends(rows, name):
    """What the cell of the lesson compares."""
    return rows[0][name] != rows[-1][name]


def anywhere(rows, name):
    return any(row.get(name) != rows[0].get(name) for row in rows)


def everywhere(rows, name):
    return all(row.get(name) != rows[0].get(name) for row in rows[1:])


def first_two(rows, name):
    return rows[0].get(name) != rows[1].get(name)


def numbers_only(rows, name):
    return anywhere(rows, name) and not isinstance(rows[0].get(name), str)


def by_tenths(rows, name):
    values = [row.get(name) for row in rows]
    if any(isinstance(value, str) or value is None for value in values):
        return anywhere(rows, name)
    return max(values) > 1.1 * min(values)


def strictly(rows, name):
    return any(row[name] != rows[0][name] for row in rows)


def among_those_who_say(rows, name):
    return len({row[name] for row in rows if name in row}) > 1


def all_names(rows):
    return dict.fromkeys(name for row in rows for name in row)


def by_pairs(rows, changed, measured):
    """Each row against the one before it."""
    found = []
    for before, after in zip(rows[:-1], rows[1:], strict=True):
        found += [name for name in all_names(rows) if before.get(name, "?") != after.get(name, "?")]
    return [name for name in all_names(rows) if name in found and name not in changed and name not in measured]


def judged(middle=fmean, spread=lambda end: stdev(end) / math.sqrt(len(end)), join=math.hypot, far=True, own=True,
           holds=None, turned=False, end=lambda *found: found, middle_far=fmean):
    """claim with one thing wrong."""
    def claim(before, after):
        if turned:
            before, after = after, before
        low, high = ([one["consistency"] for one in row["seeds"]] for row in (before, after))
        gain, error = middle(high) - middle(low), join(spread(low), spread(high))
        near, next_ = (middle_far(one["ffd_256"] for one in row["seeds"]) for row in (before, after))
        fine = gain >= 3 * error
        fine = fine and (next_ <= near if far is True else next_ >= near if far == "higher" else True)
        fine = fine and (not own or gain > after["stage"]["consistency"] - before["stage"]["consistency"])
        return end(gain, error, fine if holds is None else holds(gain, error))
    return claim


def by_table(before, after):
    """Reads the means that the study has written, too."""
    gain = after["consistency"]["mean"] - before["consistency"]["mean"]
    return gain, 0.0, gain > 0


def with_torch(before, after):
    """The same in tensors."""
    low, high = (torch.tensor([one["consistency"] for one in row["seeds"]], dtype=torch.float64)
                 for row in (before, after))
    far = [torch.tensor([one["ffd_256"] for one in row["seeds"]]).mean() for row in (before, after)]
    gain, error = high.mean() - low.mean(), (high.var() / len(high) + low.var() / len(low)).sqrt()
    own = after["stage"]["consistency"] - before["stage"]["consistency"]
    return gain, error, bool(gain / error >= 3) and bool(far[1] <= far[0]) and bool(gain > own)


MUTANTS = [
    Mutant("14.2", "nats per token compared across f", lambda nats, f: nats, "the nats per token themselves"),
    Mutant("14.2", "bits per token", bits(area=lambda f: 1), "these are bits per token"),
    Mutant("14.2", "nats per pixel", bits(unit=1.0), "a bit is ln 2 nats"),
    Mutant("14.2", "times ln 2", bits(unit=1 / LN2), "multiplied by ln 2"),
    Mutant("14.2", "f pixels", bits(area=lambda f: f), "f x f pixels, not for f"),
    Mutant("14.2", "times f²", bits(area=lambda f: f**-2), "share what it costs"),
    Mutant("14.2", "log 10", bits(unit=math.log(10)), "to base 10"),
    Mutant("14.2", "e to the nats", lambda nats, f: math.exp(nats) / f**2, "nats are a logarithm already"),
    Mutant("14.2", "over ln K", bits(unit=math.log(512)), "ln 512"),
    Mutant("14.2", "bits per picture", bits(area=lambda f: f**2 / 64**2), "these are bits per picture"),
    Mutant("14.2", "no return", lambda nats, f: None, "wanted a number"),
    Mutant("14.3", "more than all", seen(share=lambda n, h: n**2 / h**2), "no more than the whole picture"),
    Mutant("14.3", "share of a side", seen(share=lambda n, h: min(n, h) / h), "the share of a side"),
    Mutant("14.3", "f forgotten", lambda side, f, n: ((side // f)**2, (n / side)**2), "f is forgotten"),
    Mutant("14.3", "percent", seen(share=lambda n, h: 100 * min(n, h)**2 / h**2), "in percent"),
    Mutant("14.3", "one token's share", seen(share=lambda n, h: 1 / h**2), "a single token covers"),
    Mutant("14.3", "turned round", seen(share=lambda n, h: h**2 / min(n, h)**2), "turned round"),
    Mutant("14.3", "tokens of a side", seen(tokens=lambda h: h), "tokens of one side"),
    Mutant("14.3", "side² over f", lambda side, f, n: (side**2 // f, of_pixels(side, f, n)[1]), "not for f"),
    Mutant("14.3", "pixels", lambda side, f, n: (side**2, of_pixels(side, f, n)[1]), "the pixels of the picture"),
    Mutant("14.3", "tokens of a window", lambda side, f, n: (n * n, of_pixels(side, f, n)[1]), "tokens of a window"),
    Mutant("14.3", "windows side by side", lambda side, f, n: ((side / f / n)**2, of_pixels(side, f, n)[1]),
           "side by side"),
    Mutant("14.3", "swapped", seen(end=lambda tokens, share: (share, tokens)), "the two are swapped"),
    Mutant("14.3", "the share alone", seen(end=lambda tokens, share: share), "wanted two numbers"),
    Mutant("14.4", "as it is shown", columns(ends), "only the row in the middle has another sampler"),
    Mutant("14.4", "differs in all rows", columns(everywhere), "only the row in the middle"),
    Mutant("14.4", "the first two rows", columns(first_two, all_names), "the last row has more layers"),
    Mutant("14.4", "f² claimed with a different sampler per f", columns(numbers_only, all_names), "another sampler"),
    Mutant("14.4", "nearly the same is the same", columns(by_tenths, all_names), "one step more"),
    Mutant("14.4", "f as a confound", columns(anywhere, all_names, leave=lambda changed, measured: measured),
           "changed on purpose"),
    Mutant("14.4", "scores as confounds", columns(anywhere, all_names, leave=lambda changed, measured: changed),
           "scores are meant to differ"),
    Mutant("14.4", "the first row's columns", columns(anywhere), "does not say its seed"),
    Mutant("14.4", "a row that does not say", columns(strictly), "KeyError"),
    Mutant("14.4", "forgives who does not say", columns(among_those_who_say, all_names), "does not say how many"),
    Mutant("14.4", "by the alphabet", columns(anywhere, all_names, order=sorted), "another order"),
    Mutant("14.4", "all of them", columns(lambda rows, name: True, all_names), "the same in all rows"),
    Mutant("14.4", "two names by heart", columns(anywhere, all_names, leave=lambda *_: ("f", "score")),
           "read `changed` and `measured`"),
    Mutant("14.4", "how many", lambda rows, changed, measured: 3, "wanted a list of names"),
    Mutant("14.5", "deviation for standard error", judged(spread=stdev), "deviation of single seeds"),
    Mutant("14.5", "best of three seeds", judged(middle=max), "that of the best seeds"),
    Mutant("14.5", "best against mean", judged(middle=lambda end: max(end) if end[0] > 0.5 else fmean(end)),
           "compares the best seed with the mean"),
    Mutant("14.5", "one seed", judged(middle=lambda end: end[0]), "of the first seeds alone"),
    Mutant("14.5", "before minus after", judged(turned=True), "turned round"),
    Mutant("14.5", "errors added", judged(join=lambda a, b: a + b), "independent ones add as squares"),
    Mutant("14.5", "the error of one end", judged(join=lambda a, b: a), "the error of one end"),
    Mutant("14.5", "the error of the other end", judged(join=lambda a, b: b), "the error of the second end"),
    Mutant("14.5", "over n", judged(spread=lambda end: pstdev(end) / math.sqrt(len(end))), "by one less"),
    Mutant("14.5", "over n, not its root", judged(spread=lambda end: stdev(end) / len(end)), "not by its root"),
    Mutant("14.5", "no root", judged(join=lambda a, b: a * a + b * b), "the last root is missing"),
    Mutant("14.5", "three seeds for ever", judged(spread=lambda end: stdev(end) / math.sqrt(3)), "its own number"),
    Mutant("14.5", "consistency read without FFD", judged(far=False), "one face is repeated"),
    Mutant("14.5", "FFD of the best seed", judged(middle_far=min), "not the best seed's counts"),
    Mutant("14.5", "five standard errors", judged(holds=lambda gain, error: gain >= 5 * error), "said not to hold"),
    Mutant("14.5", "a high FFD is good", judged(far="higher"), "does not hold"),
    Mutant("14.5", "without the reconstructions' own", judged(own=False), "the first stage explains it all"),
    Mutant("14.5", "larger f is better", judged(holds=lambda gain, error: True), "not better by itself"),
    Mutant("14.5", "any gain is a gain", judged(holds=lambda gain, error: gain > 0), "less than three standard errors"),
    Mutant("14.5", "reads the means", by_table, "KeyError"),
    Mutant("14.5", "the gain alone", judged(end=lambda gain, error, holds: gain), "wanted (gain, error, holds)"),
]

ALTERNATIVES = [
    Alternative("14.2", "by logarithms to base 2", lambda nats, f: math.log2(math.e) * nats / (f * f)),
    Alternative("14.2", "as a tensor", lambda nats, f: torch.tensor(nats / f**2, dtype=torch.float64) / math.log(2)),
    Alternative("14.3", "in pixels", of_pixels),
    Alternative("14.3", "by counting places", places),
    Alternative("14.4", "each row against the one before", by_pairs),
    Alternative("14.4", "by sets", lambda rows, changed, measured: [
        name for name in all_names(rows) if name not in (*changed, *measured)
        and len({row.get(name) for row in rows}) > 1]),
    Alternative("14.5", "in tensors", with_torch),
    Alternative("14.5", "by parts", judged()),
]
