"""The optimiser: which weights it makes orthogonal steps for, how large they are, that it goes on."""
import copy

import pytest
import torch
from torch import nn

from minivq.muon import Muon, orthogonal


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 24, 3, padding=1), nn.Conv2d(24, 3, 1))


def descend(model, optimizer, steps):
    torch.manual_seed(1)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        x = torch.randn(2, 3, 8, 8)
        (model(x) - x).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("shape", [(16, 40), (40, 16), (12, 12)])
def test_all_directions_move_about_equally_far(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape) @ torch.diag(torch.logspace(0, -1, shape[1]))
    assert torch.linalg.cond(matrix) > 3
    values = torch.linalg.svdvals(orthogonal(matrix))
    assert 0.5 < values.min() and values.max() < 1.3, values
    U, _, V = torch.linalg.svd(matrix, full_matrices=False)
    assert (orthogonal(matrix) * (U @ V)).sum() / (U @ V).square().sum() > 0.75     # the same directions, not others


def test_layers_at_the_picture_are_left_to_adamw():
    model = net()
    assert [p.shape for p in Muon(model, 1e-3).between] == [model[1].weight.shape]


def test_a_step_has_the_size_that_was_asked_for():
    model = net()
    before = model[1].weight.detach().clone()
    model[1].weight.grad = 100 * torch.randn_like(before)
    Muon(model, lr=1e-2, reach=0.5).step()
    moved = (model[1].weight.detach() - before).square().mean().sqrt().item()
    assert moved == pytest.approx(0.5 * 1e-2, rel=0.3)                              # rms of an entry: reach · lr


def test_a_copy_from_its_state_goes_on_alike():
    model = net()
    optimizer = Muon(model, 1e-2)
    descend(model, optimizer, 3)
    again = copy.deepcopy(model)
    resumed = Muon(again, 1e-2)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    descend(model, optimizer, 3), descend(again, resumed, 3)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), again.parameters(), strict=True))


def test_it_learns_faster_than_adamw_where_directions_differ_in_strength():
    losses = {}
    for kind in (Muon, lambda model, lr: torch.optim.AdamW(model.parameters(), lr)):
        model = net()
        optimizer = kind(model, 3e-3)
        descend(model, optimizer, 150)
        torch.manual_seed(2)
        x = torch.randn(16, 3, 8, 8)
        losses[type(optimizer).__name__] = (model(x) - x).square().mean().item()
    assert losses["Muon"] < losses["AdamW"], losses
