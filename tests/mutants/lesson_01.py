"""Wrong and other right answers to the exercises of lesson 01."""

import torch
import torch.nn.functional as F

from tests.mutants import Alternative, Mutant


def _rows(z):
    return z.permute(0, 2, 3, 1).reshape(-1, z.shape[1])


def _map(rows, z):
    return rows.reshape(z.shape[0], z.shape[2], z.shape[3])


def farthest(z, codebook):
    return _map(torch.cdist(_rows(z), codebook).argmax(1), z)


def mixed(z, codebook):
    return _map(torch.cdist(z.reshape(-1, z.shape[1]), codebook).argmin(1), z)


def half_the_cross_term(z, codebook):
    return _map((codebook.square().sum(1) - _rows(z) @ codebook.T).argmin(1), z)


def without_the_norm(z, codebook):
    return _map((_rows(z) @ codebook.T).argmax(1), z)


def higher_index(z, codebook):
    distances = (_rows(z)[:, None] - codebook).square().sum(-1)
    return _map(len(codebook) - 1 - distances.flip(1).argmin(1), z)


def swapped(z, codebook):
    rows = z.permute(0, 3, 2, 1).reshape(-1, z.shape[1])
    return torch.cdist(rows, codebook).argmin(1).reshape(z.shape[0], z.shape[3], z.shape[2])


def distances_kept(z, codebook):
    return _map(torch.cdist(_rows(z), codebook).amin(1), z)


def flat(z, codebook):
    return torch.cdist(_rows(z), codebook).argmin(1)


def by_absolute_values(z, codebook):
    return _map((_rows(z)[:, None] - codebook).abs().amax(-1).argmin(1), z)


def broadcast(z, codebook):
    return (z[:, None] - codebook[None, :, :, None, None]).square().sum(2).argmin(1)


def by_cdist(z, codebook):
    return _map(torch.cdist(_rows(z), codebook, compute_mode="donot_use_mm_for_euclid_dist").argmin(1), z)


def by_einsum(z, codebook):
    cross = torch.einsum("bdhw,kd->bkhw", z, codebook)
    return (codebook.square().sum(1)[:, None, None] - 2 * cross).argmin(1)


def _chosen(points, codes):
    return torch.cdist(points, codes).argmin(1)


def _sums(points, codes):
    chosen = _chosen(points, codes)
    number = torch.bincount(chosen, minlength=len(codes)).to(points.dtype)[:, None]
    return torch.zeros_like(codes).index_add_(0, chosen, points), number


def mean_of_nothing(points, codes):
    total, number = _sums(points, codes)
    return total / number


def empty_to_zero(points, codes):
    total, number = _sums(points, codes)
    return total / number.clamp_min(1)


def empty_to_a_point(points, codes):
    total, number = _sums(points, codes)
    return torch.where(number > 0, total / number.clamp_min(1), points[0])


def sums_alone(points, codes):
    total, number = _sums(points, codes)
    return torch.where(number > 0, total, codes)


def one_count_for_all(points, codes):
    total, number = _sums(points, codes)
    return torch.where(number > 0, total / len(points), codes)


def in_place(points, codes):
    total, number = _sums(points, codes)
    codes.copy_(torch.where(number > 0, total / number.clamp_min(1), codes))
    return codes


def of_the_farthest(points, codes):
    chosen = torch.cdist(points, codes).argmax(1)
    moved = codes.clone()
    for k in chosen.unique():
        moved[k] = points[chosen == k].mean(0)
    return moved


def median(points, codes):
    chosen, moved = _chosen(points, codes), codes.clone()
    for k in chosen.unique():
        moved[k] = points[chosen == k].median(0).values
    return moved


def by_one_hot(points, codes):
    hot = F.one_hot(_chosen(points, codes), len(codes)).to(points.dtype)
    number = hot.sum(0)[:, None]
    return torch.where(number > 0, hot.T @ points / number.clamp_min(1), codes)


def planted(x, f):
    B, C, H, W = x.shape
    return x.reshape(B, C * f * f, H // f, W // f)


def _split(x, f):
    B, C, H, W = x.shape
    return x.reshape(B, C, H // f, f, W // f, f), (B, C * f * f, H // f, W // f)


def channels_last(x, f):
    split, shape = _split(x, f)
    return split.permute(0, 3, 5, 1, 2, 4).reshape(shape)


def transposed_patch(x, f):
    split, shape = _split(x, f)
    return split.permute(0, 1, 5, 3, 2, 4).reshape(shape)


def swapped_grid(x, f):
    split, (B, D, h, w) = _split(x, f)
    return split.permute(0, 1, 3, 5, 4, 2).reshape(B, D, w, h)


def scrambled_grid(x, f):
    split, shape = _split(x, f)
    return split.permute(0, 1, 3, 5, 4, 2).reshape(shape)


def split_but_not_permuted(x, f):
    split, shape = _split(x, f)
    return split.permute(0, 1, 2, 3, 5, 4).reshape(shape)


def unfolded(x, f):
    return F.unfold(x, f, stride=f).reshape(len(x), -1, x.shape[2] // f, x.shape[3] // f)


MUTANTS = [
    Mutant("1.2", "argmax", farthest, "farthest away"),
    Mutant("1.2", "channels mixed with places", mixed, "mix channels with places"),
    Mutant("1.2", "cross term without its 2", half_the_cross_term, "cross term weighs half"),
    Mutant("1.2", "norm of the codes forgotten", without_the_norm, "long codes win"),
    Mutant("1.2", "ties to the higher index", higher_index, "takes the higher index"),
    Mutant("1.2", "rows and columns swapped", swapped, "rows and columns"),
    Mutant("1.2", "distances for indices", distances_kept, "int64 is wanted"),
    Mutant("1.2", "no map", flat, "has shape (48,)"),
    Mutant("1.2", "another norm", by_absolute_values, "do not have their nearest code"),
    Mutant("1.3", "mean of an empty code", mean_of_nothing, "becomes nan"),
    Mutant("1.3", "empty code to zero", empty_to_zero, "jumps to zero"),
    Mutant("1.3", "empty code onto a point", empty_to_a_point, "is moved elsewhere"),
    Mutant("1.3", "sums for means", sums_alone, "are the sums"),
    Mutant("1.3", "divided by the number of points", one_count_for_all, "one and the same number"),
    Mutant("1.3", "writes into its argument", in_place, "writes into the codes"),
    Mutant("1.3", "farthest points", of_the_farthest, "not the mean of the points nearest"),
    Mutant("1.3", "median for mean", median, "not the mean of the points nearest"),
    Mutant("1.3", "nothing moves", lambda points, codes: codes.clone(), "no code moves"),
    Mutant("1.4", "the planted reshape", planted, "from all over the picture"),
    Mutant("1.4", "channels last in the vector", channels_last, "in another order"),
    Mutant("1.4", "each patch transposed", transposed_patch, "in another order"),
    Mutant("1.4", "grid transposed", swapped_grid, "rows and columns of patches"),
    Mutant("1.4", "grid transposed, shape forced", scrambled_grid, "wrong places of the grid"),
    Mutant("1.4", "split, but the wrong axes exchanged", split_but_not_permuted, "pixels of several patches"),
    Mutant("1.5", "more than one bit", (2, 512), "wanted less than one"),
    Mutant("1.5", "K bits for log2 K", (8, 63), "allowance is left"),
    Mutant("1.5", "small patches", (2, 15), "larger patches use more"),
    Mutant("1.5", "single pixels", (1, 1), "no choice at all"),
    Mutant("1.5", "room left", (4, 512), "leave room"),
    Mutant("1.5", "the table counted as free", (4, 60000), "from 1 to 4096"),
    Mutant("1.5", "no pair", 4096, "a pair"),
]

ALTERNATIVES = [
    Alternative("1.2", "all differences by broadcasting", broadcast),
    Alternative("1.2", "cdist", by_cdist),
    Alternative("1.2", "einsum on the grid", by_einsum),
    Alternative("1.3", "one-hot matrix product", by_one_hot),
    Alternative("1.4", "pixel_unshuffle", F.pixel_unshuffle),
    Alternative("1.4", "unfold", unfolded),
    Alternative("1.5", "a little less than the limit", [4, 2048]),
]
