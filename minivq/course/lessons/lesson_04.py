"""Lesson 04, codebook health: what the exercises ask, and what their checks say."""

import torch
from torch import nn

from minivq.course.exercises import Exercise, Option, wrong_form


def check_perplexity(perplexity):
    """(...) int64, K -> exp of the entropy of the frequencies."""
    flat = torch.arange(16).reshape(2, 2, 4)
    got = perplexity(flat, 16)
    if got is None:
        return "the result is None: is there a return?"
    value = float(got)
    if value != value:
        return "it is nan for frequencies without a gap: is a logarithm taken of something that is not positive?"
    if abs(value - 16) > 1e-3:
        if abs(value - 2.7182818**4) < 0.1 or abs(value - 6.833) < 0.01:
            return f"16 equally frequent codes give {value:.3g}: log2 met exp, or log met 2**; use one base"
        if abs(value - 2.7725887) < 1e-3 or abs(value - 4) < 1e-3:
            return f"16 equally frequent codes give {value:.3f}: the entropy itself, its exponential is missing"
        if abs(value - 1 / 16) < 1e-3:
            return "16 equally frequent codes give 1/16: the sign of the entropy is turned around"
        if abs(value - 4) > 1e-3 and abs(value - 8) < 1e-3:
            return ("two maps of 8 codes each give 8, together they use 16: "
                    "it averages the perplexities of single maps")
        return f"16 equally frequent codes give {value:.4g}, wanted 16: each should count as a full one"
    got = float(perplexity(flat, 32))
    if got != got:
        return "it is nan as soon as one code does not occur: 0 log 0 has to count as 0"
    if abs(got - 16) > 1e-3:
        return f"16 codes used of K=32 give {got:.4g}, wanted 16: codes that never occur must not count"
    skewed = torch.cat([torch.zeros(97, dtype=torch.int64), torch.tensor([1, 2, 3])])
    got = float(perplexity(skewed, 4))
    if abs(got - 4) < 1e-3:
        return ("it counts the codes that are used: 97 of 100 tokens are one code, and it still says 4. "
                "Used does not mean equally useful: weigh each code by its frequency")
    if abs(got - 1.1829) > 2e-3:
        return f"frequencies 0.97, 0.01, 0.01, 0.01 give {got:.4f}, wanted 1.1829: look at the weights in the sum"
    halves = torch.tensor([[0, 0, 0, 0], [1, 1, 1, 1]])
    got = float(perplexity(halves[:, None], 2))
    if abs(got - 2) > 1e-3:
        return (f"one map all 0, one map all 1: it gives {got:.3f}, wanted 2. It looks at one map at a time; "
                "count over the whole set first")
    return None


def package_perplexity():
    """-> minivq.metrics.perplexity."""
    from minivq.metrics import perplexity

    return perplexity


class Averages(nn.Module):
    """The plain form of what stands inside EMAQuantizer: counts (K,) and sums (K, d), the codebook derived."""

    def __init__(self, codes, decay=0.99):
        super().__init__()
        self.decay = decay
        self.register_buffer("counts", torch.ones_like(codes[:, 0]))
        self.register_buffer("sums", codes.detach().clone())

    @property
    def codebook(self):
        """(K, d): sums / counts."""
        return self.sums / self.counts[:, None]

    @torch.no_grad()
    def update(self, z, chosen):
        """(N, d), (N,): one step of the moving averages."""
        number = torch.zeros_like(self.counts).index_add_(0, chosen, torch.ones_like(z[:, 0]))
        total = torch.zeros_like(self.sums).index_add_(0, chosen, z)
        self.counts.mul_(self.decay).add_((1 - self.decay) * number)
        self.sums.mul_(self.decay).add_((1 - self.decay) * total)


def check_averages(Averages):
    """class -> counts and sums start as one use of each code, decay alike, carry no gradient."""
    codes = torch.tensor([[1.0, 2.0], [-3.0, 4.0], [5.0, -6.0]])
    state = Averages(codes.clone(), decay=0.9)
    for name, like in (("counts", codes[:, 0]), ("sums", codes)):
        form = wrong_form(getattr(state, name, None), like, f"at the start, self.{name}")
        if form:
            return form
        if name not in dict(state.named_buffers()):
            return f"self.{name} is no buffer: register_buffer, so that it is saved and never trained by the optimiser"
    if (state.counts == 0).any():
        return ("the counts start at 0 while the sums start at the codes: sums / counts is not the code. "
                "Let both begin as if each code had been used once")
    if not torch.allclose(state.codebook, codes):
        return "before any update the codebook is not the codes it was given: look at the start of counts and sums"
    z = torch.tensor([[2.0, 2.0], [4.0, 0.0], [-1.0, 1.0]], requires_grad=True)
    chosen = torch.tensor([0, 0, 1])
    state.update(z, chosen)
    if state.counts.requires_grad or state.sums.requires_grad:
        return "gradients flow into the codes: the averages are kept beside the optimiser, under no_grad or detached"
    form = wrong_form(state.counts, codes[:, 0], "counts") or wrong_form(state.sums, codes, "sums")
    if form:
        return f"after one update, {form}"
    if not torch.allclose(state.codebook[2], codes[2], atol=1e-5):
        return ("a code that nobody chose has moved: counts and sums have to fade by the same factor, "
                "so that their quotient stays")
    counts = 0.9 * torch.ones(3) + 0.1 * torch.tensor([2.0, 1.0, 0.0])
    sums = 0.9 * codes + 0.1 * torch.tensor([[6.0, 2.0], [-1.0, 1.0], [0.0, 0.0]])
    if torch.allclose(state.counts, 0.1 * torch.ones(3) + 0.9 * torch.tensor([2.0, 1.0, 0.0]), atol=1e-5):
        return ("decay and 1 - decay are swapped: with decay 0.9 the new batch weighs 0.9, "
                "so the codebook forgets almost everything at each step")
    if torch.allclose(state.counts, torch.tensor([2.9, 1.9, 0.9]), atol=1e-5):
        return "the old counts fade, but the new ones come with weight 1: wanted 1 - decay"
    if not torch.allclose(state.counts, counts, atol=1e-5):
        return f"after one update the counts are {state.counts.tolist()}, wanted {counts.tolist()}"
    if not torch.allclose(state.sums, sums, atol=1e-5):
        return ("the counts are right, the sums are not: add up the encodings that chose the code (their sum, "
                "not their mean), with the same two weights")
    state.update(z, chosen)
    if not torch.allclose(state.counts, 0.9 * counts + 0.1 * torch.tensor([2.0, 1.0, 0.0]), atol=1e-5):
        return "the first update is right, the second is not: does it start again from 1 instead of from the state?"
    return None


def restart(codebook, counts, sums, points, below):
    """(K, d), (K,), (K, d), (N, d) -> the same three: dead codes on random points, statistics too."""
    dead = (counts < below).nonzero().flatten()
    chosen = points[torch.randint(len(points), (len(dead),))]
    codebook, counts, sums = codebook.clone(), counts.clone(), sums.clone()
    codebook[dead], counts[dead], sums[dead] = chosen, 1.0, chosen
    return codebook, counts, sums


def check_restart(restart):
    """function -> dead codes stand on encodings, counts and sums belong to them, the others are left alone."""
    counts = torch.tensor([3.0, 0.02, 1.5, 0.01, 0.05, 0.03])
    codebook = torch.tensor([[0.0, 0.0], [9.0, 9.0], [1.0, 1.0], [8.0, 8.0], [7.0, 9.0], [9.0, 7.0]])
    sums = codebook * counts[:, None]
    points = torch.rand(400, 2) + torch.tensor([2.0, -1.0])
    dead, alive = counts < 0.1, counts >= 0.1
    got = restart(codebook.clone(), counts.clone(), sums.clone(), points, 0.1)
    if not isinstance(got, tuple) or len(got) != 3:
        return "wanted three results: codebook, counts, sums"
    for name, mine, like in zip(("codebook", "counts", "sums"), got, (codebook, counts, sums), strict=True):
        form = wrong_form(mine, like, name)
        if form:
            return form
    new, number, total = got
    kept = torch.equal(new[alive], codebook[alive]) and torch.equal(number[alive], counts[alive])
    if not kept or not torch.equal(total[alive], sums[alive]):
        return "codes that are alive were moved too: only those with a count below the threshold restart"
    if torch.equal(total[dead], sums[dead]):
        return ("the sums are stale: the next update computes sums / counts from the old ones "
                "and the code jumps back to where it died")
    if (number[dead] < 0.1).any():
        return ("the counts of the restarted codes are still below the threshold: they count as dead at the next step, "
                "and are thrown about for ever. Give them one use")
    distance = torch.cdist(total[dead] / number[dead][:, None], points).min(1).values
    if (distance > 1e-4).any():
        return ("sums / counts of a restarted code is not one of the encodings: counts and sums have to belong "
                "to the new place together")
    if not torch.allclose(new, total / number[:, None], atol=1e-4):
        return "the codebook is not sums / counts: the code is still shown where it died, its statistics moved"
    if len(new[dead].unique(dim=0)) == 1:
        return ("all dead codes restart on one and the same encoding: only one of them can win it; "
                "draw one place for each")
    return None


def check_round_through(round_through):
    """function -> whole numbers forward, the gradient unchanged backward."""
    z = torch.tensor([-1.6, -0.4, 0.2, 0.7, 1.2, 2.6], requires_grad=True)
    out = round_through(z)
    form = wrong_form(out, z)
    if form:
        return form
    if torch.equal(out, z):
        return "the values are not rounded: the picture would be drawn from more than the code says"
    if torch.equal(out, z.floor()) or torch.equal(out, z.trunc()):
        return "it cuts off instead of rounding: 0.7 belongs to 1, the nearest level"
    if not torch.allclose(out, z.round(), atol=1e-6):
        return f"{z.tolist()} becomes {out.tolist()}, wanted the nearest whole numbers"
    if not out.requires_grad:
        return "no gradient leaves it at all: the rounded value is detached, and nothing carries the way back"
    weights = torch.arange(1.0, 7.0)
    (grad,) = torch.autograd.grad((out * weights).sum(), z, allow_unused=True)
    if grad is None or not grad.abs().sum():
        return ("the gradient is zero: rounding is flat between its jumps, so the encoder learns nothing from the "
                "picture. It needs the straight-through step of lesson 03")
    if not torch.allclose(grad, weights, atol=1e-6):
        return "the gradient arrives changed: backward, rounding should look as if it were not there"
    return None


def package_round_through():
    """-> straight-through rounding, as FSQ does it."""
    from minivq.quantize import straight_through

    def round_through(z):
        return straight_through(z, z.round())

    return round_through


EXERCISES = (
    Exercise(
        "4.1", "predict", "The most that one map can show", difficulty=1, minutes=3, points=1,
        options={
            "a": Option("512: all codes could occur", 512.0,
                        "They cannot: the map has 64 places, and each holds one code."),
            "b": Option("256: half of them on average", 256.0,
                        "There is no average here: 64 places hold at most 64 different codes."),
            "c": Option("64: one code a place", 64.0, "So a count over one map can never tell a codebook of 512 "
                        "in full health from one of 64.", right=True),
            "d": Option("9: the bits of a token", 9.0,
                        "log2 512 = 9 are the bits of one token. Perplexity counts codes, not bits."),
        },
    ),
    Exercise(
        "4.2", "complete", "Perplexity", difficulty=1, minutes=8, points=2,
        check=check_perplexity, package=package_perplexity,
        hints=("Count first, over everything that you are given: one number for each of the K codes.",
               "The frequencies p are counts / counts.sum(); the entropy is the sum of -p log p, "
               "the result is its exponential in the same base.",
               "torch.xlogy(p, p) is p log p and gives 0 where p is 0; or leave out the codes with p = 0 "
               "before you take the logarithm."),
    ),
    Exercise(
        "4.3", "complete", "The moving average of a codebook", difficulty=2, minutes=12, points=3,
        check=check_averages, package=lambda: Averages,
        hints=("Two buffers and no parameter. Let each code start as if one encoding, equal to it, had chosen it.",
               "In update: how many encodings chose each code (K,), and what is their sum (K, d)? index_add_(0, "
               "chosen, ...) gathers both. No gradient may come in.",
               "counts = decay * counts + (1 - decay) * number, and sums likewise with total; "
               "decorate the method with @torch.no_grad()."),
    ),
    Exercise(
        "4.4", "debug", "The code that jumps back", difficulty=2, minutes=8, points=2,
        check=check_restart, package=lambda: restart,
        hints=("Print sums / counts of code 1, the dead one, after the restart, and compare with the codebook.",
               "The next update computes the codebook anew from counts and sums. Which of the three did the "
               "restart leave as it was?",
               "A restarted code begins like a new one: its count is one use, and its sum is the encoding "
               "that it was moved to."),
    ),
    Exercise(
        "4.5", "explore", "Levels instead of codes", difficulty=2, minutes=15, points=3,
        check=check_round_through, package=package_round_through,
        hints=("round() has the gradient zero nearly everywhere, like argmin in lesson 03.",
               "The step of lesson 03 has the value of its second argument and the gradient of its first.",
               "z plus the detached difference between z.round() and z."),
    ),
)
