"""The nets that read pictures: what they are asked, what is true, how they are taught; scores made of their answers."""
import dataclasses

import numpy as np
import pytest
import torch

from minivq import (
    ablation_scores,
    checkpoint,
    datasets,
    drawing,
    evaluation,
    evaluation_samples,
    halves,
    judge,
    training_readers,
)
from minivq.autoencoder import VQVAE, VQVAEConfig
from minivq.judge import Judge, JudgeConfig
from minivq.training import TrainConfig

SHORT = TrainConfig(steps=3, batch=4, peak=1e-3, save_every=2, bf16=False)


@pytest.fixture(scope="module")
def small():
    """An untrained judge of faces, with few channels."""
    torch.manual_seed(0)
    labels = len(drawing.world("faces").LABELS)
    return Judge(JudgeConfig("faces", judge.questions("faces"), labels, widths=(8, 8, 8, 8), hidden=16)).eval()


def test_every_doubled_attribute_is_asked_for_on_both_sides():
    names = [name for name, _ in judge.questions("faces")]
    pairs = drawing.world("faces").pairs(drawing.thing("faces", 0))
    assert len(pairs) >= 6 and names == ["class"] + [f"{pair} {side}" for pair in pairs for side in ("left", "right")]
    asked = [name for name, _ in judge.questions("landscapes")]
    assert asked == ["class", "hour left", "hour right", "light left", "light right", "horizon left", "horizon right"]


def test_the_answer_is_nothing_where_nothing_is_to_be_seen():
    for index in range(40):
        face = drawing.thing("chimeras", index)
        answers = judge.truths("faces", face)[1:]
        for pair, left, right in zip(drawing.world("faces").pairs(face).values(), answers[::2], answers[1::2],
                                     strict=True):
            assert (left == 0) == (not pair.left_visible) and (right == 0) == (not pair.right_visible)
            assert left in (0, pair.left + 1) and right in (0, pair.right + 1)


def test_real_faces_answer_alike_on_both_sides_and_chimeras_do_not():
    disagreeing = {}
    for name in ("faces", "chimeras"):
        answers = np.array([judge.truths("faces", drawing.thing(name, i))[1:] for i in range(100)])
        disagreeing[name] = (answers[:, ::2] != answers[:, 1::2]).mean()
    assert disagreeing["faces"] == 0 and disagreeing["chimeras"] > 0.3


def test_a_reading_has_64_features_every_answer_and_a_map(small):
    features, answers, maps = small.read(torch.rand(3, 3, 128, 96) * 2 - 1, batch=2)
    assert features.shape == (3, 64) and maps.shape == (3, 64, 64) and maps.dtype == torch.int64
    assert set(answers) == {name for name, _ in small.config.questions}
    assert all(answer.shape == (3,) for answer in answers.values())


def test_pictures_of_64_px_are_read_as_they_are_and_larger_ones_are_averaged():
    x = torch.rand(1, 3, 64, 64)
    assert judge.resized(x) is x
    fine = torch.zeros(1, 3, 128, 128)
    fine[..., ::2] = 1                                                              # columns finer than a pixel
    assert (judge.resized(fine)[..., 8:-8] - 0.5).abs().max() < 0.01


def test_a_judge_in_a_file_is_frozen_and_says_the_same(small, tmp_path):
    training_readers.export(small, tmp_path / "judge.pt", {"name": "small"})
    again = judge.read(tmp_path / "judge.pt")
    x = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(again(x).features, small(x).features, rtol=0, atol=2e-2)
    assert not again.training and not any(p.requires_grad for p in again.parameters())
    with pytest.raises(ValueError, match="kind='judge': wanted 'vqvae'"):
        checkpoint.read_kind(tmp_path / "judge.pt", "vqvae")


@pytest.mark.parametrize("world", ["faces", "landscapes"])
def test_a_judge_learns_its_own_pictures(world, tmp_path):
    net, loss = training_readers.judge_task(world, SHORT, 8)
    first = loss(net, 0)[0].item()
    training_readers.train(net, loss, dataclasses.replace(SHORT, steps=12), {"judge": world}, tmp_path)
    assert loss(net, 0)[0].item() < first


def test_half_of_what_the_judge_of_faces_sees_are_chimeras():
    net, loss = training_readers.judge_task("faces", SHORT, 8)
    seen = []
    net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    loss(net, 0)
    both = torch.cat([datasets.load(name, 64, "train", 8).batch(range(8)) for name in ("faces", "chimeras")])
    nearest = torch.cdist(seen[0].flatten(1), both.flatten(1)).argmin(1)            # noise is added, so: the nearest
    assert (nearest < 8).tolist() == [True, True, False, False]


def test_the_exam_counts_what_is_visible_only(small, monkeypatch):
    truth = training_readers.known("faces", "test", 6)

    def read(x):
        answers = {name: truth.answers[:, i].clone() for i, (name, _) in enumerate(small.config.questions)}
        for name, answer in answers.items():
            answer[answer == 0] = 1 if name != "class" else 0                       # wrong wherever nothing is seen
        return None, answers, torch.from_numpy(truth.maps.levels(range(6))[..., 0].astype(np.int64))

    monkeypatch.setattr(small, "read", read)
    scores = training_readers.examine(small, "test", 6)
    assert scores["visible"] == 1 and scores["pixels"] == 1


def test_scores_of_the_judge_come_with_their_anchors(small):
    torch.manual_seed(0)
    model = VQVAE(VQVAEConfig(widths=(8, 8, 8, 8), K=16, d=4, z_channels=8)).eval()
    pictures = datasets.load("faces", 64, "test", 6)
    scores = evaluation.evaluate(model, pictures, datasets.load("faces", 64, "train", 20), judge=small,
                                 distance=lambda x, y: (x - y).abs().mean((1, 2, 3)))
    assert scores["ffd"] > 0 and {"ffd_floor", "ffd_blurred", "consistency_real", "consistency_chance",
                                  "consistency_glued", "coverage", "perceptual", "sharpness"} <= set(scores)
    assert "FFD" in evaluation.table(scores) and "chance" in evaluation.table(scores)


def test_landscapes_have_anchors_of_their_own():
    torch.manual_seed(0)
    labels = len(drawing.world("landscapes").LABELS)
    net = Judge(JudgeConfig("landscapes", judge.questions("landscapes"), labels, widths=(8, 8, 8, 8), hidden=16)).eval()
    pictures = datasets.load("landscapes", 64, "test", 6)
    found = evaluation.anchors(net, pictures, evaluation.look(net, pictures.batch, 6), 6)
    assert {"consistency_real", "consistency_chimeras", "consistency_chance", "mirror_real", "mirror_strangers"} <= set(
        found) and 0 < found["consistency_chance"] < 0.6


def test_drawn_pictures_are_scored_as_a_set(small):
    test, train = (datasets.load("faces", 64, split, count) for split, count in (("test", 6), ("train", 8)))
    drawn = datasets.to_uint8(train.batch(range(6)))
    against = evaluation_samples.yardstick(small, test, 6, train)
    scores = evaluation_samples.evaluate_samples(drawn, small, against, torch.zeros(6, dtype=torch.int64))
    assert scores["neighbour"] < 1e-2 < scores["neighbour_real"]               # copies of the training set
    mirrored = evaluation_samples.evaluate_samples(drawn.flip(2), small, against)
    assert mirrored["neighbour"] < 1e-2                                         # and copies of its mirror images
    assert scores["ffd"] > 0 and 0 <= scores["class_accuracy"] <= 1 and {"consistency", "coverage"} <= set(scores)
    same = evaluation_samples.evaluate_samples(datasets.to_uint8(test.batch(range(6))), small, against)
    assert same["ffd"] < 1e-3 * scores["ffd"] and same["class_score"] == pytest.approx(same["class_score_real"])
    with pytest.raises(ValueError, match="7 drawn pictures, 6 real ones"):
        evaluation_samples.evaluate_samples(drawn[[0] * 7], small, against)


def test_the_class_score_is_the_number_of_classes_that_are_seen_surely_and_evenly():
    sure = torch.nn.functional.one_hot(torch.tensor([0, 1, 2, 0, 1, 2]), 4).float()
    assert evaluation_samples.class_score(sure) == pytest.approx(3, abs=1e-3)
    assert evaluation_samples.class_score(sure[[0] * 6]) == pytest.approx(1, abs=1e-3)


def test_a_real_landscape_has_one_hour_one_light_and_a_level_horizon_and_a_chimera_has_two():
    known = training_readers.known("landscapes", "validation", 60)
    chimeras = training_readers.chimeras_of(known, "landscapes", "validation")
    assert torch.equal(known.answers[:, 1::2], known.answers[:, 2::2])
    assert torch.equal(chimeras.answers[:, 1::2], known.answers[:, 1::2])           # the left half is its own
    assert torch.equal(chimeras.answers[:, 2::2], known.answers.roll(-1, 0)[:, 2::2])       # the right one another's
    assert (chimeras.answers[:, 0] == training_readers.UNASKED).all()
    x, left = chimeras.pictures.batch([3, 59]), known.pictures.batch([3, 59])
    right = known.pictures.batch([4, 0])
    assert torch.equal(x[..., :28], left[..., :28]) and torch.equal(x[..., 36:], right[..., 36:])
    seam = (x[..., 32] - x[..., 31]).abs().mean()
    assert seam < (right[..., 32] - left[..., 31]).abs().mean() / 2                 # and no line gives it away
    maps = chimeras.maps.levels([3])[0, ..., 0]
    assert (maps[:, :32] == known.maps.levels([3])[0, :, :32, 0]).all()
    assert (maps[:, 32:] == known.maps.levels([4])[0, :, 32:, 0]).all()


@pytest.mark.parametrize("name", ["hour", "light", "horizon"])
def test_the_chance_that_two_landscapes_agree_is_what_pairs_of_scenes_do(name):
    sides = [[halves.pairs(drawing.thing("landscapes", i))[name] for i in range(first, first + 2000)]
             for first in (10_000, 20_000)]
    shown = [(a.left if a.left_visible else -1, b.right if b.right_visible else -1)
             for a, b in zip(*sides, strict=True)]
    counted = [(a, b) for a, b in shown if max(a, b) >= 0]
    agree = sum(a == b for a, b in counted) / len(counted)
    assert abs(agree - halves.chance(name)) < 0.04 and len(halves.values(name)) == {
        "hour": 6, "light": 2, "horizon": 4}[name]


def test_every_horizon_of_the_world_has_a_level():
    levels = {halves.pairs(scene)["horizon"].left for scene in
              (drawing.thing("landscapes", i) for i in range(300))}
    assert levels == set(range(4))


def test_water_mirrors_its_own_shore_and_no_strangers():
    known = training_readers.known("landscapes", "validation", 60)
    x, maps = known.pictures.batch(range(60)), torch.from_numpy(known.maps.levels(range(60))[..., 0]).long()
    water = maps[:, None] == drawing.world("landscapes").LABELS.index("water")
    mirrors = halves.mirror(x, maps)
    wet = ~mirrors.isnan()
    assert 20 < wet.sum() < 50 and not wet[~water.flatten(1).any(1)].any()
    strangers = halves.mirror(torch.where(water, x, x.roll(-1, 0)), maps)
    assert mirrors[wet].mean() > 0.6 and strangers[wet].mean().abs() < 0.25
    exact = torch.cat([x[..., :32, :], x[..., :32, :].flip(2)], 2)                  # above a line, and turned over
    flat = torch.zeros(60, 64, 64, dtype=torch.int64)
    flat[:, 32:] = 9
    assert halves.mirror(exact, flat).min() > 0.999


def test_other_real_pictures_are_the_floor_of_looks_and_flat_ones_lie_above():
    train, test = (datasets.load("faces", 32, split, count) for split, count in (("train", 60), ("test", 20)))
    floor = ablation_scores.floor_of_looks(train, test, 20)
    assert floor["sets"] == 3 and floor["looks_deviation"] > 0
    flat = train.batch(range(20)).mean((2, 3), keepdim=True).expand(-1, -1, 32, 32)
    assert ablation_scores.looks(datasets.to_uint8(flat), test)["looks"] > 3 * floor["looks"]
    assert ablation_scores.floor_of_looks(train, datasets.load("faces", 32, "test", 1), 20) == {}
