"""Exercises of lesson 05, perceptual loss: means and medians, a distance of features, a steady ruler, its weight."""

import contextlib
import math

import torch
from torch import nn

from minivq.course.exercises import Exercise, Option, wrong_form


def check_constants(answer):
    """(best constant for the squared error, for the absolute one): 0.5 in 7 of 10 pictures, -0.9 in 3 of 10."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return "wanted two numbers: (for the squared error, for the absolute error)"
    squared, absolute = (float(value) for value in answer)
    near = lambda a, b: math.isclose(a, b, abs_tol=1e-3)                            # noqa: E731
    if near(squared, 0.5) and near(absolute, 0.08):
        return "the two are swapped: which of the two errors is content with the larger camp?"
    if near(squared, -0.2):
        return ("for the squared error, -0.2 lies halfway between the two values: right if both were equally likely, "
                "but one of them comes in 7 of 10 pictures")
    if near(squared, 0.5):
        return ("for the squared error, 0.5 is the more frequent value: moving a little towards -0.9 loses almost "
                "nothing there (the parabola is flat at its own value) and gains at the other")
    if near(squared, 0.5 * 0.3 - 0.9 * 0.7):
        return "for the squared error, the weights are exchanged: 0.5 comes in 7 of 10 pictures"
    if not near(squared, 0.08):
        return (f"for the squared error, {squared:g} is not where the derivative is zero: "
                "0.7 · 2 (c - 0.5) + 0.3 · 2 (c + 0.9) = 0")
    if near(absolute, 0.08):
        return ("for the absolute error, the mean again: its slope counts heads, not distances. "
                "At 0.08, 7 of 10 pull up and 3 of 10 pull down")
    if near(absolute, -0.2):
        return ("for the absolute error, the halfway point: with two equally likely values all points between them are "
                "equally good, but here 7 of 10 stand against 3")
    if near(absolute, -0.9):
        return "for the absolute error, the smaller camp: 7 of 10 pictures pull the other way"
    if not near(absolute, 0.5):
        return f"for the absolute error, {absolute:g}: walk to where as much weight lies above as below"
    return None


def _by_hand(a, b):
    """Two lists of features -> one tensor (B,) per layer: 2 - 2 cos, mean over places."""
    return [(2 - 2 * torch.cosine_similarity(p, q, 1)).mean((1, 2)) for p, q in zip(a, b, strict=True)]


def _misread(a, b):
    """Two lists of features -> {what is said: the value that a misunderstanding gives}."""
    def total(measure):
        return sum(measure(p, q) for p, q in zip(a, b, strict=True))

    def over(*dims):
        def measure(p, q):
            u, v = (t / t.square().sum(dims, keepdim=True).sqrt() for t in (p, q))
            return (u - v).square().sum(1).mean((1, 2))
        return total(measure)

    unit = [[t / t.square().sum(1, keepdim=True).sqrt() for t in part] for part in (a, b)]
    difference = [u - v for u, v in zip(*unit, strict=True)]
    layers = _by_hand(a, b)
    return {
        "it normalises over space: each channel is divided by its length over all places. Wanted is the length of the "
        "vector over channels, at each place by itself": over(2, 3),
        "it divides each map by one length for all places and channels: every place is to have length 1 by itself":
            over(1, 2, 3),
        "nothing is normalised: a place where the net speaks loudly drowns all others":
            total(lambda p, q: (p - q).square().sum(1).mean((1, 2))),
        "it takes the mean over layers: they are to be added up": sum(layers) / len(layers),
        "it takes the mean over channels: add them up, else a layer counts less the wider it is":
            sum(d.square().mean((1, 2, 3)) for d in difference),
        "it adds up over places: with the mean, a layer's say does not hang on how large its maps are":
            sum(d.square().sum((1, 2, 3)) for d in difference),
        "it takes the absolute difference: wanted is the squared one": sum(
            d.abs().sum(1).mean((1, 2)) for d in difference),
        "it takes the length of the difference: wanted is its square": sum(
            d.square().sum(1).sqrt().mean((1, 2)) for d in difference),
        "it is half as large as wanted: 1 - cos is half the squared distance of two unit vectors": sum(layers) / 2,
        "only the last layer counts: add up over the list": layers[-1],
        "only the first layer counts: add up over the list": layers[0],
    }


def check_feature_distance(feature_distance):
    """Two lists of features -> (B,): unit vectors, squared difference, mean over places, sum over layers."""
    shapes = (2, 5, 6, 6), (2, 8, 3, 3), (2, 12, 2, 2)
    a, b = ([torch.randn(shape).requires_grad_() for shape in shapes] for _ in range(2))
    got = feature_distance(a, b)
    if isinstance(got, torch.Tensor) and got.dim() == 0:
        return "it gives one number for the whole batch: wanted is one for each picture, shape (B,)"
    form = wrong_form(got, torch.zeros(2))
    if form:
        return form
    with torch.no_grad():
        wanted = sum(_by_hand(a, b))
        if not torch.allclose(got, wanted, rtol=1e-4):
            for said, value in _misread(a, b).items():
                if torch.allclose(got, value, rtol=1e-4):
                    return said
            if torch.allclose(got, got.mean().expand(2)):
                return "both pictures of the batch get the same number: is the batch averaged away?"
            return f"it gives {got.tolist()}, wanted {wanted.tolist()} for these features"
    if not got.requires_grad:
        return "no gradient leaves it: with no_grad or detach around the distance, the picture learns nothing"
    got.sum().backward()
    if any(part.grad is None for part in (*a, *b)):
        return "the gradient reaches one of the two lists only: which side is detached?"
    return _at_zero(feature_distance)


def _at_zero(feature_distance):
    """Features that are all zero at a place: a value, a gradient, and 0 for equal ones."""
    a = torch.randn(1, 4, 3, 3)
    a[:, :, 1, 1] = 0
    silent, other = a.clone().requires_grad_(), torch.randn(1, 4, 3, 3)
    value = feature_distance([silent], [other])
    if not value.isfinite().all():
        return ("it is nan where all channels of a place are 0: 0 / 0. A small number, an epsilon, keeps the length "
                "away from zero")
    value.sum().backward()
    if not silent.grad.isfinite().all():
        return ("its value is fine where all channels are 0, its gradient is nan: the root has an infinite slope at 0. "
                "Put the epsilon under the root")
    if feature_distance([a], [a.clone()]).abs().max() > 1e-6:
        return ("equal features are not at distance 0 where all channels are 0: a silent place has no direction, and "
                "two silent ones are alike")
    return None


def package_feature_distance():
    """The package's."""
    from minivq.perceptual import feature_distance
    return feature_distance


class _Forgetful(nn.Module):
    """A net with dropout, as the heads of LPIPS have it: (B, 3, H, W) -> two layers of features."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        first = self.dropout(torch.relu(self.first(x)))
        return [first, self.dropout(torch.relu(self.second(first)))]


def check_perceptual(Perceptual):
    """A ruler: steady in train mode, frozen, float32, handing pictures on as they are, and gradients to them."""
    seen, learning = [], []

    def compare(net, x, y):
        seen.extend((x, y)), learning.append(torch.is_grad_enabled())
        return sum((p - q).square().mean((1, 2, 3)) for p, q in zip(net(x), net(y), strict=True))

    net = _Forgetful()
    distance = Perceptual(net, compare)
    x, y = (2 * torch.rand(2, 3, 32, 32) - 1 for _ in range(2))
    value = distance(x, y)
    form = wrong_form(value, torch.zeros(2), "the distance")
    if form:
        return form
    message = _handed_on(seen[:2], (x, y)) or _steady(distance, x, y)
    if message:
        return message
    if any(parameter.requires_grad for parameter in net.parameters()):
        return ("its weights are trainable: an optimiser that is given the whole model would bend the ruler until "
                "everything looks near")
    moved = x.clone().requires_grad_()
    value = distance(moved, y)
    if not value.requires_grad and not learning[-1]:
        return "no gradient reaches the picture: under no_grad the net is frozen, and so is whoever paints"
    if value.requires_grad:
        value.sum().backward()
    if moved.grad is None or not moved.grad.abs().sum() > 0:
        return "no gradient reaches the picture: is it detached before the net?"
    with torch.autocast("cpu", torch.bfloat16):
        if not torch.equal(distance(x, y), distance(x, y).float()) or distance(x, y).dtype != torch.float32:
            return "under autocast it measures in bf16: switch that off around the net"
    seen.clear()
    with contextlib.suppress(RuntimeError):                         # of a net that wants three channels
        distance(x[:, :1], y[:, :1])
    if seen and seen[0].shape[1] != 3:
        return "a grey picture reaches the net with one channel: repeat it three times"
    return None


def _handed_on(seen, pictures):
    """What the net was shown against what came in."""
    for got, picture in zip(seen, pictures, strict=True):
        if got.shape == picture.shape and torch.allclose(got, (picture + 1) / 2, atol=1e-3):
            return "the net is shown pictures in [0, 1]: it was trained on [-1, 1], so hand them on as they are"
        if got.shape != picture.shape or not torch.allclose(got, picture, atol=1e-6):
            return "the net is shown other pictures than those that came in: hand them on as they are"
    return None


def _steady(distance, x, y):
    """The same value twice, in train mode too; zero for equal pictures."""
    if not torch.equal(distance(x, y), distance(x, y)):
        return ("called twice with the same two pictures it gives two values, even where nobody asked for train mode: "
                "dropout is alive from the start")
    model = nn.ModuleList([distance]).train()                       # as a part of a model that is being trained
    if not torch.equal(distance(x, y), distance(x, y)):
        return ("called twice with the same two pictures it gives two values as soon as a model around it goes into "
                "train mode: .train() reaches every module inside, whatever the constructor had set")
    if distance(x, x).abs().max() > 1e-6:
        return "a picture is not at distance 0 from itself in train mode: a seed makes it steady, but still no ruler"
    model.eval()
    return None


def package_perceptual():
    """The package's."""
    from minivq.perceptual import Perceptual
    return Perceptual


EXERCISES = (
    Exercise(
        "5.1", "predict", "Which of three is nearest?", difficulty=1, minutes=4, points=1,
        options={
            "a": Option("the shifted one", None, "", right=True),
            "b": Option("the blurred one", None,
                        "To a sum over pixels it is as near as the others. But every edge has gone soft, at every "
                        "place of the face, and that is what a net with a look at neighbourhoods sees first."),
            "c": Option("the noisy one", None,
                        "The face behind the noise is untouched, and you can look through it. So can the net, nearly: "
                        "on some faces the noise is even the nearest. On average the grain, at every single place, "
                        "counts a little more than a step by one pixel."),
            "d": Option("none: three equal errors are three equal distances", None,
                        "That is what squared error says, by construction. Squared error adds up pixels one by one and "
                        "does not know which of them are neighbours."),
        }),
    Exercise(
        "5.2", "prove", "What two errors do in doubt", difficulty=2, minutes=10, points=2, check=check_constants,
        hints=("Write the expected error as a function of the constant c, with the weights 0.7 and 0.3, and take the "
               "derivative.",
               "Squared: 0.7 · 2 (c - 0.5) + 0.3 · 2 (c + 0.9) = 0. Absolute: between the two values the slope is "
               "0.3 - 0.7, whatever c is.",
               "The first is the mean, 0.7 · 0.5 - 0.3 · 0.9. The second is the median: with a slope that is negative "
               "all the way, the minimum is at the upper end.")),
    Exercise(
        "5.3", "complete", "A distance of features", difficulty=2, minutes=12, points=3,
        check=check_feature_distance, package=package_feature_distance,
        hints=("One layer first: (B, C, h, w) has a vector of C numbers at each place. Divide it by its length, in "
               "both lists, before you compare.",
               "The length: square, sum over dimension 1 with keepdim=True, add 1e-10, take the root. Then the squared "
               "difference: sum over channels, mean over the two dimensions of space, which leaves (B,).",
               "Add these up over zip(a, b): a sum over layers, no mean.")),
    Exercise(
        "5.4", "debug", "A ruler that changes its mind", difficulty=2, minutes=10, points=3,
        check=check_perceptual, package=package_perceptual,
        hints=("The constructor calls .eval(), and that was right at that moment. What happens later, when somebody "
               "calls model.train() on a model that has the distance as a part?",
               "nn.Module.train(mode) goes through all modules inside and sets their mode. It is a method like any "
               "other: a class may have its own.",
               "Add to the class: def train(self, mode=True): return super().train(False).")),
    Exercise("5.5", "explore", "How loud may the features be?", difficulty=2, minutes=15, points=3),
)
