"""Lesson 07, vqgan: misconceptions and other right answers."""

import torch

from minivq.training_gan import GANConfig
from tests.mutants import Alternative, Mutant


def gradients(weight=lambda painter: painter.last_weight, rec=lambda pixels, features: pixels + features,
              order=lambda rec, gan: (rec, gan), keep=True):
    """both_gradients with one thing wrong."""
    def both_gradients(painter, pixels, features, gan):
        first, second = order(rec(pixels, features), gan)
        return [torch.autograd.grad(loss, weight(painter), retain_graph=kept)[0]
                for loss, kept in ((first, True), (second, keep))]
    return both_gradients


def ratio(rec, gan, cap=1e4):
    return (rec.norm() / (gan.norm() + 1e-4)).clamp(0, cap).detach()


def weight_side(function):
    """A pair whose λ is this one."""
    return gradients(), function


def gradient_side(function):
    """A pair whose gradients are these."""
    return function, ratio


def by_backward(painter, pixels, features, gan):
    """The gradients by way of .grad."""
    found = []
    for loss in (pixels + features, gan):
        painter.zero_grad()
        loss.backward(retain_graph=True)
        found.append(painter.last_weight.grad.clone())
    return found


def whole_tuples(painter, pixels, features, gan):
    return [torch.autograd.grad(loss, painter.last_weight, retain_graph=True) for loss in (pixels + features, gan)]


def at_once(painter, pixels, features, gan):
    """The same gradients; the first as a sum of two, with a way back."""
    parts = [torch.autograd.grad(loss, [painter.last_weight], create_graph=True)[0] for loss in (pixels, features, gan)]
    return parts[0] + parts[1], parts[2]


def by_hand(rec_gradient, gan_gradient, cap=1e4):
    with torch.no_grad():
        lengths = [gradient.square().sum().sqrt() for gradient in (rec_gradient, gan_gradient)]
        return torch.minimum(lengths[0] / (lengths[1] + 1e-4), lengths[0].new_tensor(cap))


def learns(first=lambda c: round(c.critic_from * c.steps), rule=lambda step, first: step >= first):
    def critic_learns(step, config):
        return rule(step, first(config))
    return critic_learns


def ramp(first=lambda c: round(c.heard_from * c.steps), full=lambda c: round(c.loud_from * c.steps), top=1.0,
         more=1, below=1):
    """volume with one thing wrong."""
    def volume(step, config):
        a, b = first(config), full(config)
        if step < a:
            return 0.0
        if step >= b and top:
            return top
        return (step - a + more) / (b - a + below)
    return volume


def heard(function):
    """A pair whose volume is this one."""
    return learns(), function


def learning(function):
    """A pair whose critic learns like this."""
    return function, ramp()


def by_clamp(step, config: GANConfig):
    a, b = (round(share * config.steps) for share in (config.heard_from, config.loud_from))
    return max(0.0, min(1.0, (step - a + 1) / (b - a + 1)))


RIGHT = {"A": ("winning", "rates"), "B": ("asleep", "one optimiser"), "C": ("healthy", "fine")}

MUTANTS = [
    Mutant("7.2", "gradient at the first layer", gradient_side(gradients(lambda p: p.encoder.conv_in.weight)),
           "as encoder.conv_in.weight has"),
    Mutant("7.2", "gradient at the decoder's input", gradient_side(gradients(lambda p: p.decoder.conv_in.weight)),
           "At the input or at the first layer"),
    Mutant("7.2", "perceptual term left out of rec", gradient_side(gradients(rec=lambda pixels, features: pixels)),
           "the features are left out"),
    Mutant("7.2", "pixels left out of rec", gradient_side(gradients(rec=lambda pixels, features: features)),
           "pixels are left out"),
    Mutant("7.2", "order turned round", gradient_side(gradients(order=lambda rec, gan: (gan, rec))),
           "the order is turned round"),
    Mutant("7.2", "sign of the critic's voice", gradient_side(gradients(order=lambda rec, gan: (rec, -gan))),
           "the sign is turned round"),
    Mutant("7.2", "graph used up", gradient_side(gradients(keep=False)), "graph is used up"),
    Mutant("7.2", "by backward", gradient_side(by_backward), "backward() adds up"),
    Mutant("7.2", "tuples for tensors", gradient_side(whole_tuples), "take the entry out"),
    Mutant("7.2", "ratio upside down", weight_side(lambda rec, gan, cap=1e4: ratio(gan, rec, cap)), "upside down"),
    Mutant("7.2", "λ not detached", weight_side(
        lambda rec, gan, cap=1e4: (rec.norm() / (gan.norm() + 1e-4)).clamp(0, cap)), "λ is not detached"),
    Mutant("7.2", "no cap", weight_side(lambda rec, gan, cap=1e4: ratio(rec, gan, 1e9)), "there is no cap"),
    Mutant("7.2", "cap as the least", weight_side(
        lambda rec, gan, cap=1e4: (rec.norm() / (gan.norm() + 1e-4)).detach().clamp_min(cap).clamp_max(cap)),
        "the most that λ may be"),
    Mutant("7.2", "no small number", weight_side(
        lambda rec, gan, cap=1e4: (rec.norm() / gan.norm()).clamp(0, cap).detach()), "0 / 0"),
    Mutant("7.2", "the small number above the line too", weight_side(
        lambda rec, gan, cap=1e4: ((rec.norm() + 1e-4) / (gan.norm() + 1e-6)).clamp(0, cap).detach()), "1e-4 is added"),
    Mutant("7.2", "squares", weight_side(
        lambda rec, gan, cap=1e4: (rec.square().sum() / (gan.square().sum() + 1e-4)).clamp(0, cap).detach()),
        "lengths are squared"),
    Mutant("7.2", "mean absolute entries", weight_side(
        lambda rec, gan, cap=1e4: (rec.abs().mean() / (gan.abs().mean() + 1e-4)).clamp(0, cap).detach()),
        "mean absolute entries"),
    Mutant("7.2", "entry by entry", weight_side(
        lambda rec, gan, cap=1e4: (rec.abs() / (gan.abs() + 1e-4)).clamp(0, cap).detach()), "a number for each entry"),
    Mutant("7.2", "loudness inside", weight_side(lambda rec, gan, cap=1e4: 0.2 * ratio(rec, gan, cap)), "loudness"),
    Mutant("7.2", "a number", weight_side(lambda rec, gan, cap=1e4: ratio(rec, gan, cap).item()), "wanted a tensor"),
    Mutant("7.2", "one function", ratio, "the pair of functions"),
    Mutant("7.3", "no warm-up of the critic", learning(learns(lambda c: round(c.heard_from * c.steps))),
           "leaves it no warm-up"),
    Mutant("7.3", "from the first step on", learning(lambda step, config: True), "from the first step on"),
    Mutant("7.3", "critic_from as a step", learning(learns(lambda c: c.critic_from)), "taken for a step"),
    Mutant("7.3", "one step late", learning(learns(rule=lambda step, first: step > first)), "one step late"),
    Mutant("7.3", "learns until it is heard", learning(
        lambda step, c: round(c.critic_from * c.steps) <= step < round(c.heard_from * c.steps)), "stops learning"),
    Mutant("7.3", "no ramp", heard(lambda step, c: float(step >= round(c.heard_from * c.steps))),
           "there is no ramp: at heard_from"),
    Mutant("7.3", "silent, then loud", heard(lambda step, c: float(step >= round(c.loud_from * c.steps))),
           "nothing is heard before"),
    Mutant("7.3", "shares as steps", heard(ramp(lambda c: c.heard_from, lambda c: c.loud_from)), "taken for steps"),
    Mutant("7.3", "from step 0", heard(ramp(lambda c: 0)), "begins at step 0"),
    Mutant("7.3", "from critic_from", heard(ramp(lambda c: round(c.critic_from * c.steps))), "begins at critic_from"),
    Mutant("7.3", "no end", heard(ramp(top=0)), "goes on growing"),
    Mutant("7.3", "first step silent", heard(ramp(more=0, below=0)), "is still 0"),
    Mutant("7.3", "loud one step early", heard(ramp(below=0)), "one step early"),
    Mutant("7.3", "falls", heard(lambda step, c: 1 - by_clamp(step, c)), "it falls"),
    Mutant("7.3", "int for round",
           heard(ramp(lambda c: int(c.heard_from * c.steps), lambda c: int(c.loud_from * c.steps))), "by int()"),
    Mutant("7.3", "a quadratic ramp", heard(lambda step, c: by_clamp(step, c) ** 2), "at step 29 it gives"),
    Mutant("7.3", "one function", learns(), "the pair of functions"),
    Mutant("7.4", "G's loss falls, so pictures improve", RIGHT | {"B": ("healthy", "fine")}, "no picture improved"),
    Mutant("7.4", "D's loss near 0 is success", RIGHT | {"A": ("healthy", "fine")}, "no longer helps"),
    Mutant("7.4", "D's and G's parameters in one optimiser, not seen", RIGHT | {"B": ("asleep", "frozen")},
           "a frozen critic's logits"),
    Mutant("7.4", "one optimiser taken for rates", RIGHT | {"B": ("asleep", "rates")}, "whose parameters does it hold"),
    Mutant("7.4", "a narrowing gap, a critic asleep", RIGHT | {"C": ("asleep", "rates")}, "the painter's doing"),
    Mutant("7.4", "a critic's loss above 1 wins", RIGHT | {"B": ("winning", "rates")}, "pays more than one"),
    Mutant("7.4", "nothing to mend", RIGHT | {"A": ("winning", "fine")}, "one thing is wrong"),
    Mutant("7.4", "frozen and winning", RIGHT | {"A": ("winning", "frozen")}, "would not get better"),
    Mutant("7.4", "a cause for the healthy one", RIGHT | {"C": ("healthy", "rates")}, "goes as it should"),
    Mutant("7.4", "words alone", {"A": "winning", "B": "asleep", "C": "healthy"}, "a pair of a state"),
    Mutant("7.4", "a list", ["winning", "asleep", "healthy"], "wanted a dict"),
]

ALTERNATIVES = [
    Alternative("7.2", "by parts, with a way back", (at_once, ratio)),
    Alternative("7.2", "under no_grad", (gradients(), by_hand)),
    Alternative("7.3", "by clamp", (lambda step, c: not step < round(c.critic_from * c.steps), by_clamp)),
    Alternative("7.4", "lists for pairs", {log: list(said) for log, said in RIGHT.items()}),
]
