"""Lesson 00, start: cards, checks, hints and replies."""

import torch

from minivq.course.exercises import Exercise, Option, wrong_form


def check_conversions(conversions):
    """0.2: (to_uint8, from_uint8), on values whose place on the scale of 256 levels is known."""
    if not isinstance(conversions, tuple) or len(conversions) != 2:
        return "the last line was changed: wanted conversions = to_uint8, from_uint8"
    to_uint8, from_uint8 = conversions
    levels = torch.randint(0, 256, (2, 4, 5, 3))  # (B, H, W, C)
    levels[0, 0, 0], levels[0, 0, 1] = 0, 255
    x = levels.movedim(-1, 1) / 127.5 - 1
    message = _wrong_to_uint8(to_uint8, x, levels.to(torch.uint8))
    if message:
        return f"to_uint8: {message}"
    try:
        message = _wrong_from_uint8(from_uint8, levels.to(torch.uint8), x)
    except NotImplementedError:
        return "to_uint8 is right; from_uint8 is still missing"
    return message and f"from_uint8: {message}"


def _wrong_to_uint8(to_uint8, x, levels):
    got = to_uint8(x.clone())
    if isinstance(got, torch.Tensor) and got.shape == x.shape:
        return "its result is still in the order (B, C, H, W): channels go to the end"
    if isinstance(got, torch.Tensor) and got.shape == levels.transpose(1, 2).shape:
        return "its result is in the order (B, W, H, C): rows and columns are exchanged"
    if isinstance(got, torch.Tensor) and got.shape == levels.shape and got.is_floating_point():
        return "its result is still made of floats, wanted uint8"
    form = wrong_form(got, levels)
    if form:
        return form
    if torch.equal(got, x.reshape(levels.shape).add(1).mul(127.5).round().to(torch.uint8)):
        return "it takes the channels for columns: a reshape does not exchange axes, permute and movedim do"
    if (got.int() - levels.int()).abs().max() > 200:
        return "full light, 1.0, becomes nearly black: where does the scale end, at 255 or at 256?"
    short = levels.int() - got.int()
    if short.any() and ((short == 0) | (short == 1)).all():
        return "it cuts off what stands behind the point instead of rounding: 99.7 becomes 99"
    if not torch.equal(got, levels):
        wrong = int((got != levels).sum())
        return (f"{wrong} of {levels.numel()} values do not lie on the straight line that takes -1 to 0 and "
                "1 to 255")
    between = to_uint8(x.clamp(-0.99, 0.99) + 0.7 / 127.5).int() - to_uint8(x.clamp(-0.99, 0.99)).int()
    if (between == 0).float().mean() > 0.9:
        return "it cuts off what stands behind the point instead of rounding: 99.7 becomes 99"
    outside = torch.tensor([1.004, 1.3, 2.0, -1.004, -1.3, -2.0]).reshape(1, 1, 1, 6)
    want = torch.tensor([255, 255, 255, 0, 0, 0])
    if not torch.equal(to_uint8(outside).flatten().long(), want):
        return "values outside [-1, 1] run over: 1.3 has to become 255 and -1.3 has to become 0"
    return None


def _wrong_from_uint8(from_uint8, levels, x):
    got = from_uint8(levels.clone())
    if isinstance(got, torch.Tensor) and got.shape == levels.shape:
        return "its result is still in the order (B, H, W, C): channels go to the front"
    form = wrong_form(got, x)
    if form:
        return form
    if torch.allclose(got, (x + 1) / 2, atol=1e-3):
        return "its result lies in [0, 1], wanted [-1, 1]"
    if torch.allclose(got, levels.reshape(x.shape) / 127.5 - 1, atol=1e-6):
        return "it takes columns for channels: a reshape does not exchange axes"
    if not torch.allclose(got, x, atol=1e-6):
        return f"its values are off by up to {(got - x).abs().max():.3f}: 0 has to become -1.0, 255 exactly 1.0"
    return None


def conversions():
    """The package's to_uint8 and from_uint8; stand in for 0.2."""
    from minivq.datasets import from_uint8, to_uint8

    return to_uint8, from_uint8


def distances(a, b):
    """(n, d), (m, d) -> (n, m): the Euclidean distance of a[i] and b[j]; stands in for 0.3."""
    return (a[:, None] - b).square().sum(-1).sqrt()


def check_distances(distances_):
    """0.3: unequal numbers of points, so that every shape tells."""
    a, b = torch.randn(6, 3), torch.randn(4, 3)
    right = distances(a, b)
    got = distances_(a.clone(), b.clone())
    if isinstance(got, torch.Tensor) and got.shape == (6, 4, 3):
        return "it keeps all d differences of a pair: along which axis must they be summed?"
    if isinstance(got, torch.Tensor) and got.shape == (6, 3) and got.shape != right.shape:
        return "it sums over the points instead of over the d numbers of each: which axis is d?"
    if isinstance(got, torch.Tensor) and got.shape == (4, 6):
        return "its rows belong to b: row i has to belong to a[i]"
    form = wrong_form(got, right, "the table of distances")
    if form:
        return form
    if torch.allclose(got, right.square(), atol=1e-5):
        return "these are the squared distances: the root is missing"
    if torch.allclose(got, (a[:, None] - b).abs().sum(-1), atol=1e-5):
        return "these are sums of absolute differences, wanted the Euclidean distance: squares, sum, root"
    if torch.allclose(got, (a[:, None] - b).sum(-1).abs(), atol=1e-5):
        return "the differences are summed before they are squared, so that they cancel"
    if not torch.allclose(got, right, atol=1e-4):
        return f"its values are off by up to {(got - right).abs().max():.2f}: compute one pair by hand"
    return None


def pull(student, teacher):
    """(...), (...) -> scalar: mean squared difference, gradient to the student alone; stands in for 0.4."""
    return (student - teacher.detach()).square().mean()


def check_pull(pull_):
    """0.4: the value, and the gradients of both."""
    student, teacher = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)
    loss = pull_(student, teacher)
    form = wrong_form(loss, torch.zeros(()), "the loss")
    if form:
        return form
    if not torch.allclose(loss, (student - teacher).square().mean()):
        return (f"its value is {loss.item():.3f} where the mean squared difference is "
                f"{(student - teacher).square().mean().item():.3f}: only the way of the gradient is to "
                 "change")
    if not loss.requires_grad:
        return "no gradient leaves it at all: neither of the two learns"
    loss.backward()
    moves = [t.grad is not None and t.grad.abs().sum().item() > 0 for t in (student, teacher)]
    if moves == [False, True]:
        return "the teacher moves and the student stands still: which of the two is detached?"
    if moves == [True, True]:
        return "both move: the teacher is to stand still"
    want = 2 * (student - teacher).detach() / student.numel()
    if not torch.allclose(student.grad, want, atol=1e-6):
        return "the student's gradient is not that of the mean squared difference: is a part of it cut off?"
    return None


# What the world calls it, and words that mean the same.
TWICE = {
    "iris": ("iris", "iris colour", "eye", "eye colour", "eyes colour"),
    "hair": ("hair", "hair colour"),
    "skin": ("skin", "skin colour", "skin tone", "ear", "cheek"),
    "beard": ("beard", "beard style", "moustache"),
    "beard colour": ("beard colour", "colour of the beard"),
    "glasses": ("glasses", "glasse", "frame", "spectacles", "glasses frame", "glasses shape"),
    "lens": ("lens", "lense", "lens colour", "lens tint", "glas", "glass"),
    "earring": ("earring", "earring colour"),
    "clothes": ("clothes", "clothe", "clothing", "shirt", "collar", "sleeve", "shoulder", "jacket", "clothes colour"),
    "light": ("light", "shading", "shadow", "shade", "light direction", "lighting", "direction of light"),
}
ONCE = ("nose", "mouth", "hat", "cap", "beanie", "chin", "smile", "head", "neck", "lip", "bun", "pompom")


def _word(text):
    return " ".join(text.lower().replace("-", " ").replace("_", " ").replace("color", "colour").split())


def check_twice(answer):
    """0.5: at least five of the ten, none that occurs once."""
    if isinstance(answer, str):
        answer = [answer]
    if not isinstance(answer, (list, tuple, set)) or not all(isinstance(word, str) for word in answer):
        return 'the answer is no list of words: wanted ["...", "..."]'
    found, unknown = set(), []
    for word in map(_word, answer):
        names = {name for name, words in TWICE.items() if word in words or word.removesuffix("s") in words}
        if word in ONCE or word.removesuffix("s") in ONCE:
            return f"{word!r} occurs once in a face: is there a second place to read it off?"
        found |= names
        unknown += [] if names else [word]
    if unknown:
        return (f"{len(found)} found; {unknown[0]!r} is not among the ten (or goes by another name): try a "
                "plainer word, one thing in each")
    if len(found) < 5:
        return f"{len(found)} of ten found, five are wanted: go over both sides of a face, from the top"
    return None


EXERCISES = (
    Exercise(
        "0.1", "predict", "Bytes of 64 integers", difficulty=1, minutes=3, points=1,
        options={
            "a": Option("64: one byte each", 64,
                        "A byte ends at 255; integers up to 511 need one bit more."),
            "b": Option("72: nine bits each", 72,
                        "Nine answers of yes or no tell 512 things apart, and 64 times 9 bits are 72 bytes.",
                        right=True),
            "c": Option("128: two bytes each", 128,
                        "That is how one would store them in a hurry: of the 16 bits, 7 are always zero."),
            "d": Option("512: eight bytes each, since they are int64", 512,
                        "That is how they lie in the tensor, not what they say: of the 64 bits, 55 are "
                        "always zero."),
        }),
    Exercise(
        "0.2", "complete", "Pictures to uint8 and back", difficulty=1, minutes=8, points=2,
        check=check_conversions, package=conversions,
        hints=(
            "The straight line first: which factor takes a range of length 2 to one of length 255? What is "
            "added before?",
            "Order of work: line, round, clamp to 0 and 255, then the dtype, and the channels to the end "
            "with movedim(1, -1). Back: channels to the front, float, then the line the other way.",
            "x + 1 lies in [0, 2], times 127.5 in [0, 255]. Back: divide by 127.5, subtract 1.",
        )),
    Exercise(
        "0.3", "complete", "All distances", difficulty=2, minutes=8, points=2,
        check=check_distances, package=lambda: distances,
        hints=(
            "The result has an axis for a and one for b, and d must be summed away: so think of (n, m, d) "
            "first.",
            "Give a an axis of length 1 where b counts its points, and the other way round: (n, 1, d) and "
            "(1, m, d).",
            "The difference of the two has shape (n, m, d): square it, sum over the last axis, take the "
            "root.",
        )),
    Exercise(
        "0.4", "debug", "The detach on the wrong branch", difficulty=2, minutes=6, points=2,
        check=check_pull, package=lambda: pull,
        hints=(
            "Give both requires_grad=True, call backward on the loss, and look at the two grads.",
            "What is detached counts as a constant, and a constant does not move. Who is to be the constant "
            "here?",
            "The value must stay, so there is still one detach, but in another place.",
        )),
    Exercise(
        "0.5", "explore", "What occurs twice", difficulty=1, minutes=8, points=1,
        check=check_twice,
        hints=(
            "Cover the right half of a face with your hand: of what can you still tell how it goes on?",
            "From top to bottom: hair, what sits on the nose and what is in it, what hangs on the ears, "
            "what grows on the chin, what is worn.",
            "One of them is no thing at all: look where faces and walls are bright, and where they are dark.",
        )),
)
