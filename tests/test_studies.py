"""Studies: by minutes or by steps; those of the second stage, on priors that have learned nothing yet."""
import argparse
import json

import pytest
import torch

from minivq import commands_prior, studies, studies_priors
from minivq.__main__ import main
from minivq.autoencoder import VQVAE, VQVAEConfig
from minivq.layers import count_parameters
from minivq.training_prior import make_prior


@pytest.mark.parametrize("kind", studies_priors.SHAPES)
def test_priors_that_are_compared_have_as_many_parameters(kind):
    layers, width = studies_priors.SHAPES[kind]
    asked = [argparse.Namespace(prior=kind, layers=layers, width=width, dropout=0.0),
             argparse.Namespace(prior="transformer", layers=6, width=192, dropout=0.0)]
    with torch.device("meta"):
        made, transformer = (count_parameters(make_prior(commands_prior.prior_of(args, 512, (8, 8), 0, None)))
                             for args in asked)
    assert made == pytest.approx(transformer, rel=0.05)


def test_of_several_pictures_drawn_for_a_class_the_surest_stays():
    class Model:
        def sample(self, count, cond, config, generator):
            return torch.arange(count).float().reshape(-1, 1, 1, 1) + 100 * cond[:, :1, None, None]

    class Chooser:
        def scores(self, x, told):
            assert torch.equal(told, (x[:, 0, 0, 0] / 100).long())
            return -(x[:, 0, 0, 0] % 4 - 2).abs()                   # the third of four is the surest

    kept = studies_priors.chosen(Model(), torch.tensor([3, 1]), 0.25, Chooser())
    assert kept.flatten().tolist() == [302, 106]


def test_curves_of_all_kinds_come_with_steps_and_seconds(tmp_path, monkeypatch):
    from minivq import datasets
    load = datasets.load
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets, "load", lambda name, size, split, *_: load(name, size, split, 40))
    monkeypatch.setattr(studies_priors, "SHAPES", {"transformer": (1, 32), "pixelcnn": (1, 16)})
    stage = ["train", "vqvae", "--data", "faces", "--size", "32", "--factor", "8", "--codes", "16", "--widths", "8",
             "8", "16", "16", "--batch", "4", "--steps", "20", "--out", str(tmp_path / "stage")]
    command = ["study", "priors", "--size", "32", "--first-stage", str(tmp_path / "stage"), "--seeds", "1", "--steps",
               "20", "--out", str(tmp_path / "study"), "--json", str(tmp_path / "priors.json")]
    assert main(stage) == 0 and main(command) == 0
    found = json.loads((tmp_path / "priors.json").read_text())
    assert set(found["runs"]) == {"transformer 0", "pixelcnn 0"} and found["unigram"] > 0
    steps, seconds, losses = zip(*found["runs"]["pixelcnn 0"]["curve"], strict=True)
    assert steps[-1] == 20 and list(seconds) == sorted(seconds) and losses[-1] < losses[0]


def test_a_study_by_steps_trains_each_kind_for_its_own(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(studies.commands_train, "train", lambda kind, *options: asked.append((kind, options)))
    model = VQVAE(VQVAEConfig(widths=(8, 8), K=8, d=4)).eval()
    model.info = {}
    monkeypatch.setattr(studies.pretrained, "load", lambda *_, **__: model)
    monkeypatch.setattr(studies, "readers", lambda *_: {})
    args = argparse.Namespace(out=tmp_path, data="faces", minutes=20.0, steps=[7, 5], count=2)
    for kind in ("vqvae", "vqgan"):
        studies.trained(args, kind, kind, [])
    args.steps = None
    studies.trained(args, "vqvae", "by minutes", [])
    lengths = [(kind, options[2:4]) for kind, options in asked]
    assert lengths == [("vqvae", ("--steps", 7)), ("vqgan", ("--steps", 5)), ("vqvae", ("--minutes", 20.0))]
