"""What a prior can be told: ids that mean one thing each, and a way back to a picture."""
import dataclasses

import numpy as np
import pytest
import torch
from toys import TINY

from minivq import conditioning, datasets
from minivq.autoencoder import VQVAE
from minivq.conditioning import KINDS, Conditions, Vocabulary, boxes_of, labels_of
from minivq.datasets import LabelMaps, one_hot
from minivq.drawing import draw, world

PALETTE, NAMES = ((0, 0, 0), (255, 0, 0), (0, 0, 255)), ("wall", "skin", "hat")
MAPS = torch.tensor([[[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [2, 0, 0, 0]]])


@pytest.fixture
def conditions():
    torch.manual_seed(0)
    maps = VQVAE(dataclasses.replace(TINY, channels=3, K=8)).eval()
    return Conditions(VQVAE(TINY).eval(), maps, PALETTE)


def truths(size=16):
    """Something of every kind, for two pictures."""
    random = torch.Generator().manual_seed(0)
    maps = torch.randint(3, (2, size, size), generator=random)
    return {"segmentation": maps, "depth": torch.rand(2, 1, size, size, generator=random),
            "edges": torch.rand(2, 1, size, size, generator=random),
            "low": torch.rand(2, 3, size // 4, size // 4, generator=random) * 2 - 1,
            "keypoints": torch.rand(2, 5, 2, generator=random), "boxes": boxes_of(maps, 3)}


def test_no_id_means_two_things(conditions):
    words = conditions.vocabulary
    assert words.size == len(KINDS) + 8 + 16 + 64 + 1 and words.first("absent") == words.size - 1
    ranges = {"segmentation": ("map", 8), "depth": ("code", 16), "edges": ("code", 16), "low": ("code", 16),
              "keypoints": ("place", 64), "boxes": ("place", 65)}
    for kind, truth in truths().items():
        prefix = conditions.prefix(kind, truth)
        first = words.first(ranges[kind][0])
        assert (prefix[:, 0] == KINDS.index(kind)).all()
        assert first <= prefix[:, 1:].min() and prefix[:, 1:].max() < first + ranges[kind][1]


def test_every_kind_gives_a_picture_to_look_at(conditions):
    for kind, truth in truths().items():
        picture = conditions.picture(conditions.prefix(kind, truth), 16)
        assert picture.shape == (2, 3, 16, 16) and picture.abs().max() <= 1 and picture.std() > 0, kind


def test_a_map_is_told_by_its_own_model_and_comes_back_as_that_draws_it(conditions):
    maps = truths()["segmentation"]
    picture = conditions.picture(conditions.prefix("segmentation", maps), 16)
    drawn = conditions.maps.decode(conditions.maps.encode(one_hot(maps, 3))).argmax(1)
    assert torch.equal(picture, conditions.palette[drawn].movedim(-1, 1))


def test_places_come_back_within_half_a_level_and_absent_ones_as_nan():
    words, values = Vocabulary(8, 16), torch.tensor([0.0, 0.49, 0.999, 1.0, 1.3, float("nan")])
    back = words.values(words.places(values))
    assert back[-1].isnan() and (back[:4] - values[:4]).abs().max() <= 0.5 / 64 and back[4] == back[3]


def test_boxes_by_hand():
    found = boxes_of(MAPS, 4)[0]
    assert found[1].tolist() == [0.25, 0.25, 0.75, 0.75] and found[2].tolist() == [0.0, 0.75, 0.25, 1.0]
    assert found[3].isnan().all()


def test_one_hot_says_the_label_and_refuses_ids_that_are_none():
    assert torch.equal(one_hot(MAPS, 3).argmax(1), MAPS) and one_hot(MAPS, 3).unique().tolist() == [-1, 1]
    with pytest.raises(ValueError, match="ids from 0 to 2: wanted .* 0 to 1"):
        one_hot(MAPS, 2)


def test_label_maps_of_a_world_come_as_a_first_stage_takes_them():
    maps = datasets.truth("faces", "segmentation", 64, "validation", 3)
    x = LabelMaps(maps, 12).batch([0, 2])
    assert x.shape == (2, 12, 64, 64) and torch.equal(x.argmax(1), torch.from_numpy(maps.levels([0, 2])[..., 0]).long())


def test_a_painted_map_is_read_by_its_colours_and_others_are_listed_with_their_places():
    painted = np.array(PALETTE, np.uint8)[MAPS[0]]
    assert torch.equal(labels_of(painted, PALETTE, NAMES), MAPS)
    painted[1, 3] = (9, 9, 9)
    with pytest.raises(ValueError, match=r"1 pixels .* \(9, 9, 9\) at column 3, row 1: wanted wall \(0, 0, 0\), skin"):
        labels_of(painted, PALETTE, NAMES)


def test_the_palette_of_the_faces_names_every_label():
    place = world("faces")
    maps = draw("faces", "segmentation", 64, 64, range(2))[0][..., 0]
    painted = np.array(place.PALETTE, np.uint8)[maps]
    assert torch.equal(labels_of(painted[0], place.PALETTE, place.LABELS)[0], torch.from_numpy(maps[0]).long())


def test_an_unknown_kind_is_named(conditions):
    with pytest.raises(ValueError, match="'smell': wanted one of segmentation, depth"):
        conditions.prefix("smell", torch.zeros(1))
    assert conditioning.smaller(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 4, 4)
