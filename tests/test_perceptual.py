"""The distance of features: frozen, steady, and zero for equal pictures."""
import pytest
import torch

from minivq.perceptual import MiniConfig, MiniFeatures, Perceptual, feature_distance, lpips, unit


@pytest.fixture(params=["mini", "lpips"])
def distance(request):
    """Either net, with random weights."""
    torch.manual_seed(0)
    if request.param == "lpips":
        with pytest.warns(UserWarning):                  # torchvision calls the argument of a random trunk deprecated
            return lpips(pretrained=False)
    return Perceptual(MiniFeatures(MiniConfig((4, 8))), lambda net, x, y: feature_distance(net(x), net(y)))


def pictures(size=32):
    """Two batches of three pictures."""
    x = torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return x, (x + 0.3 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).clamp(-1, 1)


def test_equal_pictures_have_distance_zero_and_others_more(distance):
    x, y = pictures(64)
    assert distance(x, x).abs().max() == 0 and (distance(x, y) > 0).all() and distance(x, y).shape == (3,)


def test_nothing_in_it_learns_and_it_says_the_same_twice_in_train_mode(distance):
    x, y = pictures(64)
    assert not any(parameter.requires_grad for parameter in distance.parameters())
    distance.train()
    assert not any(module.training for module in distance.modules())
    assert torch.equal(distance(x, y), distance(x, y))


def test_gradients_reach_the_pictures_and_stay_finite_at_equality(distance):
    x, y = pictures(64)
    for other in (y, x.clone()):
        moved = other.requires_grad_()
        distance(moved, x).sum().backward()
        assert moved.grad.isfinite().all()
    assert y.grad.abs().sum() > 0


def test_it_works_in_float32_under_autocast(distance):
    x, y = pictures(64)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(distance(x, y), distance(x, y).float())
    assert distance(x.bfloat16(), y.bfloat16()).dtype == torch.float32


def test_features_are_unit_vectors_over_channels_and_layers_are_summed():
    torch.manual_seed(0)
    a, b = torch.randn(2, 4, 3, 3), torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(unit(a).square().sum(1), torch.ones(2, 3, 3))
    by_hand = (2 - 2 * torch.nn.functional.cosine_similarity(a, b, 1)).mean((1, 2))
    torch.testing.assert_close(feature_distance([a], [b]), by_hand)
    torch.testing.assert_close(feature_distance([a, a], [b, b]), 2 * by_hand)
    assert feature_distance([torch.zeros(1, 4, 2, 2)], [torch.zeros(1, 4, 2, 2)]).item() == 0


@pytest.mark.parametrize("x, y", [((2, 3, 32, 32), (1, 3, 32, 32)), ((1, 3, 16, 16), (1, 3, 16, 16)),
                                  ((1, 4, 32, 32), (1, 4, 32, 32))])
def test_pictures_that_do_not_fit_are_refused(x, y):
    distance = Perceptual(MiniFeatures(MiniConfig((4,))), lambda net, x, y: feature_distance(net(x), net(y)))
    with pytest.raises(ValueError, match="wanted two"):
        distance(torch.zeros(x), torch.zeros(y))
