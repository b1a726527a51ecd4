"""Exercises of lesson 06, discriminator: losses of both sides, what a logit sees, a step that spares the painter."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from minivq.course.exercises import Exercise, Option, wrong_form
from minivq.discriminator import PatchDiscriminator, receptive_field
from minivq.losses import generator, hinge_d
from minivq.training_gan import learn

REAL = torch.tensor([[5.0, 0.5], [-0.5, 0.25]])
FAKE = torch.tensor([[-3.0, 1.75], [0.0, -0.25]])


def check_losses(pair):
    """(hinge_d, generator): values and gradients on logits on both sides of the hinge."""
    if not isinstance(pair, tuple) or len(pair) != 2 or not all(callable(part) for part in pair):
        return "wanted the pair of functions: (hinge_d, generator)"
    return _critic_side(pair[0]) or _painter_side(pair[1])


def _critic_side(loss):
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    got = loss(real, fake)
    form = wrong_form(got, real.new_zeros(()), "the critic's loss")
    if form:
        return form
    right = hinge_d(REAL, FAKE).item()
    one, zero = torch.ones_like(REAL), torch.zeros_like(FAKE)
    cross = F.binary_cross_entropy_with_logits
    behaves = {
        2 * right: "it is the sum of both sides: with the half, a critic that says 0 to everything pays 1",
        hinge_d(-REAL, -FAKE).item():
            "the signs are swapped, or the two kinds of pictures: real ones pay above -1 and redrawn ones below 1, "
            "so the critic would learn to call the redrawn ones real",
        hinge_d(REAL.sigmoid(), FAKE.sigmoid()).item():
            "a sigmoid stands before the hinge: between 0 and 1 no redrawn picture can get below -1. Bare logits go in",
        (0.5 * (1 - REAL.mean() + 1 + FAKE.mean())).item():
            "there is no hinge in it: a logit of 5 for a real picture costs less than nothing, without end",
        hinge_d(REAL.mean(), FAKE.mean()).item():
            "the hinge is on the mean of the logits: one patch of which the critic is very sure excuses the others. "
            "First the hinge of each logit, then the mean",
        (0.5 * (F.relu(-REAL).mean() + F.relu(FAKE).mean())).item():
            "the margin is missing: a critic that says 0 to everything pays nothing. The hinge ends at 1 and at -1",
        (0.5 * (cross(REAL, one) + cross(FAKE, zero))).item():
            "this is the cross-entropy, the vanilla loss: it is never content, the hinge is, beyond 1 and -1",
        (0.5 * (cross(one, REAL) + cross(zero, FAKE))).item():
            "this is a cross-entropy with its arguments swapped: the logits stand where the targets belong",
    }
    for value, message in behaves.items():
        if math.isclose(got.item(), value, rel_tol=1e-4, abs_tol=1e-6):
            return message
    if not math.isclose(got.item(), right, rel_tol=1e-5):
        return f"hinge_d gives {got.item():.4f} for four real and four redrawn logits, wanted {right:.4f}"
    if not got.requires_grad:
        return "no gradient leaves hinge_d: the critic could not learn from it"
    for name, logits, sign in (("real", real, -1), ("redrawn", fake, 1)):
        grad, = torch.autograd.grad(got, logits, retain_graph=True, allow_unused=True)
        wanted = sign * 0.5 * (1 - logits * -sign > 0).to(logits.dtype) / logits.numel()
        if grad is None or not grad.abs().sum():
            return f"the gradient does not reach the logits of {name} pictures: is something detached?"
        if not torch.allclose(grad, wanted):
            return f"the value is right, the gradient at the logits of {name} pictures is not that of a hinge"
    return None


def _painter_side(loss):
    fake = FAKE.clone().requires_grad_()
    got = loss(fake)
    form = wrong_form(got, fake.new_zeros(()), "the painter's loss")
    if form:
        return form
    right = -FAKE.mean().item()
    behaves = {
        -right: "the sign of the painter's loss is swapped: minimising it, the painter looks more and more redrawn",
        4 * right: "the painter's loss is a sum: with the mean, its strength does not hang on the number of patches",
        F.relu(1 - FAKE).mean().item():
            "there is a hinge on the painter's side: from a logit of 1 on it hears nothing, and the critic moves on",
        F.relu(1 + FAKE).mean().item():
            "this is what the critic pays for redrawn pictures: the painter wants the contrary",
        F.softplus(-FAKE).mean().item():
            "this is the painter's loss in the vanilla game, -ln σ(D): beside the hinge stands the bare logit",
        -F.softplus(FAKE).mean().item():
            "this is ln(1 - σ(D)), the saturating loss: where the critic is sure it is flat",
        -FAKE.sigmoid().mean().item():
            "a sigmoid stands before the mean: where the critic is sure it is flat, and the painter hears nothing",
        0.5 * right: "the painter's loss is halved: it has one side only, so its mean is not divided again",
    }
    for value, message in behaves.items():
        if math.isclose(got.item(), value, rel_tol=1e-4, abs_tol=1e-6):
            return message
    if not math.isclose(got.item(), right, rel_tol=1e-5):
        return f"generator gives {got.item():.4f} for four logits, wanted {right:.4f}: high logits are what it wants"
    if not got.requires_grad:
        return ("the logits are detached in the painter's loss too: its value is right, but no gradient leaves it, and "
                "the painter learns nothing. Only the critic's step leaves the painter out")
    grad, = torch.autograd.grad(got, fake)
    if not torch.allclose(grad, torch.full_like(fake, -0.25)):
        return "every logit should pull with the same strength, -1 over their number"
    return None


def _walked(layers, kernel=4, last=2, grow=lambda size, stride: (size - 1) * stride, forward=False):
    """From one logit back to the pixels, with one thing wrong or none."""
    size, strides = 1, [1] * last + [2] * layers
    for stride in reversed(strides) if forward else strides:
        size = grow(size, stride) + kernel
    return size


def check_receptive_field(receptive_field):
    """layers -> pixels across, for 1 to 5 strided layers."""
    numbers = (1, 2, 3, 4, 5)
    got = [receptive_field(n) for n in numbers]
    if any(value is None for value in got):
        return "it gives None: is there a return?"
    if not all(isinstance(value, (int, float)) or getattr(value, "ndim", 1) == 0 for value in got):
        return f"it gives {type(got[0]).__name__}, wanted one number: pixels across"
    got = [float(value) for value in got]
    rows = {
        "it walks from the pixels to the logit: a stride spreads everything that stands *behind* it, so begin with one "
        "logit and go back, last layer first": lambda n: _walked(n, forward=True),
        "one of the two layers of stride 1 is missing: behind the strided ones stands one more, and then the one that "
        "makes the logit": lambda n: _walked(n, last=1),
        "both layers of stride 1 are missing: they see 4 x 4 as well": lambda n: _walked(n, last=0),
        "there is a layer of stride 1 too many": lambda n: _walked(n, last=3),
        "the strides are left out: one step to the side in a later layer is 2, 4, 8 pixels in the picture":
            lambda n: 1 + 3 * (n + 2),
        "it counts 3 x 3 kernels: these are 4 x 4": lambda n: _walked(n, kernel=3),
        "neighbours count as if they did not overlap: s outputs side by side see (s - 1) strides and one kernel, not "
        "s strides and one kernel": lambda n: _walked(n, grow=lambda size, stride: size * stride),
        "it is the strides times the kernel: that is how far one output of the last layer moves, not all that it sees":
            lambda n: 4 * 2**n,
        "it is the answer for one strided layer fewer: `layers` counts the convolutions of stride 2":
            lambda n: _walked(n - 1),
        "it is the answer for one strided layer more: `layers` counts the convolutions of stride 2":
            lambda n: _walked(n + 1),
        "it is an area: wanted are the pixels across": lambda n: _walked(n) ** 2,
    }
    for message, wrong in rows.items():
        if got == [wrong(n) for n in numbers]:
            return message
    for n, value in zip(numbers, got, strict=True):
        if value != _walked(n):
            return f"for {n} strided layer{'s' * (n > 1)} it gives {value:g}, wanted {_walked(n)}"
    return None


def critic_step(critic, optimizer, x, x_rec):
    """(B, C, H, W), (B, C, H, W) -> log: the critic's half of the package's step, by itself."""
    real, fake = critic(x), critic(x_rec.detach())
    loss = hinge_d(real, fake)
    learn(critic, optimizer, torch.autograd.grad(loss, list(critic.parameters())))
    return {"critic": loss.item(), "real": real.mean().item(), "fake": fake.mean().item()}


def check_critic_step(step):
    """The critic learns as it should; the painter's gradients stay, and so does the way back to it."""
    painter = nn.Conv2d(3, 3, 3, padding=1).double()
    x = torch.rand(2, 3, 16, 16, dtype=torch.float64) * 2 - 1
    mine, theirs = _small_critic(), _small_critic()
    start = [parameter.detach().clone() for parameter in mine.parameters()]
    for part in (painter, mine):                                # what an earlier step may have left behind
        for parameter in part.parameters():
            parameter.grad = torch.full_like(parameter, 0.01)
    x_rec = painter(x)
    log = step(mine, torch.optim.SGD(mine.parameters(), lr=0.1), x, x_rec)
    wanted = critic_step(theirs, torch.optim.SGD(theirs.parameters(), lr=0.1), x, x_rec)
    kept = all(p.grad is not None and (p.grad == 0.01).all() for p in painter.parameters())
    if not kept:
        wiped = all(p.grad is None or not p.grad.abs().sum() for p in painter.parameters())
        return ("the painter's gradients are wiped out in the critic's step: what the reconstruction left there is lost"
                if wiped else
                "the painter's gradients change in the critic's step: backward() runs on through the redrawn pictures "
                "into the painter, and its optimiser would add that, with the wrong sign, to its own")
    if not x_rec.requires_grad or x_rec.grad_fn is None:
        return ("the redrawn pictures have lost their way back to the painter: the step cuts them in place, so the "
                "painter's own step is cut off as well. Cut a copy")
    if not isinstance(log, dict) or not {"critic", "real", "fake"} <= set(log):
        return "wanted the log, a dict with critic, real and fake in it"
    now = [parameter.detach() for parameter in mine.parameters()]
    if all(torch.equal(a, b) for a, b in zip(start, now, strict=True)):
        return "the critic does not move: zero_grad, backward, step, in this order?"
    message = _where(now, list(theirs.parameters()), x, x_rec.detach())
    if message:
        return message
    for name in ("critic", "real", "fake"):
        if not math.isclose(float(log[name]), wanted[name], rel_tol=1e-6, abs_tol=1e-9):
            return f"the log says {name} {float(log[name]):.5f}, wanted {wanted[name]:.5f}"
    if any(not p.requires_grad for p in mine.parameters()):
        return "the critic is frozen behind the step: it could not learn in the next one"
    try:
        (-mine(x_rec).mean()).backward()
    except RuntimeError:
        return "behind the step no gradient comes back to the painter: its graph is used up"
    if all((p.grad == 0.01).all() for p in painter.parameters()):
        return "behind the step no gradient comes back to the painter: what did the step do to the redrawn pictures?"
    return None


def _where(now, wanted, x, x_rec):
    """What the critic learned from: None, or a sentence where it is not both kinds of pictures."""
    same = lambda a, b: all(torch.allclose(p, q, atol=1e-10) for p, q in zip(a, b, strict=True))        # noqa: E731
    if same(now, wanted):
        return None

    def after(loss, left=0.0):
        critic = _small_critic()
        gradients = torch.autograd.grad(loss(critic(x), critic(x_rec)), list(critic.parameters()))
        return [p.detach() - 0.1 * (g + left) for p, g in zip(critic.parameters(), gradients, strict=True)]

    if same(now, after(hinge_d, 0.01)):
        return "old gradients are still in the critic's step: the painter leaves some there, so clear them first"
    if same(now, after(lambda real, fake: hinge_d(real, fake.detach()))):
        return "the critic learns from the real pictures alone: the redrawn ones are seen, but leave no gradient in it"
    if same(now, after(lambda real, fake: hinge_d(real.detach(), fake))):
        return "the critic learns from the redrawn pictures alone"
    if same(now, after(lambda real, fake: hinge_d(fake, real))):
        return "real and redrawn are swapped in the loss: the critic learns to call the redrawn ones real"
    if same(now, after(lambda real, fake: -fake.mean())):
        return "the critic minimises the painter's loss: it learns to please"
    return "the critic's weights go elsewhere than in one step down the hinge loss of both kinds of pictures"


def _small_critic():
    torch.manual_seed(1)
    return PatchDiscriminator(3, width=8, layers=1, groups=4).double()


EXERCISES = (
    Exercise(
        "6.1", "predict", "What a clueless critic pays", difficulty=1, minutes=3, points=1,
        options={
            "a": Option("hinge 0, vanilla 0: who claims nothing is never wrong", (0.0, 0.0),
                        "Then nobody would have to learn anything. A loss near 0 belongs to a critic that is right and "
                        "sure about everything; and that is no success either: see Break it."),
            "b": Option("hinge 0.5, vanilla 0.5: a coin is wrong half of the time", (0.5, 0.5),
                        "That is the share of wrong answers. A loss also asks how sure the answers were."),
            "c": Option("hinge 1, vanilla ln 2 = 0.693", (1.0, 0.693),
                        "Both sides are one margin away from the hinge; and a coin costs ln 2.", right=True),
            "d": Option("hinge 2, vanilla 2 ln 2 = 1.386", (2.0, 1.386),
                        "That is the sum over both kinds of pictures. The half before the bracket makes it a mean."),
        }),
    Exercise(
        "6.2", "complete", "Two losses, one game", difficulty=2, minutes=10, points=3,
        check=check_losses, package=lambda: (hinge_d, generator),
        hints=("The critic's loss has two halves of the same form. A real logit costs what it lacks to 1, and nothing "
               "if it lacks nothing; F.relu says just that.",
               "1 - real is what a real logit lacks; 1 + fake is what a redrawn one has too much. relu, mean, half.",
               "The painter's loss is one line without any relu: it wants the mean logit of its pictures high, and a "
               "loss is made small.")),
    Exercise(
        "6.3", "complete", "How far a logit sees", difficulty=2, minutes=10, points=3,
        check=check_receptive_field, package=lambda: receptive_field,
        hints=("Begin at the end: one logit sees 4 outputs across of the layer before it. How many does that group see "
               "of the layer before that one?",
               "s outputs side by side lie (s - 1) strides apart, first to last, and each sees 4: together "
               "(s - 1) * stride + 4.",
               "Start with size = 1. Go through the strides from the last layer to the first: 1, 1, then `layers` "
               "times 2; each time size becomes (size - 1) * stride + 4.")),
    Exercise(
        "6.4", "debug", "Whose gradients?", difficulty=2, minutes=10, points=3,
        check=check_critic_step, package=lambda: critic_step,
        hints=("Print the gradient of one weight of the painter before and after the critic's step.",
               "x_rec remembers how it was made. On which path does backward() get from the loss to the painter, and "
               "where can it be cut without changing x_rec itself?",
               "Show the critic a detached copy: x_rec.detach(). detach_(), with the underscore, would cut the "
               "painter's own copy too.")),
    Exercise("6.5", "explore", "The game on a line", difficulty=3, minutes=15, points=3),
)
