"""Numbers of the authors' transformer and of their sliding window, from tests/fixtures/transformer.npz."""
from pathlib import Path

import numpy as np
import pytest
import torch

from minivq.pretrained import prior_from_reference
from minivq.sampling import SampleConfig, sample_sliding

DATA = np.load(Path(__file__).parent / "fixtures" / "transformer.npz")
STATE = {key.removeprefix("sd/"): torch.from_numpy(DATA[key]) for key in DATA.files if key.startswith("sd/")}
LIKELIEST = SampleConfig(temperature=0.0)


def given(name):
    return torch.from_numpy(DATA[name])


def test_logits_equal_those_of_the_authors():
    prior, tokens = prior_from_reference(STATE, T=40, heads=4), given("tokens")
    logits = prior(tokens[:, 1:], tokens[:, :1])                    # their token 0 is the condition here
    torch.testing.assert_close(logits, given("logits"), rtol=0, atol=1e-5)
    cached, cache = prior.begin(3, tokens[:, :1])
    steps = [cached] + [prior.next(tokens[:, place + 1], place, cache) for place in range(39)]
    torch.testing.assert_close(torch.stack(steps, 1), given("logits"), rtol=0, atol=1e-5)


def test_the_sliding_window_draws_what_theirs_draws():
    alone = sample_sliding(prior_from_reference(STATE, T=36, heads=4), (11, 14), 6, config=LIKELIEST)
    assert torch.equal(alone, given("sliding_unconditional"))
    told = sample_sliding(prior_from_reference(STATE, T=36, heads=4, cond_length=36), (11, 14), 6, 1,
                          given("condition"), LIKELIEST)
    assert torch.equal(told, given("sliding_conditional"))


def test_keys_may_stand_under_transformer_and_wrong_ones_are_named():
    nested = {f"transformer.{key}": value for key, value in STATE.items()} | {"first_stage_model.x": torch.zeros(1)}
    assert len(prior_from_reference(nested, 36, 4).blocks) == 3
    without = {key: value for key, value in STATE.items() if key != "blocks.1.ln2.bias"}
    with pytest.raises(ValueError, match=r"missing \(by our names\) \['blocks.1.norm2.bias'\], unexpected \['extra'\]"):
        prior_from_reference({**without, "extra": torch.zeros(1)}, 36, 4)
    with pytest.raises(ValueError, match="missing tok_emb.weight"):
        prior_from_reference({"head.weight": torch.zeros(2, 2)}, 36, 4)
    with pytest.raises(ValueError, match="cond_length=36, T=64: the file has 72 positions"):
        prior_from_reference(STATE, 64, 4, cond_length=36)
