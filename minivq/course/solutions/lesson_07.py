"""Solutions of lesson 07."""

import inspect

import torch


def both_gradients(painter, pixels, features, gan):
    """losses of one graph, scalars -> the gradients of pixels + features and of gan at the painter's last weight"""
    rec = pixels + features  # all that asks for the original
    return [torch.autograd.grad(loss, painter.last_weight, retain_graph=True)[0] for loss in (rec, gan)]


def adaptive_weight(rec_gradient, gan_gradient, cap=1e4):
    """two gradients of one shape -> λ, a scalar in [0, cap], detached"""
    return (rec_gradient.norm() / (gan_gradient.norm() + 1e-4)).clamp(0, cap).detach()


# Both parts in one cell: the check gets the pair.
WEIGHT = "\n\n\n".join([
    "import torch", inspect.getsource(both_gradients).rstrip(), inspect.getsource(adaptive_weight).rstrip(),
    "both_parts = both_gradients, adaptive_weight"])


def critic_learns(step, config):
    """step, config -> bool: whether the critic takes part in this step"""
    return step >= round(config.critic_from * config.steps)


def volume(step, config):
    """step, config -> float in [0, 1]: how much of the critic's voice the painter hears"""
    first, full = (round(share * config.steps) for share in (config.heard_from, config.loud_from))
    if step < first:
        return 0.0
    if step >= full:
        return 1.0
    return (step - first + 1) / (full - first + 1)


SCHEDULE = "\n\n\n".join([
    inspect.getsource(critic_learns).rstrip(), inspect.getsource(volume).rstrip(), "schedule = critic_learns, volume"])

THREE_LOGS = """
# A: right about everything, sure of it, and nobody moves. B: real and redrawn climb together, from the first step at
# which the painter speaks: the critic steps down the painter's loss too. C: a gap that opens, then narrows.
answer = {"A": ("winning", "rates"), "B": ("asleep", "one optimiser"), "C": ("healthy", "fine")}
""".strip()


SOLUTIONS = {
    "7.2": WEIGHT,
    "7.3": SCHEDULE,
    "7.4": THREE_LOGS,
}
