"""The two priors: what a logit may depend on, what is a code and what a condition, and how they are run."""
import pytest
import torch
from toys import PRIORS, toy_prior

from minivq import bench_sampling
from minivq.pixelcnn import PixelCNNConfig
from minivq.transformer import TransformerConfig


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


@pytest.mark.parametrize("make, fields, words", [
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
