"""Scores against values known by hand."""
import math

import pytest
import torch

from minivq.metrics import (
    bits_per_pixel,
    consistency,
    frechet,
    mean_iou,
    period_energy,
    perplexity,
    psnr,
    sharpness,
    usage,
)


def test_psnr_counts_in_grey_levels_of_255():
    x = torch.full((1, 3, 4, 4), -1.0)
    y = x + 10 / 127.5                                          # ten grey levels
    assert psnr(x, y).item() == pytest.approx(10 * math.log10(255**2 / 100), abs=1e-4)


def test_psnr_is_the_mean_of_the_pictures_not_of_their_errors():
    x = torch.full((2, 1, 2, 2), -1.0)
    y = x.clone()
    y[0] += 2 / 127.5
    y[1] += 20 / 127.5
    one, two = (10 * math.log10(255**2 / level**2) for level in (2, 20))
    assert psnr(x, y).item() == pytest.approx((one + two) / 2, abs=1e-4)


def test_psnr_rounds_clamps_and_stays_finite():
    x = torch.zeros(1, 1, 2, 2)
    assert psnr(x, x + 1e-4).item() == 99.0 and psnr(x + 1, x + 9).item() == 99.0
    with pytest.raises(ValueError, match=r"\(1, 1, 2, 2\) and \(1, 1, 2, 4\)"):
        psnr(x, torch.zeros(1, 1, 2, 4))


def test_perplexity_and_usage_of_known_counts():
    assert perplexity(torch.arange(16), 16) == pytest.approx(16)
    assert perplexity(torch.zeros(9, dtype=torch.int64), 16) == pytest.approx(1)       # 0 log 0 counts as 0
    assert perplexity(torch.tensor([0, 0, 1, 2]), 4) == pytest.approx(2 ** 1.5)
    assert usage(torch.tensor([0, 0, 3]), 4) == 0.5
    with pytest.raises(ValueError, match="0..3"):
        usage(torch.tensor([4]), 4)


def test_bits_per_pixel_of_the_course():
    assert bits_per_pixel(512, 8) == 9 / 64
    with pytest.raises(ValueError, match="K=0"):
        bits_per_pixel(0, 8)


def test_frechet_of_gaussians_that_are_known():
    torch.manual_seed(0)
    a = torch.randn(4000, 3, dtype=torch.float64)
    a = (a - a.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(a.T.cov())).T        # exactly N(0, 1) in its moments
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, a + torch.tensor([3.0, 0, 4])) == pytest.approx(25)
    assert frechet(a, 3 * a) == pytest.approx(3 * (3 - 1) ** 2)


def test_frechet_of_covariances_that_do_not_commute():
    """tr (Σa Σb)^½ is the sum of the roots of the eigenvalues of Σa Σb; no root of single entries gives it."""
    torch.manual_seed(0)
    a, b = torch.randn(500, 4).double() @ torch.randn(4, 4).double(), torch.randn(500, 4).double()
    roots = torch.linalg.eigvals(a.T.cov() @ b.T.cov()).sqrt().sum().real
    by_hand = (a.mean(0) - b.mean(0)).square().sum() + a.T.cov().trace() + b.T.cov().trace() - 2 * roots
    assert frechet(a, b) == pytest.approx(by_hand.item()) == pytest.approx(frechet(b, a))


def test_sets_of_unequal_size_are_not_compared():
    with pytest.raises(ValueError, match=r"\(5, 2\) and \(4, 2\): wanted two sets"):
        frechet(torch.zeros(5, 2), torch.zeros(4, 2))


def test_blur_costs_sharpness():
    x = torch.rand(2, 3, 16, 16)
    assert sharpness(x, x) == 1
    assert sharpness(torch.nn.functional.avg_pool2d(x, 3, 1, 1), x) < 0.5
    assert sharpness(2 * x, x) == pytest.approx(4)                                    # an energy


def test_a_checkerboard_shows_at_its_period_only():
    x = torch.zeros(1, 1, 16, 16)
    x[..., ::4] = 1
    assert period_energy(x, 4) >= 1 and period_energy(x, 8) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="multiples of the period 5"):
        period_energy(x, 5)


def test_consistency_counts_a_pair_that_shows_on_either_side():
    left, right = torch.tensor([[1, 0, 2], [3, 0, 1]]), torch.tensor([[1, 0, 0], [2, 0, 1]])
    agreeing, coverage = consistency(left, right)
    assert agreeing == pytest.approx(2 / 4) and coverage == pytest.approx(4 / 6)
    with pytest.raises(ValueError, match="shows anything"):
        consistency(torch.zeros(2, 2), torch.zeros(2, 2))


def test_mean_iou_by_hand():
    wanted, found = torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([[[0, 1, 1, 1]]])
    assert mean_iou(found, wanted, 5) == pytest.approx((1 / 2 + 2 / 3) / 2)     # labels 2 to 4 do not occur
    assert mean_iou(wanted, wanted, 5) == 1
