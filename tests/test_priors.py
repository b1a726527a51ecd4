"""The two priors: what a logit may depend on, what is a code and what a condition, and how they are run."""
import pytest
import torch
from toys import PRIORS, far_from_start, toy_prior

from minivq import bench_sampling
from minivq.pixelcnn import PixelCNNConfig, gate
from minivq.transformer import Transformer, TransformerConfig


@pytest.fixture(params=PRIORS)
def prior(request):
    """A prior of each kind."""
    return toy_prior(request.param)


TOKENS = torch.randint(11, (2, 11), generator=torch.Generator().manual_seed(1))
CLASSES = torch.tensor([[1], [3]])


def test_a_later_token_changes_no_earlier_logit_and_every_earlier_one_changes_the_last(prior):
    before = prior(TOKENS, CLASSES)
    assert before.shape == (2, 12, 11)
    for place in range(11):
        changed = TOKENS.clone()
        changed[:, place] = (changed[:, place] + 1) % 11
        moved = (prior(changed, CLASSES) - before).abs().amax((0, 2))              # (12,)
        assert moved[:place + 1].max() == 0, f"logits up to {place} know token {place}"
        assert moved[place + 1] > 1e-6


def test_fewer_tokens_give_the_same_logits(prior):
    whole = prior(TOKENS, CLASSES)
    for t in (0, 1, 5):
        torch.testing.assert_close(prior(TOKENS[:, :t], CLASSES), whole[:, :t + 1], rtol=0, atol=1e-12)


def test_cached_logits_equal_those_of_the_whole_sequence(prior):
    for cond in (None, CLASSES):
        logits, state = prior.begin(2, cond)
        steps = [logits] + [prior.next(TOKENS[:, place], place, state) for place in range(11)]
        torch.testing.assert_close(torch.stack(steps, 1), prior(TOKENS, cond), rtol=0, atol=1e-10)


def test_the_condition_changes_the_first_logits(prior):
    assert (prior(TOKENS, CLASSES) - prior(TOKENS, CLASSES + 1)).abs().amax((1, 2)).min() > 1e-6
    assert (prior(TOKENS, CLASSES) - prior(TOKENS)).abs().amax((1, 2)).min() > 1e-6


def test_codes_and_conditions_share_no_row_and_no_condition_can_be_drawn(prior):
    tables = [module for module in prior.modules() if isinstance(module, torch.nn.Embedding)]
    assert sorted(len(table.weight) for table in tables) == [5, 11] and prior.head.weight.shape[0] == 11


def test_every_parameter_learns(prior):
    (prior(TOKENS, CLASSES).logsumexp(-1).sum() + prior(TOKENS).square().sum()).backward()
    still = [name for name, p in prior.named_parameters() if p.grad is None or p.grad.abs().max() == 0]
    assert not still


@pytest.mark.parametrize("tokens, cond, words", [
    (TOKENS[:, [0] * 12], None, r"\(2, 12\).*up to 11"), (TOKENS + 1, None, "token ids from 1 to 11: wanted 0 to 10"),
    (TOKENS, CLASSES + 4, "condition ids from 5 to 7: wanted 0 to 4"), (TOKENS, CLASSES[:1], r"\(1, 1\): wanted \(2,")])
def test_ids_out_of_range_are_refused(prior, tokens, cond, words):
    with pytest.raises(ValueError, match=words):
        prior(tokens, cond)


MAP = torch.randint(5, (2, 16), generator=torch.Generator().manual_seed(2))


def told_in_place(kinds=0):
    """A prior of 4 x 4 tokens that is told a map of as many words, behind an id of its kind if there are kinds."""
    torch.manual_seed(0)
    shape = TransformerConfig(11, 16, layers=2, heads=2, width=8, cond_values=5 + kinds, cond_length=16 + bool(kinds),
                              in_place=True)
    return far_from_start(Transformer(shape))


def test_a_map_told_in_place_costs_no_place_and_what_lies_ahead_of_it_is_known():
    prior = told_in_place()
    before = prior(TOKENS, MAP)
    assert before.shape == (2, 12, 11) and prior.embedded(TOKENS, MAP).shape[1] == 12
    for word in range(16):
        changed = MAP.clone()
        changed[:, word] = (changed[:, word] + 1) % 5
        moved = (prior(TOKENS, changed) - before).abs().amax((0, 2)) > 1e-9                 # (12,)
        assert moved.all()                                          # 4 x 4 places lie within three of each other


def test_the_kind_of_a_map_stands_in_front_and_a_shorter_condition_does_so_whole():
    prior, kind = told_in_place(kinds=2), torch.tensor([[5], [6]])
    told = torch.cat([kind, MAP], 1)
    assert prior.embedded(TOKENS, told).shape[1] == 12 and prior.embedded(TOKENS, told[:, :4]).shape[1] == 4 + 11
    as_map = prior.embedded(TOKENS, told) - prior.embedded(TOKENS, kind)
    torch.testing.assert_close(as_map, prior.told(told)[1][:, :12], rtol=0, atol=1e-12)
    assert (prior(TOKENS, told) - prior(TOKENS, torch.cat([kind.flip(0), MAP], 1))).abs().max() > 1e-6


@pytest.mark.parametrize("kinds", [0, 2])
def test_cached_logits_with_a_map_in_place_equal_those_of_the_whole_sequence(kinds):
    prior = told_in_place(kinds)
    told = torch.cat([torch.full((2, bool(kinds)), 6), MAP], 1)
    for given in (0, 5):
        logits, state = prior.begin(2, told, tokens=TOKENS[:, :given])
        steps = [logits] + [prior.next(TOKENS[:, place], place, state) for place in range(given, 11)]
        torch.testing.assert_close(torch.stack(steps, 1), prior(TOKENS, told)[:, given:], rtol=0, atol=1e-10)
        torch.testing.assert_close(prior.last(TOKENS[:, :given], told), logits, rtol=0, atol=1e-10)


def test_a_map_in_place_has_a_word_for_every_token():
    with pytest.raises(ValueError, match=r"\(2, 15\): wanted \(2, 16 to 16\)"):
        told_in_place()(TOKENS, MAP[:, :15])


@pytest.mark.parametrize("make, fields, words", [
    (TransformerConfig, {"T": 12, "cond_values": 3, "cond_length": 12, "in_place": True}, "wanted as many words as"),
    (TransformerConfig, {"T": 16, "cond_values": 3, "cond_length": 4, "in_place": True}, "cond_length=4, T=16"),
    (TransformerConfig, {"T": 4, "width": 10, "heads": 4}, "width=10 does not divide among 4 heads"),
    (TransformerConfig, {"T": 0}, "T=0: wanted at least 1"),
    (TransformerConfig, {"T": 4, "cond_values": 3}, "cond_values=3, cond_length=0"),
    (PixelCNNConfig, {"grid": (2, 2), "kernel": 4}, "kernel=4: wanted an odd number"),
    (PixelCNNConfig, {"grid": (0, 2)}, "wanted at least 1")])
def test_a_configuration_that_makes_no_prior_is_refused(make, fields, words):
    with pytest.raises(ValueError, match=words):
        make(K=5, **fields)


def test_the_plain_ways_of_sampling_draw_what_ours_draws():
    prior = toy_prior("transformer")
    u = torch.rand(3, 12, generator=torch.Generator().manual_seed(0))
    drawn = [way(prior, u) for way in (bench_sampling.recomputed, bench_sampling.cached, bench_sampling.concatenated)]
    assert torch.equal(drawn[0], drawn[1]) and torch.equal(drawn[0], drawn[2])


def test_a_gate_lets_a_value_through_with_its_sign_or_stops_it():
    value, opening = torch.tensor([-2.0, -2.0, 2.0]), torch.tensor([50.0, -50.0, 50.0])
    out = gate(torch.stack([value, opening])[None, :, None]).flatten()
    assert torch.allclose(out, torch.tensor([-2.0, 0.0, 2.0]).tanh())
