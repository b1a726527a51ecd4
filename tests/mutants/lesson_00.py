"""Wrong and other right answers to the exercises of lesson 00."""

import torch

from tests.mutants import Alternative, Mutant


def _store(levels):
    return levels.to(torch.uint8).movedim(1, -1)


def to_uint8(x):
    return _store(((x + 1) * 127.5).round().clamp(0, 255))


def from_uint8(pictures):
    return pictures.movedim(-1, 1).float() / 127.5 - 1


def without_clamp(x):
    return _store(((x + 1) * 127.5).round().to(torch.int64))


def scaled_by_256(x):
    return _store(((x + 1) * 128).round().to(torch.int64))


def cut_off(x):
    return _store(((x + 1) * 127.5).clamp(0, 255))


def axes_kept(x):
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def reshaped(x):
    B, C, H, W = x.shape
    return axes_kept(x).reshape(B, H, W, C)


def transposed(x):
    return axes_kept(x).permute(0, 3, 2, 1)


def still_floats(x):
    return ((x + 1) * 127.5).round().clamp(0, 255).movedim(1, -1)


def half_range(x):
    return _store((x * 255).round().clamp(0, 255))


def missing(pictures):
    raise NotImplementedError


def back_to_zero_one(pictures):
    return pictures.movedim(-1, 1).float() / 255


def back_by_128(pictures):
    return pictures.movedim(-1, 1).float() / 128 - 1


def back_axes_kept(pictures):
    return pictures.float() / 127.5 - 1


def back_reshaped(pictures):
    B, H, W, C = pictures.shape
    return pictures.reshape(B, C, H, W).float() / 127.5 - 1


def by_permute(x):
    return torch.clip(torch.round(127.5 * x + 127.5), 0, 255).permute(0, 2, 3, 1).byte()


def half_added(x):
    return ((x.clamp(-1, 1) + 1) * 127.5 + 0.5).floor().byte().permute(0, 2, 3, 1)


def back_by_permute(pictures):
    return (pictures.permute(0, 3, 1, 2).to(torch.float32) - 127.5) / 127.5


def rows_of_b(a, b):
    return (b[:, None] - a).square().sum(-1).sqrt()


def squared(a, b):
    return (a[:, None] - b).square().sum(-1)


def absolute(a, b):
    return (a[:, None] - b).abs().sum(-1)


def summed_first(a, b):
    return (a[:, None] - b).sum(-1).square().sqrt()


def not_summed(a, b):
    return (a[:, None] - b).square().sqrt()


def wrong_axis(a, b):
    return (a[:, None] - b).square().sum(1).sqrt()


def one_by_one(a, b):
    return (a - b).square().sum(-1).sqrt()


def by_norm(a, b):
    return torch.linalg.vector_norm(a.unsqueeze(1) - b.unsqueeze(0), dim=2)


def multiplied_out(a, b):
    squares = a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T
    return squares.clamp_min(0).sqrt()


def student_detached(student, teacher):
    return (student.detach() - teacher).square().mean()


def nobody_detached(student, teacher):
    return (student - teacher).square().mean()


def both_detached(student, teacher):
    return (student.detach() - teacher.detach()).square().mean()


def summed(student, teacher):
    return (student - teacher.detach()).square().sum()


def half_detached(student, teacher):
    difference = student - teacher.detach()
    return (difference * difference.detach()).mean()


def no_mean(student, teacher):
    return (student - teacher.detach()).square()


def without_grad(student, teacher):
    with torch.no_grad():
        constant = teacher.clone()
    return torch.nn.functional.mse_loss(student, constant)


MUTANTS = [
    Mutant("0.2", "no clamp", (without_clamp, from_uint8), "run over"),
    Mutant("0.2", "scaled by 256", (scaled_by_256, from_uint8), "255 or at 256"),
    Mutant("0.2", "truncation for rounding", (cut_off, from_uint8), "instead of rounding"),
    Mutant("0.2", "HWC taken for CHW", (axes_kept, from_uint8), "order (B, C, H, W)"),
    Mutant("0.2", "axes by a reshape", (reshaped, from_uint8), "channels for columns"),
    Mutant("0.2", "rows and columns exchanged", (transposed, from_uint8), "(B, W, H, C)"),
    Mutant("0.2", "floats", (still_floats, from_uint8), "still made of floats"),
    Mutant("0.2", "[0, 1] taken for [-1, 1]", (half_range, from_uint8), "straight line"),
    Mutant("0.2", "one way only", (to_uint8, missing), "still missing"),
    Mutant("0.2", "back to [0, 1]", (to_uint8, back_to_zero_one), "[0, 1], wanted [-1, 1]"),
    Mutant("0.2", "back by 128", (to_uint8, back_by_128), "off by up to"),
    Mutant("0.2", "back with the axes kept", (to_uint8, back_axes_kept), "order (B, H, W, C)"),
    Mutant("0.2", "back by a reshape", (to_uint8, back_reshaped), "columns for channels"),
    Mutant("0.3", "rows of b", rows_of_b, "rows belong to b"),
    Mutant("0.3", "squared", squared, "squared distances"),
    Mutant("0.3", "absolute differences", absolute, "absolute differences"),
    Mutant("0.3", "summed before squared", summed_first, "cancel"),
    Mutant("0.3", "not summed", not_summed, "all d differences"),
    Mutant("0.3", "wrong axis", wrong_axis, "which axis is d"),
    Mutant("0.3", "points one by one", one_by_one, "must match the size"),
    Mutant("0.4", "the planted detach", student_detached, "student stands still"),
    Mutant("0.4", "nobody detached", nobody_detached, "both move"),
    Mutant("0.4", "both detached", both_detached, "no gradient leaves it"),
    Mutant("0.4", "sum for mean", summed, "mean squared difference is"),
    Mutant("0.4", "half of the gradient", half_detached, "cut off"),
    Mutant("0.4", "no scalar", no_mean, "has shape (4, 3)"),
    Mutant("0.5", "what occurs once", ["hair", "eyes", "nose"], "occurs once"),
    Mutant("0.5", "too few", ["hair", "eyes"], "2 of ten"),
    Mutant("0.5", "two words for one", ["eyes", "iris", "eye colour", "hair", "skin"], "3 of ten"),
    Mutant("0.5", "unknown", ["hair", "freckles"], "not among the ten"),
    Mutant("0.5", "no list", 5, "list of words"),
]

ALTERNATIVES = [
    Alternative("0.2", "permute, clip and byte", (by_permute, back_by_permute)),
    Alternative("0.2", "half added and floored", (half_added, from_uint8)),
    Alternative("0.3", "norm of the differences", by_norm),
    Alternative("0.3", "multiplied out", multiplied_out),
    Alternative("0.3", "cdist", torch.cdist),
    Alternative("0.4", "a copy made without gradient", without_grad),
    Alternative("0.5", "five in their own words", ("Eyes", "hair color", "ears", "glasses", "light")),
]
