"""The net that chooses among drawn pictures."""
import dataclasses

import pytest
import torch

from minivq import datasets, selector, training_readers
from minivq.selector import Selector, SelectorConfig
from minivq.training import TrainConfig

SHORT = TrainConfig(steps=3, batch=4, peak=1e-3, save_every=2, bf16=False)


def test_a_selector_learns_its_own_classes(tmp_path):
    net, loss = training_readers.selector_task("faces", SHORT, 6)
    first = loss(net, 0)[0].item()
    training_readers.train(net, loss, dataclasses.replace(SHORT, steps=30), {"selector": "faces"}, tmp_path)
    assert loss(net, 0)[0].item() < 0.8 * first
    assert net.config.classes == len(datasets.load("faces", 64, "train", 6).classes)


def test_scores_are_log_odds_of_the_class_that_was_told():
    torch.manual_seed(0)
    net, x = Selector(SelectorConfig("faces", 3, widths=(8, 8))).eval(), torch.rand(5, 3, 64, 64)
    told = torch.tensor([0, 1, 2, 1, 0])
    wanted = torch.stack([net(x).softmax(1)[i, c] for i, c in enumerate(told)]).log()
    torch.testing.assert_close(net.scores(x, told, batch=2), wanted.detach())


def test_a_selector_in_a_file_is_frozen_and_says_the_same(tmp_path):
    torch.manual_seed(0)
    net, x = Selector(SelectorConfig("faces", 3)).eval(), torch.rand(2, 3, 64, 64)
    again = selector.read(training_readers.export(net, tmp_path / "selector.pt", {"seed": 2}))
    torch.testing.assert_close(again(x), net(x), rtol=0, atol=1e-2)
    assert not again.training and not any(p.requires_grad for p in again.parameters()) and again.info == {"seed": 2}
    with pytest.raises(ValueError, match="kind='selector': wanted 'judge'"):
        from minivq import judge
        judge.read(tmp_path / "selector.pt")
