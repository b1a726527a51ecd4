"""The quantisers against hand-made gradients and against the mistakes that public implementations make."""
import pytest
import torch

from minivq.quantize import FSQ, EMAQuantizer, VectorQuantizer, kmeans, lookup, nearest, straight_through

torch.manual_seed(0)


def test_nearest_is_the_smallest_distance_and_ties_go_to_the_lower_index():
    z, codebook = torch.randn(2, 3, 4, 5), torch.randn(7, 3)
    by_hand = (z.permute(0, 2, 3, 1)[..., None, :] - codebook).square().sum(-1).argmin(-1)
    assert torch.equal(nearest(z, codebook), by_hand)
    assert nearest(torch.zeros(1, 2, 1, 1), torch.tensor([[5.0, 0], [1, 0], [-1, 0], [0, 1]])).item() == 1


def test_a_code_of_another_dimension_is_named():
    with pytest.raises(ValueError, match=r"d=3.*\(7, 2\)"):
        nearest(torch.randn(1, 3, 2, 2), torch.randn(7, 2))


def test_straight_through_has_the_value_of_the_code_and_the_gradient_of_the_encoding():
    z_e, z_q = torch.randn(5, requires_grad=True), torch.randn(5, requires_grad=True)
    out = straight_through(z_e, z_q)
    out.backward(torch.arange(5.0))
    assert torch.allclose(out, z_q) and torch.equal(z_e.grad, torch.arange(5.0)) and z_q.grad is None


def test_beta_weighs_the_commitment_and_nothing_else():
    quantizer, beta = VectorQuantizer(6, 3, beta=0.25).double(), 0.25
    z_e = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    out = quantizer(z_e)
    out.loss.backward()
    codes, N = lookup(quantizer.codebook.detach(), out.indices), z_e.numel()
    assert torch.allclose(z_e.grad, 2 * beta * (z_e.detach() - codes) / N)
    by_hand = torch.zeros_like(quantizer.codebook)
    for place, k in enumerate(out.indices.flatten()):
        e = z_e.detach().permute(0, 2, 3, 1).reshape(-1, 3)[place]
        by_hand[k] += 2 * (quantizer.codebook.detach()[k] - e) / N
    assert torch.allclose(quantizer.codebook.grad, by_hand)


def test_an_unused_ema_code_does_not_move_and_the_codebook_is_sums_over_counts():
    quantizer = EMAQuantizer(8, 2, restart_below=0.0).double()
    quantizer.start(torch.cat([torch.randn(7, 2), torch.tensor([[50.0, 50.0]])]).double())
    before = quantizer.codebook.clone()
    for _ in range(100):
        quantizer(torch.randn(4, 2, 3, 3, dtype=torch.float64))
    assert torch.allclose(quantizer.codebook[7], before[7], rtol=0, atol=1e-10)
    assert not torch.allclose(quantizer.codebook[:7], before[:7], atol=1e-3)
    assert torch.equal(quantizer.codebook, quantizer.sums / quantizer.counts[:, None])


def test_a_new_ema_quantizer_has_one_use_behind_each_code():
    quantizer = EMAQuantizer(4, 2, restart_below=0.0)
    before = quantizer.codebook.clone()
    assert torch.equal(quantizer.sums, before)
    quantizer(before[:1].reshape(1, 2, 1, 1))                  # a use of code 0, right where it stands
    assert torch.allclose(quantizer.codebook, before)


def test_an_ema_code_moves_towards_the_mean_of_its_encodings():
    quantizer = EMAQuantizer(2, 1, decay=0.9, restart_below=0.0)
    quantizer.start(torch.tensor([[0.0], [10.0]]))
    quantizer(torch.tensor([[[[1.0, 3.0]]]]))                  # both choose code 0; counts 0.9 + 0.2, sums 0 + 0.4
    assert torch.allclose(quantizer.codebook, torch.tensor([[0.4 / 1.1], [10.0]]))


def test_counts_of_a_code_unused_for_ages_stay_normal_numbers():
    quantizer = EMAQuantizer(2, 1, decay=0.5, restart_below=0.0)
    quantizer.start(torch.tensor([[0.0], [10.0]]))
    for _ in range(300):                                       # 0.5^300 is far below the smallest float32
        quantizer(torch.zeros(1, 1, 2, 2))
    assert quantizer.counts[1] > 1e-8 and quantizer.codebook[1].item() == pytest.approx(10.0)


def test_after_a_restart_the_statistics_belong_to_the_new_code():
    quantizer = EMAQuantizer(3, 2, restart_below=0.5)
    quantizer.start(torch.tensor([[0.0, 0.0], [90.0, 0.0], [0.0, 90.0]]))
    z = torch.randn(1, 2, 8, 8)
    for _ in range(70):                                        # 0.99^70 < 0.5
        quantizer(z)
    points = z.permute(0, 2, 3, 1).reshape(-1, 2)
    distance = torch.cdist(quantizer.codebook[1:], points).min(1).values
    assert (distance < 0.5).all() and torch.allclose(quantizer.sums, quantizer.codebook * quantizer.counts[:, None])
    assert quantizer.codebook.norm(dim=1).max() < 10


def test_eval_mode_leaves_the_ema_codebook_alone():
    quantizer = EMAQuantizer(4, 2).eval()
    before = quantizer.codebook.clone()
    quantizer(torch.randn(2, 2, 4, 4))
    assert torch.equal(before, quantizer.codebook)


@pytest.mark.parametrize("quantizer", [VectorQuantizer(64, 4), EMAQuantizer(64, 4), FSQ((8, 5, 4, 3))])
def test_under_autocast_the_choice_is_that_of_float32(quantizer):
    z = torch.randn(8, 4, 16, 16)
    quantizer.eval()
    with torch.autocast("cpu", torch.bfloat16):
        half = quantizer(z)
    assert torch.equal(half.indices, quantizer(z).indices) and half.z_q.dtype == torch.float32
    if not isinstance(quantizer, FSQ):
        assert torch.equal(half.indices, nearest(z, quantizer.codebook))


@pytest.mark.parametrize("quantizer", [VectorQuantizer(64, 4), EMAQuantizer(64, 4), FSQ((8, 5, 4, 3))])
def test_lookup_gives_the_codes_that_forward_chose_and_forward_carries_the_gradient(quantizer):
    z = torch.randn(2, 4, 6, 6, requires_grad=True)
    out = quantizer.eval()(z)
    assert torch.allclose(quantizer.lookup(out.indices), out.z_q, atol=1e-6)
    out.z_q.sum().backward()
    assert z.grad.abs().min() > 0
    with pytest.raises(ValueError, match=f"wanted 0..{quantizer.K - 1}"):
        quantizer.lookup(torch.full((1, 2, 2), quantizer.K))


@pytest.mark.parametrize("levels", [(8, 6, 5), (2, 3), (7,)])
def test_fsq_reaches_every_code_and_codes_map_to_themselves(levels):
    fsq = FSQ(levels)
    indices = fsq(torch.empty(256, fsq.d, 16, 16).uniform_(-4, 4)).indices
    assert indices.unique().numel() == fsq.K and fsq.codebook.abs().max() <= 1
    assert fsq.codebook.unique(dim=0).shape == (fsq.K, fsq.d)


def test_kmeans_lowers_the_distortion_and_an_empty_code_stays():
    points = torch.randn(500, 2)
    error = [torch.cdist(points, kmeans(points, 16, steps, torch.Generator().manual_seed(1))).min(1).values.square()
             .mean() for steps in (0, 1, 5)]
    assert error[0] > error[1] > error[2]
    twice = torch.cat([torch.zeros(30, 2), torch.ones(2, 2)])
    assert kmeans(twice, 3, 4, torch.Generator().manual_seed(0)).isfinite().all()
    with pytest.raises(ValueError, match="3 points for 5 codes"):
        kmeans(torch.randn(3, 2), 5)
