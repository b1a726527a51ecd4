"""Scores against values known by hand."""
import math

import pytest
import torch

from minivq.metrics import bits_per_pixel, perplexity, psnr, usage


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
