"""Lesson 06, discriminator: misconceptions and other right answers."""

import torch
import torch.nn.functional as F

from tests.mutants import Alternative, Mutant


def hinge(real, fake):
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())


def painter(fake):
    return -fake.mean()


def critic_side(loss):
    """A pair whose critic's loss is this one."""
    return loss, painter


def painter_side(loss):
    """A pair whose painter's loss is this one."""
    return hinge, loss


def cross_entropy(real, fake, swapped=False):
    halves = []
    for logits, target in ((real, torch.ones_like(real)), (fake, torch.zeros_like(fake))):
        pair = (target, logits) if swapped else (logits, target)
        halves.append(F.binary_cross_entropy_with_logits(*pair))
    return 0.5 * sum(halves)


def hinge_by_clamp(real, fake):
    return ((1 - real).clamp_min(0).mean() + (fake + 1).clamp_min(0).mean()) / 2


def hinge_by_maximum(real, fake):
    zero = real.new_zeros(())
    return torch.maximum(1 - real, zero).mean() / 2 + torch.maximum(1 + fake, zero).mean() / 2


def field(strides=lambda n: [1, 1] + [2] * n, kernel=4, grow=lambda size, stride: (size - 1) * stride):
    """A walk over the layers of which single parts can be wrong."""
    def receptive_field(layers):
        size = 1
        for stride in strides(layers):
            size = grow(size, stride) + kernel
        return size
    return receptive_field


def step(cut=lambda x_rec: x_rec.detach(), loss=hinge, clear=True, learn=True, twice=False, seen=None, log=True):
    """The critic's step with one thing wrong."""
    def critic_step(critic, optimizer, x, x_rec):
        for _ in range(1 + twice):
            if clear:
                optimizer.zero_grad(set_to_none=True)
            real = critic(x)
            fake = critic(cut(x_rec)) if seen is None else seen(critic, x_rec)
            value = loss(real, fake)
            value.backward()
            if learn:
                optimizer.step()
        return {"critic": value.item(), "real": real.mean().item(), "fake": fake.mean().item()} if log else value
    return critic_step


def without_gradient(critic, x_rec):
    with torch.no_grad():
        return critic(x_rec)


def wiped(critic, optimizer, x, x_rec):
    """The painter's gradients are cleared by hand behind the step: those of the reconstruction are gone as well."""
    log = step(cut=lambda x_rec: x_rec)(critic, optimizer, x, x_rec)
    for parameter in (x_rec.grad_fn.next_functions[1][0].variable, x_rec.grad_fn.next_functions[2][0].variable):
        parameter.grad = None
    return log


def frozen_behind(critic, optimizer, x, x_rec):
    log = step()(critic, optimizer, x, x_rec)
    critic.requires_grad_(False)
    return log


def by_leaf(critic, optimizer, x, x_rec):
    """As the package does it: the redrawn pictures as a leaf, gradients asked for by name."""
    leaf = x_rec.detach().clone().requires_grad_()
    real, fake = critic(x), critic(leaf)
    loss = hinge(real, fake)
    gradients = torch.autograd.grad(loss, list(critic.parameters()))
    for parameter, gradient in zip(critic.parameters(), gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
    return {"critic": loss.item(), "real": real.mean().item(), "fake": fake.mean().item()}


def one_batch(critic, optimizer, x, x_rec):
    """Both kinds in one forward: GroupNorm looks at each picture alone."""
    real, fake = critic(torch.cat([x, x_rec.detach()])).chunk(2)
    loss = hinge(real, fake)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"critic": loss.item(), "real": real.mean().item(), "fake": fake.mean().item()}


MUTANTS = [
    Mutant("6.2", "signs swapped", critic_side(lambda real, fake: hinge(-real, -fake)), "the signs are swapped"),
    Mutant("6.2", "real and redrawn swapped", critic_side(lambda real, fake: hinge(fake, real)),
           "or the two kinds of pictures"),
    Mutant("6.2", "no half", critic_side(lambda real, fake: 2 * hinge(real, fake)), "sum of both sides"),
    Mutant("6.2", "sigmoid before hinge", critic_side(lambda real, fake: hinge(real.sigmoid(), fake.sigmoid())),
           "a sigmoid stands before the hinge"),
    Mutant("6.2", "no hinge", critic_side(lambda real, fake: 0.5 * ((1 - real).mean() + (1 + fake).mean())),
           "there is no hinge in it"),
    Mutant("6.2", "hinge of the mean", critic_side(lambda real, fake: hinge(real.mean(), fake.mean())),
           "on the mean of the logits"),
    Mutant("6.2", "no margin", critic_side(lambda real, fake: 0.5 * (F.relu(-real).mean() + F.relu(fake).mean())),
           "the margin is missing"),
    Mutant("6.2", "BCE for hinge", critic_side(cross_entropy), "this is the cross-entropy"),
    Mutant("6.2", "BCE arguments swapped", critic_side(lambda real, fake: cross_entropy(real, fake, swapped=True)),
           "arguments swapped"),
    Mutant("6.2", "fakes detached in the loss", critic_side(lambda real, fake: hinge(real, fake.detach())),
           "does not reach the logits of redrawn"),
    Mutant("6.2", "a number", critic_side(lambda real, fake: hinge(real, fake).item()), "wanted a tensor"),
    Mutant("6.2", "one function", (hinge,), "the pair of functions"),
    Mutant("6.2", "sign of the painter swapped", painter_side(lambda fake: fake.mean()),
           "sign of the painter's loss is swapped"),
    Mutant("6.2", "a hinge on G", painter_side(lambda fake: F.relu(1 - fake).mean()), "a hinge on the painter's side"),
    Mutant("6.2", "detached in G's step too", painter_side(lambda fake: -fake.detach().mean()),
           "detached in the painter's loss too"),
    Mutant("6.2", "saturating", painter_side(lambda fake: torch.log(1 - fake.sigmoid()).mean()), "the saturating loss"),
    Mutant("6.2", "-ln σ", painter_side(lambda fake: F.softplus(-fake).mean()), "in the vanilla game"),
    Mutant("6.2", "sigmoid in the painter's loss", painter_side(lambda fake: -fake.sigmoid().mean()),
           "a sigmoid stands before the mean"),
    Mutant("6.2", "sum for mean", painter_side(lambda fake: -fake.sum()), "is a sum"),
    Mutant("6.2", "the critic's side for the painter", painter_side(lambda fake: F.relu(1 + fake).mean()),
           "what the critic pays"),
    Mutant("6.2", "half of the painter's loss", painter_side(lambda fake: -0.5 * fake.mean()), "is halved"),
    Mutant("6.3", "from the pixels on", field(lambda n: [2] * n + [1, 1]), "from the pixels to the logit"),
    Mutant("6.3", "one stride-1 layer", field(lambda n: [1] + [2] * n), "one of the two layers of stride 1"),
    Mutant("6.3", "strided layers only", field(lambda n: [2] * n), "both layers of stride 1 are missing"),
    Mutant("6.3", "a layer too many", field(lambda n: [1, 1, 1] + [2] * n), "too many"),
    Mutant("6.3", "strides left out", field(lambda n: [1] * (n + 2)), "the strides are left out"),
    Mutant("6.3", "kernel 3", field(kernel=3), "counts 3 x 3 kernels"),
    Mutant("6.3", "no overlap", field(grow=lambda size, stride: size * stride), "did not overlap"),
    Mutant("6.3", "product of strides", lambda n: 4 * 2**n, "the strides times the kernel"),
    Mutant("6.3", "the first layer not counted", field(lambda n: [1, 1] + [2] * (n - 1)), "one strided layer fewer"),
    Mutant("6.3", "all but one counted as strided", field(lambda n: [1, 1] + [2] * (n + 1)), "one strided layer more"),
    Mutant("6.3", "an area", lambda n: field()(n) ** 2, "it is an area"),
    Mutant("6.3", "off by one", lambda n: field()(n) - 1, "wanted 16"),
    Mutant("6.3", "the paper's number always", lambda n: 70, "wanted 16"),
    Mutant("6.4", "fakes not detached", step(cut=lambda x_rec: x_rec), "into the painter"),
    Mutant("6.4", "detached in place", step(cut=lambda x_rec: x_rec.detach_()), "cuts them in place"),
    Mutant("6.4", "no gradient from the fakes", step(seen=without_gradient), "real pictures alone"),
    Mutant("6.4", "real pictures cut", step(loss=lambda real, fake: hinge(real.detach(), fake)),
           "redrawn pictures alone"),
    Mutant("6.4", "no zero_grad", step(clear=False), "old gradients"),
    Mutant("6.4", "real and redrawn swapped", step(loss=lambda real, fake: hinge(fake, real)),
           "call the redrawn ones real"),
    Mutant("6.4", "the painter's loss for the critic", step(loss=lambda real, fake: painter(fake)), "learns to please"),
    Mutant("6.4", "no step", step(learn=False), "the critic does not move"),
    Mutant("6.4", "two steps", step(twice=True), "elsewhere"),
    Mutant("6.4", "the painter's gradients wiped", wiped, "wiped out"),
    Mutant("6.4", "the critic frozen behind it", frozen_behind, "frozen behind the step"),
    Mutant("6.4", "a tensor for the log", step(log=False), "wanted the log"),
]

ALTERNATIVES = [
    Alternative("6.2", "by clamp", (hinge_by_clamp, lambda fake: (-fake).mean())),
    Alternative("6.2", "by maximum", (hinge_by_maximum, lambda fake: -(fake.sum() / fake.numel()))),
    Alternative("6.3", "in closed form", lambda n: 9 * 2**n - 2),
    Alternative("6.4", "by a leaf", by_leaf),
    Alternative("6.4", "both kinds in one batch", one_batch),
]
