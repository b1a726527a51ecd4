"""What a critic says as a number, hinge or vanilla, and the weight λ that makes two voices equally loud. Floor 1."""
import torch
import torch.nn.functional as F
from torch import Tensor

from minivq import distributed


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """Logits (...), (...) -> scalar, 1 for a clueless critic: push real ones above 1 and redrawn ones below -1."""
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())


def vanilla_d(real: Tensor, fake: Tensor) -> Tensor:
    """Logits (...), (...) -> scalar, ln 2 for a clueless critic: the cross-entropy of real and redrawn."""
    return 0.5 * (F.softplus(-real).mean() + F.softplus(fake).mean())


def generator(fake: Tensor) -> Tensor:
    """Logits (...) of redrawn pictures -> scalar: what the painter minimises, beside either loss of the critic."""
    return -fake.mean()


CRITIC_LOSSES = {"hinge": hinge_d, "vanilla": vanilla_d}


def adaptive_weight(rec_gradient: Tensor, gan_gradient: Tensor, cap: float = 1e4) -> Tensor:
    """Gradients of both losses at the decoder's last weight, shapes equal -> λ, a scalar in [0, cap], detached.

    λ = ‖∇rec‖ / (‖∇gan‖ + 1e-4): times λ, the critic pulls at that weight as strongly as the reconstruction does
    (Esser et al. 2021, eq. 7). Both gradients are averaged over all processes before their norms are taken.
    """
    rec, gan = (distributed.all_reduce(gradient.detach().clone()) / distributed.world_size()
                for gradient in (rec_gradient, gan_gradient))
    return (torch.linalg.vector_norm(rec) / (torch.linalg.vector_norm(gan) + 1e-4)).clamp(0, cap)
