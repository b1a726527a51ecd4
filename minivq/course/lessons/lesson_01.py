"""Lesson 01, vector quantisation: cards, checks, hints and replies."""

import math

import torch

from minivq.course.exercises import Exercise, Option, wrong_form


def _shortest(z, codebook):
    """(B, d, h, w), (K, d) -> (B, h, w, K): squared distances, the plain way."""
    return (z.movedim(1, -1)[..., None, :] - codebook).square().sum(-1)


def check_nearest(nearest):
    """1.2: whole numbers throughout, so that every sum is exact and ties are ties."""
    z = torch.randint(-9, 10, (2, 3, 4, 6)).float()
    codebook = torch.randint(-9, 10, (7, 3)).float()
    distances = _shortest(z, codebook)
    right = distances.argmin(-1)
    indices = nearest(z.clone(), codebook.clone())
    if isinstance(indices, torch.Tensor) and indices.shape == right.transpose(1, 2).shape:
        return "it gives (B, w, h): rows and columns of the map are swapped"
    if isinstance(indices, torch.Tensor) and indices.is_floating_point() and indices.shape == right.shape:
        return "it gives floats where int64 is wanted: distances are not indices, is there an argmin?"
    form = wrong_form(indices, right, "the map of indices")
    if form:
        return form
    if torch.equal(indices, distances.argmax(-1)):
        return "it chooses the code that is farthest away: is it the largest distance that you look for?"
    scrambled = _shortest(z.reshape(-1, 3)[:, :, None, None], codebook).argmin(-1).reshape(right.shape)
    if torch.equal(indices, scrambled):
        return ("its vectors mix channels with places: d is axis 1, so a bare reshape(-1, d) takes numbers "
                "of several places for one vector; where must d stand before you reshape?")
    product, norms = z.movedim(1, -1) @ codebook.T, codebook.square().sum(1)
    if torch.equal(indices, (norms - product).argmin(-1)):
        return "its cross term weighs half: what stands before z·e when (z - e)² is multiplied out?"
    if torch.equal(indices, product.argmax(-1)):
        return "it chooses by z·e alone, so long codes win: the term |e|² differs from code to code"
    if torch.equal(distances.gather(-1, indices[..., None])[..., 0], distances.amin(-1)):
        twice = torch.cat([codebook, codebook])
        if torch.equal(indices, right) and (nearest(z.clone(), twice) < len(codebook)).all():
            return None
        return "of two codes that are equally near it takes the higher index, wanted the lower"
    wrong = int((indices != right).sum())
    return f"{wrong} of {right.numel()} places do not have their nearest code: compare one place by hand"


def _step(points, codes):
    """(N, d), (K, d) -> (K, d), number (K,): one step of k-means, code by code."""
    chosen = (points[:, None] - codes).square().sum(-1).argmin(1)
    moved, number = codes.clone(), torch.bincount(chosen, minlength=len(codes))
    for k in range(len(codes)):
        if number[k] > 0:
            moved[k] = points[chosen == k].mean(0)
    return moved, number


def check_kmeans_step(kmeans_step):
    """1.3: four clouds of unequal size, and a fifth code far from all of them."""
    centres = torch.tensor([[4.0, 0.0], [0.0, 5.0], [-6.0, 0.0], [0.0, -7.0]])
    points = torch.cat([centre + torch.rand(5 + 4 * i, 2) for i, centre in enumerate(centres)])
    codes = torch.cat([centres + 0.3, torch.tensor([[60.0, 60.0]])])
    before, want = codes.clone(), _step(points, codes)
    moved, number = want
    given = points.clone()
    result = kmeans_step(given, codes)
    if isinstance(result, tuple):
        return "it gives a tuple, wanted the moved codes alone"
    if isinstance(result, torch.Tensor) and result.shape == codes.shape and result[-1].isnan().any():
        return "a code that no point chose becomes nan, the mean of nothing: it has to stay where it is"
    form = wrong_form(result, codes, "the moved codes")
    if form:
        return form
    if not torch.equal(codes, before):
        return "it writes into the codes that it was given: move a copy"
    if not torch.equal(given, points):
        return "it writes into the points that it was given"
    used = number > 0
    if torch.equal(result, codes):
        return "no code moves: where is the mean of the points that chose it?"
    total = moved[used] * number[used, None]
    if torch.allclose(result[used], total, atol=1e-4):
        return "its codes are the sums of their points: divide each by how many chose it"
    if torch.allclose(result[used], total / (len(points) / len(codes)), atol=1e-4) or torch.allclose(
            result[used], total / len(points), atol=1e-4):
        return "all sums are divided by one and the same number: each code has a count of its own"
    if not torch.allclose(result[used], moved[used], atol=1e-4):
        wrong = int((~torch.isclose(result[used], moved[used], atol=1e-4).all(1)).sum())
        return (f"{wrong} of {int(used.sum())} codes that were chosen are not the mean of the points "
                "nearest to them: which points does each take?")
    if torch.equal(result[-1], torch.zeros(2)):
        return ("a code that no point chose jumps to zero: sum 0 over count 1 is no place of its own, it has "
                "to stay")
    if not torch.equal(result[-1], codes[-1]):
        return "a code that no point chose is moved elsewhere: here it has to stay where it is"
    return None


def kmeans_step(points, codes):
    """(N, d), (K, d) -> (K, d): codes move to the means of their points; stands in for 1.3."""
    from minivq.quantize import nearest, statistics

    number, total = statistics(points, nearest(points[:, :, None, None], codes).flatten(), len(codes))
    return torch.where(number[:, None] > 0, total / number.clamp_min(1)[:, None], codes)


def patches(x, f):
    """(B, C, H, W) -> (B, C·f·f, H/f, W/f): the patches of f x f pixels; stands in for 1.4."""
    B, C, H, W = x.shape
    split = x.reshape(B, C, H // f, f, W // f, f)
    return split.permute(0, 1, 3, 5, 2, 4).reshape(B, C * f * f, H // f, W // f)


def check_patches(patches_):
    """1.4: every pixel has a value of its own, so that it can be told where each went."""
    B, C, H, W, f = 2, 3, 6, 8, 2
    x = torch.arange(B * C * H * W).float().reshape(B, C, H, W)
    right, got = patches(x, f), patches_(x.clone(), f)
    if isinstance(got, torch.Tensor) and got.shape == right.transpose(2, 3).shape:
        return "its grid is (w, h): rows and columns of patches are swapped"
    form = wrong_form(got, right, "the grid of patches")
    if form:
        return form
    if torch.equal(got, right):
        return None if torch.equal(patches_(x, 1), x) else "for f = 1 it should give the picture as it is"
    if torch.equal(got, x.reshape(right.shape)):
        return ("its vectors are made of pixels from all over the picture: a reshape alone keeps the order "
                "of memory; which pixels stand at the place (0, 0)?")
    if torch.equal(got.sort(1).values, right.sort(1).values):
        return ("each vector holds the pixels of its patch, but in another order than unpatch reads them: "
                "wanted channel, then row, then column")
    if torch.equal(got.flatten(2).sort(2).values, right.flatten(2).sort(2).values):
        return "the patches stand at the wrong places of the grid: which two axes are h and w at the end?"
    return "its vectors still hold pixels of several patches: which axis of the six goes where?"


def check_best(answer):
    """1.5: f and K below one bit per pixel; measured on the faces, f = 4 with a large table is far ahead."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return f"the answer is {answer!r}, wanted a pair (f, K)"
    f, K = answer
    if f not in (1, 2, 4, 8) or not isinstance(K, int) or not 1 <= K <= 4096:
        return f"f = {f}, K = {K}: wanted f from 1, 2, 4, 8 and a whole K from 1 to 4096"
    rate = math.log2(K) / f**2
    if rate >= 1:
        return f"it spends {rate:.3f} bits per pixel, wanted less than one: smaller K, or larger f"
    if f == 1:
        return "one colour for everything: below one bit per pixel, single pixels leave no choice at all"
    if f == 2:
        return (f"four pixels share {math.log2(K):.1f} bits: nearly all is spent, and larger patches use "
                "more of what is alike")
    if f == 8:
        return (f"most of the allowance is left: {rate:.3f} bits per pixel are spent of one, and K is the "
                "limit here")
    if K < 2048:
        return f"the right patch, but {rate:.3f} bits per pixel leave room: what does a larger table give?"
    return None


def _nearest():
    from minivq.quantize import nearest

    return nearest


EXERCISES = (
    Exercise(
        "1.1", "predict", "What 4 x 4 patches cost", difficulty=1, minutes=3, points=1,
        options={
            "a": Option("9: log2 of 512", 9.0,
                        "Nine bits name the patch, but sixteen pixels share them: divide by f x f."),
            "b": Option("0.5625: 9 bits for 16 pixels", 0.5625,
                        "A number costs log2 K, whatever it names, and f x f pixels share it.", right=True),
            "c": Option("32: 512 bits for 16 pixels", 32.0,
                        "Every bit halves what is left: 512 entries need 9 answers, not 512."),
            "d": Option("48.5625: the 9/16, and the table of 512 x 48 bytes on top", 48.5625,
                        "The table is sent once, not with every picture: one picture alone would pay this, "
                        "fifty thousand share it. It is not free either, the section on the table counts "
                        "its share."),
        }),
    Exercise(
        "1.2", "complete", "The nearest code at each place", difficulty=2, minutes=12, points=3,
        check=check_nearest, package=_nearest,
        hints=(
            "Bring d to the end before you merge places: permute, then reshape to one row per vector.",
            "For rows (N, d): |e|² has shape (K,), rows @ codebook.T has shape (N, K). Put both together "
            "with the factor from the formula; |z|² may stay out.",
            "distances = |e|² - 2 rows @ codebook.T is (N, K) by broadcasting; argmin along K gives (N,), "
            "and one reshape brings back (B, h, w), because the rows were in that order.",
        )),
    Exercise(
        "1.3", "complete", "One step of k-means", difficulty=2, minutes=12, points=3,
        check=check_kmeans_step, package=lambda: kmeans_step,
        hints=(
            "First who chose whom: nearest(points[:, :, None, None], codes).flatten() gives (N,).",
            "A loop over k works: points[chosen == k] are the points of code k. Begin with a clone of the "
            "codes, so that what you do not touch stays.",
            "Inside the loop: only if there is at least one such point, write its mean over axis 0 into the "
            "clone. (Without a loop: index_add_ for the sums, bincount for the counts, torch.where for the "
            "empty ones.)",
        )),
    Exercise(
        "1.4", "debug", "Patches that are confetti", difficulty=2, minutes=10, points=2,
        check=check_patches, package=lambda: patches,
        hints=(
            "Try it on torch.arange(16.).reshape(1, 1, 4, 4) with f = 2: which four numbers stand at place "
            "(0, 0), and which should?",
            "Split each of the two axes first: H is (H/f, f) and W is (W/f, f). That reshape is harmless, "
            "and gives six axes: B, C, h, row in the patch, w, column in the patch.",
            "Then permute so that the row and column in the patch stand right behind C, and h, w at the "
            "end; only now may C, row and column be merged by a reshape.",
        )),
    Exercise(
        "1.5", "explore", "The best below one bit per pixel", difficulty=2, minutes=12, points=2,
        check=check_best,
        hints=(
            "For each f: how large may K become before log2 K reaches f x f? And which of these limits lie "
            "above 4096?",
            "f = 2 leaves fewer than 16 patches. f = 8 never comes near one bit. Try trial(4, K).",
            "Below one bit, take the largest patch for which a table of at most 4096 can spend most of the "
            "bits, and then the largest table.",
        )),
)
