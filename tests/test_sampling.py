"""From odds to tokens: one uniform number decides, whatever the batch; what is cut, what is given, what is refused."""
import dataclasses

import pytest
import torch
from toys import PRIORS, toy_prior

from minivq.sampling import SampleConfig, begin, best, draw, probabilities, sample

ALL = SampleConfig(top_k=None)
LOGITS = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()[None]


def seeded(number=0):
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("fields, wanted", [
    ({}, [0.4, 0.3, 0.2, 0.1]),
    ({"top_k": 2}, [4 / 7, 3 / 7, 0, 0]),
    ({"top_p": 0.7}, [4 / 7, 3 / 7, 0, 0]),                 # 0.4 + 0.3 reach it: alone, without top-k
    ({"top_p": 0.71}, [4 / 9, 3 / 9, 2 / 9, 0]),
    ({"top_k": 3, "top_p": 0.5}, [4 / 7, 3 / 7, 0, 0]),     # of what top-k left: 4/9 is not enough, 7/9 is
    ({"top_k": 99}, [0.4, 0.3, 0.2, 0.1]),                  # more than there are
    ({"top_p": 1e-9}, [1, 0, 0, 0]),                        # the likeliest always stays
    ({"temperature": 0.5}, [0.16 / 0.3, 0.09 / 0.3, 0.04 / 0.3, 0.01 / 0.3]),
    ({"temperature": 0.0}, [1, 0, 0, 0])])
def test_temperature_top_k_and_top_p_by_hand(fields, wanted):
    odds = probabilities(LOGITS, dataclasses.replace(ALL, **fields))
    torch.testing.assert_close(odds[0], torch.tensor(wanted, dtype=torch.float32), rtol=1e-4, atol=1e-6)


def test_one_uniform_number_falls_on_the_code_whose_share_holds_it():
    u = torch.tensor([0.0, 0.39, 0.41, 0.69, 0.71, 0.89, 0.91, 1 - 2**-24])
    assert draw(LOGITS.expand(8, -1), u, ALL).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    cut = SampleConfig(top_k=2)
    assert draw(LOGITS.flip(1).expand(8, -1), u, cut).unique().tolist() == [2, 3]   # never one without odds


def test_the_drawn_codes_come_as_often_as_their_odds_say():
    found = draw(LOGITS.expand(20_000, -1), torch.rand(20_000, generator=seeded()), ALL).bincount() / 20_000
    assert (found - LOGITS.exp()[0]).abs().max() < 0.015


@pytest.fixture(params=PRIORS)
def prior(request):
    return toy_prior(request.param)


@pytest.mark.parametrize("cond", [None, torch.tensor([[1], [3], [0], [2], [1]])])
def test_the_batch_changes_no_picture(prior, cond):
    whole, parts = (sample(prior, (3, 4), 5, cond, SampleConfig(batch=batch), generator=seeded()) for batch in (5, 2))
    assert torch.equal(whole, parts) and whole.shape == (5, 3, 4) and len(whole.unique(dim=0)) == 5


def test_cached_sampling_draws_what_the_whole_sequence_says(prior):
    tokens = sample(prior, (3, 4), 3, config=ALL, generator=seeded()).flatten(1)
    u = torch.rand(3, 12, generator=seeded())
    logits = prior(tokens[:, :-1])
    assert torch.equal(torch.stack([draw(logits[:, i], u[:, i], ALL) for i in range(12)], 1), tokens)


def test_given_tokens_stay_and_what_comes_later_sees_them(prior):
    free = sample(prior, (3, 4), 6, config=ALL, generator=seeded())
    keep = torch.zeros(3, 4, dtype=torch.bool)
    keep[1, 1:3] = True
    given = torch.randint(11, (6, 3, 4), generator=seeded(5))
    ended = sample(prior, (3, 4), 6, config=ALL, given=(given, keep), generator=seeded())
    assert torch.equal(ended[:, keep], given[:, keep]) and torch.equal(ended[:, 0], free[:, 0])
    assert (ended[:, 2] != free[:, 2]).any()


def test_without_guidance_nothing_changes_and_with_it_the_odds_move_away_from_the_untold():
    prior = toy_prior("transformer")
    cond = torch.tensor([[1], [3]])
    told, untold = (prior.begin(2, c)[0] for c in (cond, torch.full_like(cond, 4)))
    torch.testing.assert_close(begin(prior, 2, cond, SampleConfig(guidance=2.0))[0], told + 2 * (told - untold))
    plain, none = (sample(prior, (3, 4), 2, cond, SampleConfig(guidance=g), generator=seeded()) for g in (0.0, 1e-12))
    assert torch.equal(plain, none)


@pytest.mark.parametrize("fields, words", [
    ({"top_k": 0}, "top_k=0: wanted at least 1"), ({"top_p": 0.0}, "top_p=0.0: wanted above 0"),
    ({"top_p": 1.5}, "top_p=1.5: wanted above 0 and up to 1"), ({"temperature": -1.0}, "temperature=-1.0: wanted 0"),
    ({"batch": 0}, "batch=0")])
def test_settings_that_make_no_distribution_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        SampleConfig(**fields)


def test_what_does_not_fit_the_prior_is_refused(prior):
    keep = torch.ones(3, 4, dtype=torch.bool)
    for words, arguments in {"grid of 4x4 has 16 tokens: this prior wants 12": {"grid": (4, 4)},
                             "1 conditions for 2 pictures": {"cond": torch.tensor([[1]])},
                             "given tokens from 0 to 11": {"given": (torch.arange(24).reshape(2, 3, 4) % 12, keep)},
                             "wanted a condition": {"config": SampleConfig(guidance=1.0)}}.items():
        with pytest.raises(ValueError, match=words):
            sample(prior, **{"grid": (3, 4), "count": 2, **arguments})


def test_the_best_share_comes_back_best_first():
    assert best(torch.tensor([0.1, 0.9, 0.5, 0.7]), 0.5).tolist() == [1, 3]
    assert best(torch.tensor([0.1, 0.9]), 0.01).tolist() == [1]
    with pytest.raises(ValueError, match="share=0: wanted above 0"):
        best(torch.zeros(3), 0)
