"""Sentences out of pictures, the training of a prior, what it is told, and the models that need no network."""
import dataclasses
import json
import math

import pytest
import torch
from PIL import Image
from toys import TINY, smooth_files, toy_pictures

from minivq import cache, datasets, drawing, pretrained, training_prior
from minivq.autoencoder import VQVAE
from minivq.conditioning import Conditions
from minivq.sampling import SampleConfig
from minivq.sentences import Sentences, encoded, ground_truth, simple_models, told
from minivq.training_prior import PriorConfig, nll, prior_loss, train_prior, weights_of
from minivq.transformer import Transformer, TransformerConfig
from minivq.twostage import TwoStage

SMALL = TransformerConfig(K=16, T=16, layers=1, heads=2, width=16, cond_values=4, cond_length=1, cond_null=3)
CONFIG = PriorConfig(steps=30, batch=8, peak=1e-2, save_every=7, bf16=False)


def stripes(count=64, seed=0):
    """Sentences of 16 words that count up from a first one; their class says which: code 0, 5 or 10."""
    classes = torch.randint(3, (count, 1), generator=torch.Generator().manual_seed(seed))
    return Sentences(((5 * classes + torch.arange(16)) % 16).reshape(count, 4, 4).to(torch.int16), classes)


@pytest.fixture
def stage():
    torch.manual_seed(0)
    return VQVAE(TINY).eval()


def test_pictures_become_sentences_once_and_mirrored_ones_stand_behind(stage, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path))
    pictures = toy_pictures(10, 16)
    made = encoded(stage, pictures, mirror=True, classes=False)
    x = pictures.batch(range(10))
    assert torch.equal(made.tokens[:10].long(), stage.encode(x)) and made.tokens.dtype == torch.int16
    assert torch.equal(made.tokens[10:].long(), stage.encode(x.flip(3))) and made.conds is None
    monkeypatch.setattr(stage, "encode", lambda x: pytest.fail("the codes were made again"))
    assert torch.equal(encoded(stage, pictures, mirror=True, classes=False).tokens, made.tokens)
    with torch.no_grad():
        next(stage.parameters()).add_(0.1)                          # another first stage: other codes
    with pytest.raises(pytest.fail.Exception):
        encoded(stage, pictures, mirror=True, classes=False)
    with pytest.raises(ValueError, match="toy has no classes"):
        encoded(stage, pictures, mirror=True, classes=True)
    assert len(list(cache.cache_folder().glob("codes-*.npy"))) == 1


def test_pictures_cut_otherwise_or_changed_on_disk_become_other_sentences(stage, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path / "cache"))
    (tmp_path / "pictures").mkdir()
    smooth_files(tmp_path / "pictures", 40, 32)

    def made(crop):
        pictures = datasets.load(f"folder:{tmp_path}/pictures", 16, "train", crop=crop)
        found = encoded(stage, pictures, mirror=False, classes=False).tokens
        assert torch.equal(found.long(), stage.encode(pictures.batch(range(len(pictures)))))
        return pictures

    shrunk, cut = made("center"), made("random")
    assert shrunk.name == cut.name and len(shrunk) == len(cut)
    for path in (tmp_path / "pictures").iterdir():                  # under the same names
        with Image.open(path) as picture:
            picture.rotate(180).save(path)
    made("center")


def test_a_clueless_prior_pays_the_logarithm_of_k():
    torch.manual_seed(0)
    prior = Transformer(SMALL)
    torch.nn.init.zeros_(prior.head.weight)
    tokens, cond = stripes().batch(torch.arange(8))
    assert prior_loss(prior, tokens, cond, CONFIG).item() == pytest.approx(math.log(16))


def test_random_tokens_are_put_in_while_targets_stay_clean():
    torch.manual_seed(0)
    prior = Transformer(SMALL)
    seen = []
    forward = prior.forward
    prior.forward = lambda tokens, cond: seen.append(tokens) or forward(tokens, cond)
    tokens, cond = stripes(512).batch(torch.arange(512))
    loss = prior_loss(prior, tokens, cond, dataclasses.replace(CONFIG, pkeep=0.5))
    logits = forward(seen[0], cond)
    assert loss.item() == pytest.approx(torch.nn.functional.cross_entropy(logits.mT, tokens).item(), abs=1e-5)
    kept = (seen[0] == tokens[:, :-1]).float().mean().item()
    assert kept == pytest.approx(0.5 + 0.5 / 16, abs=0.03)
    assert torch.equal(tokens, stripes(512).batch(torch.arange(512))[0])


def test_layers_between_two_others_move_by_muon_and_tables_and_head_do_not():
    prior = Transformer(SMALL)
    names = {id(parameter): name for name, parameter in prior.named_parameters()}
    between = [names[id(p)] for p in training_prior.optimizer_of(prior, CONFIG).between]
    assert len(between) == 4 * SMALL.layers
    assert {name.split(".", 2)[2] for name in between} == {"qkv.weight", "out.weight", "mlp.0.weight", "mlp.2.weight"}


def test_training_finds_the_rule_and_the_class_tells_the_first_word(tmp_path):
    data, held = stripes(), stripes(seed=1)
    prior = train_prior(SMALL, dataclasses.replace(CONFIG, steps=150), data, held, tmp_path / "run", {})
    assert nll(prior, held) < 0.1
    untold = Sentences(held.tokens, torch.full_like(held.conds, 3))
    assert nll(prior, untold) > nll(prior, held) + math.log(3) / 16 / 2        # without it, the first word is open


def test_a_training_stopped_and_started_again_ends_with_the_same_weights(tmp_path, monkeypatch):
    data = stripes()
    whole = train_prior(SMALL, CONFIG, data, data, tmp_path / "whole", {})
    step_of, calls = training_prior.prior_step, iter(range(99))

    def stops(*arguments):
        if next(calls) == 17:
            raise KeyboardInterrupt
        return step_of(*arguments)

    monkeypatch.setattr(training_prior, "prior_step", stops)
    with pytest.raises(KeyboardInterrupt):
        train_prior(SMALL, CONFIG, data, data, tmp_path / "parts", {})
    parts = train_prior(SMALL, CONFIG, data, data, tmp_path / "parts", {})
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), parts.parameters(), strict=True))
    lines = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(30))


def test_what_comes_back_is_the_best_validation_and_the_training_ends_when_none_follows(tmp_path, monkeypatch):
    scores = iter([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr(training_prior, "nll", lambda prior, *_: states.append(
        prior.head.weight.detach().clone()) or next(scores))
    states = []
    config = dataclasses.replace(CONFIG, steps=20, patience=2)
    best = train_prior(SMALL, config, stripes(), stripes(), tmp_path / "run", {})
    assert torch.equal(best.head.weight, states[1]) and len(states) == 5


def test_a_prior_begins_with_the_weights_of_another_where_their_shapes_agree(tmp_path):
    torch.manual_seed(5)
    other = Transformer(dataclasses.replace(SMALL, cond_values=9, cond_null=None))
    frozen = dataclasses.replace(CONFIG, steps=1, peak=1e-12)
    prior = train_prior(SMALL, frozen, stripes(), stripes(), tmp_path / "run", {}, weights_of(other, SMALL))
    same = {name for name, value in prior.state_dict().items() if value.shape == other.state_dict()[name].shape
            and torch.allclose(value, other.state_dict()[name], atol=1e-6)}
    assert prior.state_dict().keys() - same == {"conditions.weight"}
    with pytest.raises(ValueError, match="wanted a prior of the same kind and width"):
        weights_of(torch.nn.Linear(3, 3), SMALL)


def test_simple_models_by_hand():
    data = Sentences(torch.tensor([[[0, 1], [0, 1]]] * 4000, dtype=torch.int16), None)
    found = simple_models(data, data, 2)
    assert found["uniform"] == pytest.approx(math.log(2)) and found["unigram"] == pytest.approx(math.log(2), abs=1e-3)
    assert found["bigram"] < 0.01                                                 # after 0 comes 1, after 1 comes 0


def test_sentences_of_another_first_stage_are_refused(tmp_path):
    for field, words in ({"K": 8}, "codes up to 15: this prior wants"), ({"T": 9}, "pictures of 16 tokens"):
        with pytest.raises(ValueError, match=words):
            train_prior(dataclasses.replace(SMALL, **field), CONFIG, stripes(), stripes(), tmp_path / "run", {})
    assert not (tmp_path / "run").exists()


@pytest.fixture
def both(stage, tmp_path):
    """A first stage and a prior on it, as files."""
    torch.manual_seed(1)
    pretrained.export(stage, tmp_path / "stage.pt", {})
    prior = Transformer(dataclasses.replace(SMALL, T=64))
    pretrained.export_prior(TwoStage(stage, prior, (8, 8), ("a", "b", "c"), {"data": "toy"}), tmp_path / "prior.pt",
                            tmp_path / "stage.pt")
    return tmp_path


def test_a_prior_is_loaded_with_its_first_stage_and_draws_pictures(both):
    model = pretrained.load(both / "prior.pt")
    assert isinstance(model, TwoStage) and model.info == {"data": "toy"} and model.classes == ("a", "b", "c")
    x = model.sample(3, model.told("b", 3), SampleConfig(), generator=torch.Generator().manual_seed(0))
    assert x.shape == (3, 3, 16, 16) and x.abs().max() <= 1
    again = model.sample(3, model.told(1, 3), SampleConfig(batch=2), generator=torch.Generator().manual_seed(0))
    assert torch.equal(x, again)
    with pytest.raises(ValueError, match="'d' is not known: wanted one of 0 a; 1 b; 2 c"):
        model.told("d", 3)


def test_a_prior_that_is_told_maps_brings_their_first_stage_along(both, stage):
    maps = VQVAE(dataclasses.replace(TINY, channels=2)).eval()
    pretrained.export(maps, both / "maps.pt", {})
    conditions = Conditions(stage, maps, ((0, 0, 0), (9, 9, 9)))
    prior = Transformer(TransformerConfig(16, 64, 1, 2, 16, cond_values=conditions.vocabulary.size, cond_length=65,
                                          in_place=True))
    pretrained.export_prior(TwoStage(stage, prior, (8, 8), conditions=conditions), both / "told.pt", both / "stage.pt",
                            both / "maps.pt")
    model, drawn = pretrained.load(both / "told.pt"), torch.randint(2, (2, 16, 16))
    prefix = model.conditions.prefix("segmentation", drawn)
    assert torch.equal(prefix, conditions.prefix("segmentation", drawn))
    assert model.sample(2, prefix).shape == (2, 3, 16, 16)
    assert torch.equal(model.conditions.palette, conditions.palette)


def test_a_batch_is_told_one_kind_of_condition_and_each_comes_in_its_turn():
    data = Sentences(torch.zeros(4, 2, 2, dtype=torch.int16), {"a": torch.full((4, 1), 1), "b": torch.full((4, 3), 2)})
    assert [data.batch(torch.arange(2), number)[1].tolist() for number in range(3)] == [
        [[1], [1]], [[2, 2, 2]] * 2, [[1], [1]]]


def test_what_a_world_knows_becomes_prefixes_once(stage, tmp_path, monkeypatch):
    pictures = datasets.load("faces", 64, "validation", 3)              # before the cache is moved
    segmentation = datasets.truth("faces", "segmentation", 64, "validation", 3)
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path))
    place = drawing.world("faces")
    conditions = Conditions(stage, VQVAE(dataclasses.replace(TINY, channels=12)).eval(), place.PALETTE)
    found = told(conditions, pictures, mirror=False)
    assert {kind: tuple(part.shape) for kind, part in found.items()} == {
        "segmentation": (3, 1025), "depth": (3, 1025), "edges": (3, 1025), "low": (3, 1025), "keypoints": (3, 29),
        "boxes": (3, 49)}
    maps = torch.from_numpy(segmentation.levels(range(3))[..., 0])
    assert torch.equal(found["segmentation"].long(), conditions.prefix("segmentation", maps))
    monkeypatch.setattr(conditions, "prefix", lambda *_: pytest.fail("they were made again"))
    assert torch.equal(told(conditions, pictures, mirror=False)["boxes"], found["boxes"])


def test_of_a_mirrored_face_the_mirrored_truth_is_told(stage, tmp_path, monkeypatch):
    pictures = datasets.load("faces", 64, "validation", 2)              # before the cache is moved
    truths = {kind: datasets.truth("faces", kind, 64, "validation", 2) for kind in ("segmentation", "depth", "edges")}
    rows, labels = torch.arange(2), 12
    plain, flipped = (ground_truth(pictures, truths, rows, labels, flip) for flip in (False, True))
    for kind in ("segmentation", "depth", "edges", "low"):
        assert torch.allclose(flipped[kind], plain[kind].flip(-1), atol=1e-6)
        assert not torch.equal(flipped[kind], plain[kind])
    left, right = plain["boxes"][..., 0], plain["boxes"][..., 2]
    assert torch.allclose(flipped["boxes"][..., 0], 1 - right, equal_nan=True)
    assert torch.allclose(flipped["boxes"][..., 2], 1 - left, equal_nan=True)
    names = list(drawing.world("faces").keypoints(drawing.thing("faces", int(pictures.source[0]))))
    one, other = names.index("left eye"), names.index("right eye")
    assert torch.allclose(flipped["keypoints"][:, one, 0], 1 - plain["keypoints"][:, other, 0])
    assert (flipped["keypoints"][:, one, 0] < flipped["keypoints"][:, other, 0]).all()       # left is the picture's
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path))
    place = drawing.world("faces")
    conditions = Conditions(stage, VQVAE(dataclasses.replace(TINY, channels=12)).eval(), place.PALETTE)
    found = told(conditions, pictures, mirror=True)
    assert all(len(part) == 4 for part in found.values())
    assert torch.equal(found["boxes"][2:].long(), conditions.prefix("boxes", flipped["boxes"]))


def test_a_first_stage_that_is_not_the_priors_own_is_refused(both, stage):
    with torch.no_grad():
        next(stage.parameters()).add_(0.1)
    pretrained.export(stage, both / "stage.pt", {})
    with pytest.raises(ValueError, match="is not the first stage of this prior"):
        pretrained.load(both / "prior.pt")
    with pytest.raises(ValueError, match="kind='vqvae': wanted 'prior'"):
        pretrained.load(both / "stage.pt", kind="prior")
    with pytest.raises(ValueError, match="K=9 codes, its first stage has K=16"):
        TwoStage(stage, Transformer(TransformerConfig(K=9, T=64, width=8, heads=2)), (8, 8))
    with pytest.raises(ValueError, match="a grid of 4x4 tokens: the prior wants T=64"):
        TwoStage(stage, Transformer(dataclasses.replace(SMALL, T=64)), (4, 4))
