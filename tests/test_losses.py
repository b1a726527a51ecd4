"""The critic, its losses, and the weight of its voice."""
import math

import pytest
import torch

from minivq.discriminator import PatchDiscriminator, receptive_field
from minivq.losses import adaptive_weight, generator, hinge_d, vanilla_d

REAL, FAKE = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])


def test_the_hinge_ends_where_the_critic_is_sure():
    assert hinge_d(REAL, FAKE).item() == pytest.approx(0.5 * (0.25 + 0.5))     # of four logits, two are sure


def test_the_vanilla_loss_is_the_cross_entropy_of_real_as_one_and_redrawn_as_zero():
    logits, wanted = torch.cat([REAL, FAKE]), torch.tensor([1.0, 1.0, 0.0, 0.0])
    assert vanilla_d(REAL, FAKE).item() == pytest.approx(
        torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted).item())


def test_a_clueless_critic_loses_one_or_ln_two():
    zero = torch.zeros(3)
    assert hinge_d(zero, zero).item() == 1.0 and vanilla_d(zero, zero).item() == pytest.approx(math.log(2))


def test_the_painter_wants_high_logits_without_a_hinge():
    assert generator(torch.tensor([2.0, 4.0])).item() == -3.0


def test_lambda_makes_both_gradients_equally_long():
    rec, gan = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.5]])
    weight = adaptive_weight(rec, gan)
    assert weight.item() == pytest.approx(5 / (0.5 + 1e-4)) and not weight.requires_grad
    assert adaptive_weight(rec, torch.zeros(1, 2), cap=100.0).item() == 100.0
    assert adaptive_weight(rec, torch.zeros(1, 2)).item() == 1e4


@pytest.mark.parametrize("layers, size", [(1, 16), (2, 34), (3, 70)])
def test_a_logit_sees_as_many_pixels_as_is_said(layers, size):
    torch.manual_seed(0)
    critic = PatchDiscriminator(1, width=8, layers=layers, groups=1).double()
    for module in critic.modules():                      # GroupNorm looks at the whole picture: left out here
        if isinstance(module, torch.nn.GroupNorm):
            module.forward = lambda x: x
    x = torch.rand(1, 1, 96, 96, dtype=torch.float64, requires_grad=True)
    logits = critic(x)
    seen, = torch.autograd.grad(logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2], x)
    rows = seen[0, 0].abs().sum(1).nonzero()
    assert receptive_field(layers) == size == (rows.max() - rows.min() + 1).item()


def test_no_picture_changes_the_logits_of_another():
    critic, x = PatchDiscriminator(width=8), torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(critic(x)[1:], critic(x[1:]))


def test_the_critic_starts_with_small_weights_and_refuses_small_pictures():
    torch.manual_seed(0)
    critic = PatchDiscriminator()
    assert critic.net[2].weight.std().item() == pytest.approx(0.02, rel=0.02)
    with pytest.raises(ValueError, match="8x8 px are too small for 2 layers: wanted at least 16"):
        critic(torch.zeros(1, 3, 8, 8))
