"""Solutions of lesson 06."""

import inspect

import torch.nn.functional as F


def hinge_d(real, fake):
    """logits (...), (...) -> scalar: real ones above 1 and redrawn ones below -1 cost nothing"""
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())


def generator(fake):
    """logits (...) -> scalar: what the painter minimises"""
    return -fake.mean()


# Both sides in one cell: the check gets the pair.
BOTH_LOSSES = "\n\n\n".join([
    "import torch.nn.functional as F", inspect.getsource(hinge_d).rstrip(), inspect.getsource(generator).rstrip(),
    "both_losses = hinge_d, generator"])


def receptive_field(layers):
    """n strided layers -> int: pixels across that one logit sees"""
    size = 1
    for stride in [1, 1] + [2] * layers:  # from the logit back to the picture
        size = (size - 1) * stride + 4
    return size


def critic_step(critic, optimizer, x, x_rec):
    """(B, C, H, W), (B, C, H, W) -> log: one step of the critic; the painter of x_rec is left alone"""
    real, fake = critic(x), critic(x_rec.detach())  # a cut copy: x_rec itself keeps its way back
    loss = hinge_d(real, fake)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return {"critic": loss.item(), "real": real.mean().item(), "fake": fake.mean().item()}


SOLUTIONS = {
    "6.2": BOTH_LOSSES,
    "6.3": receptive_field,
    "6.4": critic_step,
}
