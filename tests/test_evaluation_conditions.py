"""Whether drawn pictures keep to what was told: each figure on a case that one can count by hand."""
import numpy as np
import pytest
import torch

from minivq import datasets, evaluation_conditions
from minivq.autoencoder import VQVAE, VQVAEConfig
from minivq.conditioning import KINDS, Conditions
from minivq.evaluation_conditions import box_overlap, condition_scores, contour_distance, contours, middles
from minivq.transformer import Transformer, TransformerConfig
from minivq.twostage import TwoStage
from minivq.worlds import faces


def test_a_contour_that_is_two_pixels_off_is_two_pixels_off():
    maps = torch.zeros(1, 8, 12, dtype=torch.int64)
    maps[:, :, 4:] = 1
    assert contours(maps)[0].any(0).nonzero().flatten().tolist() == [3]
    assert contour_distance(contours(maps), contours(maps.roll(2, 2))) == 0 + 2
    assert contour_distance(contours(maps), torch.zeros_like(maps, dtype=torch.bool)) == 8


def test_the_middles_of_eyes_nose_and_mouth_are_found_and_what_is_absent_is_nan():
    maps = torch.zeros(1, 16, 16, dtype=torch.int64)
    for name, rows, columns in (("eyes", (4, 5), (2, 5)), ("eyes", (4, 5), (10, 13)), ("nose", (8, 9), (7, 8))):
        maps[:, rows[0]:rows[1] + 1, columns[0]:columns[1] + 1] = faces.LABELS.index(name)
    found = middles(maps)[0]
    assert found[:3].tolist() == [[3.5, 4.5], [11.5, 4.5], [7.5, 8.5]] and found[3].isnan().all()


def test_boxes_overlap_by_what_they_share_and_a_missing_one_by_nothing():
    wanted = torch.tensor([[[0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 1.0, 1.0], [torch.nan] * 4]])
    found = torch.tensor([[[0.25, 0.0, 0.75, 1.0], [torch.nan] * 4, [0.0, 0.0, 1.0, 1.0]]])
    assert box_overlap(found, wanted) == pytest.approx((1 / 3 + 0) / 2)
    assert box_overlap(wanted, wanted) == 1


@pytest.fixture
def model():
    """A prior of 64 px faces that can be told everything and knows nothing yet."""
    torch.manual_seed(0)
    shape = {"widths": (8, 8, 8, 8), "K": 16, "d": 4, "z_channels": 8, "decoder_blocks": 1}
    stage, maps = (VQVAE(VQVAEConfig(channels=channels, **shape)).eval() for channels in (3, len(faces.LABELS)))
    conditions = Conditions(stage, maps, faces.PALETTE)
    prior = Transformer(TransformerConfig(16, 64, 1, 1, 8, cond_values=conditions.vocabulary.size, cond_length=65,
                                          in_place=True))
    return TwoStage(stage, prior.eval(), (8, 8), info={}, conditions=conditions)


class KnowsTheTruth:
    """A judge who sees the true labels in the real pictures, and clothes everywhere else."""

    def __init__(self, pictures, maps):
        self.pictures, self.maps = pictures, maps

    def read(self, x):
        real = x.shape == self.pictures.shape and torch.equal(x, self.pictures)
        return None, None, self.maps if real else torch.full_like(self.maps, faces.LABELS.index("clothes"))


def test_real_pictures_keep_to_their_own_truth_and_clothes_everywhere_do_not(model, monkeypatch):
    monkeypatch.setattr(evaluation_conditions, "LOOKED", 20)
    test, count = datasets.load("faces", 64, "test", 6), 6
    maps = torch.from_numpy(np.ascontiguousarray(
        datasets.truth("faces", "segmentation", 64, "test", 6).levels(range(6))[..., 0])).long()
    scores = condition_scores(model, test, KnowsTheTruth(test.batch(range(6)), maps), count)
    assert set(scores) == set(KINDS)
    real = {kind: found["real"] for kind, found in scores.items()}
    assert real["segmentation"] == 1 and real["edges"] == 0 and real["keypoints"] == 0 and real["low"] > 60
    assert real["boxes"] == pytest.approx(1) and real["depth"] < 0.1
    for kind, found in scores.items():
        if kind != "keypoints":                         # there are none in clothes
            assert (found["samples"] > found["real"]) == (kind in ("depth", "edges")), kind
    with pytest.raises(ValueError, match="was not trained with maps"):
        condition_scores(TwoStage(model.first_stage, model.prior, (8, 8)), test, None, 6)
