"""Exercises of lesson 08, scores: two clouds of features, two sides of a face, a unit, and a worthless set."""

import contextlib
import math

import torch

from minivq import metrics
from minivq.course.exercises import Exercise, Option


def _no_number(value, name):
    """None for a number or a tensor with one element, else a sentence."""
    if value is None:
        return f"{name} is None: is there a return?"
    value = value.item() if getattr(value, "numel", lambda: 0)() == 1 else value
    if isinstance(value, complex):
        return f"{name} is complex: the roots of a product's eigenvalues are real, take the real part"
    form = f"shape {tuple(value.shape)}" if hasattr(value, "shape") else f"type {type(value).__name__}"
    return None if isinstance(value, (int, float)) else f"{name} has {form}, wanted one number"


def _clouds():
    """-> two sets of features (60, 5): correlated, of unlike spread, and apart."""
    mix = torch.eye(5) + 0.5 * torch.rand(2, 5, 5)
    a, b = torch.randn(60, 5) @ mix[0] + 0.5, 1.5 * torch.randn(60, 5) @ mix[1].T - 0.25
    return a.double(), b.double()


def _misread(a, b):
    """Two sets of features -> {what is said: the value that a misunderstanding gives}."""
    A, B = a.T.cov(), b.T.cov()
    apart, spread = (a.mean(0) - b.mean(0)).square().sum(), A.trace() + B.trace()
    cross = torch.linalg.eigvals(A @ B).real.clamp_min(0).sqrt().sum()
    right = apart + spread - 2 * cross
    off = apart - (a.mean(0) - b.mean(0)).norm()
    biased, rows = (len(a) - 1) / len(a), (a.cov(), b.cov())
    across = torch.linalg.eigvals(rows[0] @ rows[1]).real.clamp_min(0).sqrt().sum()
    return {
        "the square root is taken of each entry of the product: the root of a matrix Σ is R with R @ R = Σ, and its "
        "trace is the sum of the roots of Σ's eigenvalues": apart + spread - 2 * (A @ B).sqrt().trace(),
        "only the spreads of single features are compared, as if no two hung together: A @ B is a matrix product, and "
        "its root the root of a matrix": apart + spread - 2 * (A.diag() * B.diag()).sqrt().sum(),
        "the means are left out: two clouds of one shape at different places would count as equal": right - apart,
        "the covariances are left out: only the means are compared": apart,
        "the distance of the means is not squared": right - off,
        "the last term stands there once: wanted is twice the trace of the root": right + cross,
        "there is no root: the last term is twice the trace of the product": apart + spread - 2 * (A @ B).trace(),
        "the last term is added: two equal sets would be furthest apart": right + 4 * cross,
        "the covariances are divided by N: torch.cov divides by N - 1, and so does the package":
            apart + biased * (right - apart),
        "the covariances are (N, N), of pictures with pictures: cov() wants one row for each feature, so transpose":
            apart + rows[0].trace() + rows[1].trace() - 2 * across,
        "it is the root of the distance: the Fréchet distance of the scores is left squared": right.sqrt(),
        "it is divided by the number of features: the distance adds them up": right / a.shape[1],
    }


def check_frechet(frechet):
    """Two sets (N, F) -> a number: known by hand, correlated, equal, flat, and of unequal size."""
    a, b = _clouds()
    got, right = frechet(a, b), metrics.frechet(a, b)
    if message := _no_number(got, "the distance"):
        return message
    if not math.isclose(got, right, rel_tol=1e-5):
        for said, value in _misread(a, b).items():
            if math.isclose(got, value, rel_tol=1e-5):
                return said
        return f"it gives {got:.5g} for two clouds of five features, wanted {right:.5g}"
    with contextlib.suppress(ValueError):
        frechet(a[:40], b)
        return ("sets of 40 and of 60 pictures are compared without a word: the distance falls with the number of "
                "pictures, so unequal sets are to raise ValueError")
    few = torch.randn(2, 4, 9)
    got = math.nan
    with contextlib.suppress(torch.linalg.LinAlgError):             # of a root that is nan
        got = float(frechet(*few))
    if not math.isfinite(got):
        return ("it is nan for fewer pictures than features: some eigenvalues are 0, and come out a little below. "
                "Clamp them at 0 before the root")
    if not math.isclose(got, metrics.frechet(*few), rel_tol=1e-2):
        return f"for four pictures of nine features it gives {got:.5g}, wanted {metrics.frechet(*few):.5g}"
    loud = (100 * a.float(), 100 * b.float(), 137 * a.float())             # of one alone the error may happen to be 0
    got = max((float(frechet(x, x)) for x in loud), key=abs)
    if not abs(got) < 1e-5:
        return (f"a set is at {got:.2g} from itself: with the features' own 32 bits the small difference of large "
                "numbers drowns. Go to .double() first")
    return None


# 30 pairs of 5 faces: 7 hidden, 11 agreeing, 4 disagreeing, 5 found on the left only, 3 on the right only.
LEFT = torch.tensor([[int(c) for c in row] for row in ("123014", "200130", "001211", "310200", "122103")])
RIGHT = torch.tensor([[int(c) for c in row] for row in ("121014", "200300", "021201", "013000", "112012")])


def check_consistency(consistency):
    """Readings of both sides (N, pairs) -> (share agreeing, coverage), on every kind of pair."""
    got = consistency(LEFT.clone(), RIGHT.clone())
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        return "wanted two numbers, (share of agreeing pairs, coverage): is there a return?"
    if message := _no_number(got[0], "the share") or _no_number(got[1], "the coverage"):
        return message
    share, coverage = map(float, got)
    right, covered = metrics.consistency(LEFT, RIGHT)
    near = lambda a, b: math.isclose(a, b, abs_tol=1e-5)                            # noqa: E731
    if near(share, covered) and near(coverage, right):
        return "the two are swapped: first the share of agreeing pairs, then the coverage"
    if not near(share, right):
        return next((text for text, value in _miscounted(LEFT, RIGHT).items() if near(share, value)),
                    f"the share is {share:.4f} for 30 pairs of which 23 show anything and 11 agree, wanted {right:.4f}")
    if not near(coverage, covered):
        return _miscovered(coverage)
    blank = torch.zeros(3, 2, dtype=torch.int64)
    with contextlib.suppress(ValueError):
        consistency(blank, blank)
        return ("pictures that show nothing at all get a score: 0 of 0 pairs is no number, and a set of blank pictures "
                "is not consistent. Raise ValueError")
    return None


def _miscounted(left, right):
    """-> {what is said: the share that it gives}."""
    same, either, both = left == right, (left > 0) | (right > 0), (left > 0) & (right > 0)
    share = lambda agree, counted: agree[counted].float().mean().item()            # noqa: E731
    every = torch.ones_like(same)
    by_face, by_pair = (((same & either).sum(i) / either.sum(i)).nanmean().item() for i in (1, 0))
    return {
        "hidden pairs count as agreeing: two bald halves would share their hair's colour. A pair counts if either side "
        "shows something": share(same, every),
        "only pairs that show on both sides count: an earring on one side only, half a pair of glasses, half a beard "
        "would be forgiven. These are disagreements": share(same, both),
        "a pair counts only if its left side shows something: what is found on the right side only is forgiven":
            share(same, left > 0),
        "a pair counts only if its right side shows something: what is found on the left side only is forgiven":
            share(same, right > 0),
        "what is found on one side only counts as agreeing: it is a disagreement": share(same | ~both, either),
        "it compares whether something is to be seen, not what: brown on the left and blue on the right agree":
            share(both, either),
        "it divides by all pairs, the hidden ones too: hidden pairs neither agree nor disagree":
            share(same & either, every),
        "it is the share that disagrees": share(~same, either),
        "it is the mean over faces of each face's share: a face that shows little would weigh as much as one that "
        "shows all": by_face,
        "it is the mean over attributes of each one's share: wanted is one share over all pairs that count": by_pair,
    }


def _miscovered(coverage):
    """The coverage that was given -> a sentence on what it counts."""
    shares = {7: "the share of hidden pairs", 15: "the share of pairs that show on both sides",
              20: "the share of left sides that show something", 18: "the share of right sides that show something",
              19: "the share of single sides that show something", 30: "1: all pairs, whatever they show"}
    for number, text in shares.items():
        if math.isclose(coverage, number / 30, abs_tol=1e-5):
            return f"the coverage is {text}: wanted is the share of pairs that counted"
    return f"the coverage is {coverage:.4f}, wanted {23 / 30:.4f}: 23 of 30 pairs counted"


def _grey(levels):
    """-> (B, 3, 8, 8) in [-1, 1]: pictures in grey levels from 0 to 255."""
    return torch.tensor(levels, dtype=torch.float32)[:, None, None, None].expand(-1, 3, 8, 8) / 127.5 - 1


def check_psnr(psnr):
    """Pictures in [-1, 1]: a known error, two pictures of unlike error, rounding, clamping, no error."""
    x, y = _grey([100.0]), _grey([110.0])
    got, right = psnr(x, y), 10 * math.log10(255**2 / 100)
    if message := _no_number(got, "the PSNR"):
        return message
    gap = float(got) - right
    said = {1 / 2: "it is still 6.02 dB too low: how far apart are black and white in [-1, 1]?",
            2: "now it is 6.02 dB too high: an error in [-1, 1] is at most 2, one in [0, 1] at most 1",
            0.5**0.5: "it is 3.01 dB too low: the peak goes in squared",
            127.5: "the error is counted in [-1, 1] and the peak in grey levels of 255",
            1 / 127.5: "the error is counted in grey levels and the peak in [-1, 1]",
            1 / 255: "the error is counted in grey levels and the peak in [0, 1]"}
    for factor, text in said.items():
        if math.isclose(gap, 20 * math.log10(factor), abs_tol=2e-3):
            return text
    if math.isclose(got, right * math.log(10), rel_tol=1e-4):
        return "it is the natural logarithm: decibels are ten times the logarithm to base 10"
    if math.isclose(got, right / 2, rel_tol=1e-4) or math.isclose(got, 2 * right, rel_tol=1e-4):
        return "ten times the logarithm belongs to the squared error, twenty times to its root: a factor of 2 is off"
    wrong = f"an error of ten grey levels everywhere gives {right + gap:.3f} dB, wanted {right:.3f}"
    return wrong if abs(gap) > 2e-3 else _details(psnr)


def _details(psnr):
    x, y = _grey([100.0, 100.0]), _grey([102.0, 120.0])
    one, two = (10 * math.log10(255**2 / level**2) for level in (2, 20))
    got = psnr(x, y)
    if message := _no_number(got, "the PSNR of two pictures"):
        return message
    if math.isclose(got, 10 * math.log10(255**2 / (0.5 * (2**2 + 20**2))), abs_tol=2e-3):
        return "it is the PSNR of the mean error, where one bad picture decides for all: wanted is the mean of PSNRs"
    if not math.isclose(got, (one + two) / 2, abs_tol=2e-3):
        return f"for two pictures of {one:.2f} and {two:.2f} dB it gives {got:.3f}, wanted their mean"
    for a, b, wanted, text in (
            (100.0, 110.4, 20 * math.log10(25.5), "the grey levels are no longer rounded: a file holds whole ones"),
            (250.0, 300.0, 20 * math.log10(51), "values outside [-1, 1] are no longer clamped: a saved one has none"),
            (100.0, 100.0, 99.0, "equal pictures are to count as 99 dB, as before")):
        if not math.isclose(psnr(_grey([a]), _grey([b])), wanted, abs_tol=2e-3):
            return text
    return None


def check_worthless(answer):
    """(consistency, FFD of the repeated face, the least FFD of any repeated face)."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        return "wanted three numbers: (consistency, FFD, the least FFD that any repeated face can have)"
    same, ffd, least = map(float, answer)
    near = lambda a, b: math.isclose(a, b, abs_tol=1e-3)                            # noqa: E731
    if not near(same, 1):
        return f"its consistency is not {same:g}: every copy has alike sides, so all pairs that count agree"
    said = {
        25: "for the FFD, that is the distance of the means alone: the real faces have a spread, and tr Σ stays",
        6.25: "for the FFD, that is the spread of the real ones alone: the means are (3, 4) apart, too",
        11.25: "for the FFD, the distance of the means goes in squared: 3² + 4²",
        28.5: "for the FFD, the trace adds up variances, the diagonal of Σ, not their roots",
        33.65: "for the FFD, the trace is the sum of the diagonal, not of all entries",
        32.56: "for the FFD, that is the determinant of Σ; the formula has the trace",
        0: "for the FFD, 0 belongs to two sets of one mean and one covariance: what is the covariance of copies?"}
    if not near(ffd, 31.25):
        return next((text for value, text in said.items() if near(ffd, value)),
                    f"the FFD is not {ffd:g}: with a covariance of 0 on one side, which terms are left?")
    if near(least, 0):
        return ("for the least, 0 is out of reach: a face in the very middle takes the distance of the means away, and "
                "not the spread that the copies lack")
    if near(least, 31.25):
        return "for the least, another face may be repeated: choose its features so that the first term is gone"
    if not near(least, 6.25):
        return f"the least is not {least:g}: which term does not depend on the face that is repeated?"
    return None


EXERCISES = (
    Exercise(
        "8.1", "predict", "Two rankings", difficulty=2, minutes=5, points=1,
        options={
            "a": Option("last by PSNR: blurred; first by FFD: wrong order", ("blurred", "wrong order"),
                        "A blurred face is still that face: no pixel is far off. By PSNR it lies far above any picture "
                        "of somebody else."),
            "b": Option("last by PSNR: glued; first by FFD: blurred", ("glued", "blurred"),
                        "Half of a glued picture is the original, pixel by pixel. And no real face is as soft as a "
                        "blurred one: a set without any detail has other features than a set of faces."),
            "c": Option("last by PSNR: wrong order; first by FFD: wrong order", ("wrong order", "wrong order"),
                        "Everything is wrong about each picture, and nothing about the set.", right=True),
            "d": Option("last by PSNR: wrong order; first by FFD: blurred", ("wrong order", "blurred"),
                        "PSNR is right. But FFD never hears whose portrait a picture is meant to be; it sees a set of "
                        "faces, and those in the wrong order are real ones."),
        }),
    Exercise(
        "8.2", "complete", "The distance of two clouds", difficulty=3, minutes=15, points=3,
        check=check_frechet, package=lambda: metrics.frechet,
        hints=("Four parts: squared distance of the means, two traces, and the last term. Features are columns, so the "
               "covariance is a.T.cov(). Begin with a.double(), and with a ValueError where the shapes differ.",
               "The root of a symmetric matrix: values, vectors = torch.linalg.eigh(A); root = vectors * "
               "values.clamp_min(0).sqrt() @ vectors.T. Check that root @ root is A.",
               "With R the root of Σa: tr (Σa Σb)^½ is the sum of the roots of the eigenvalues of R @ Σb @ R, which "
               "torch.linalg.eigvalsh gives; clamp them at 0 again.")),
    Exercise(
        "8.3", "complete", "Do the halves agree?", difficulty=2, minutes=10, points=3,
        check=check_consistency, package=lambda: metrics.consistency,
        hints=("Which pairs count? Those of which either side is above 0: one boolean tensor (N, pairs).",
               "left == right is True for hidden pairs as well, 0 and 0: look at it only where a pair counts.",
               "counted = (left > 0) | (right > 0); then the means of (left == right)[counted] and of counted, both as "
               "float, and a ValueError where counted has no True at all.")),
    Exercise(
        "8.4", "debug", "Six decibels", difficulty=1, minutes=8, points=3,
        check=check_psnr, package=lambda: metrics.psnr,
        hints=("Take two pictures that differ by ten grey levels everywhere, and work out by hand what PSNR should be.",
               "PSNR is 10 log10 of (span / error)²: the span is the largest error there can be. How far apart are "
               "black and white here?",
               "In [-1, 1] black and white are 2 apart: 2² / mse, or count the error in levels of 255.")),
    Exercise(
        "8.5", "prove", "Worthless, and perfect", difficulty=2, minutes=10, points=2, check=check_worthless,
        hints=("All copies have the same features. What is their mean, and what is their covariance?",
               "With Σb = 0 the root is 0 too: |μa - μb|² + tr Σa is left.",
               "3² + 4² and 4 + 2.25. For the least, move the repeated face to the mean of the real ones.")),
)
