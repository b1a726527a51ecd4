"""The small net of the perceptual distance: its distortions and its teaching."""
import dataclasses

import pytest
import torch

from minivq import drawing, training_perceptual, training_readers
from minivq.training import TrainConfig, seeded
from minivq.training_perceptual import KINDS, distorted, varied

SHORT = TrainConfig(steps=3, batch=4, peak=1e-3, save_every=2, bf16=False)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_more_strength_is_more_error(kind):
    x = torch.rand(3, 32, 32, generator=seeded(0, 0)) * 2 - 1
    errors = [(distorted(x, kind, strength, seeded(0, 1)) - x).square().mean().item() for strength in (0.0, 0.5, 1.0)]
    assert errors[0] < errors[1] < errors[2]


def test_an_unknown_distortion_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="'smear'.*none, blur, noise, jpeg, pixels"):
        distorted(torch.zeros(3, 32, 32), "smear", 1.0)


def test_truth_is_mirrored_and_turned_with_its_picture():
    x, maps = torch.zeros(1, 3, 16, 16), torch.zeros(1, 2, 16, 16)
    x[:, :, 2, 5], maps[:, :, 2, 5] = 1, 1
    places = set()
    for number in range(20):
        y, moved = varied(x, maps, seeded(0, number))
        odd = (y - y[..., :1, :1].mode(dim=-1).values[..., None]).abs().sum(1).flatten().argmax()
        assert odd == moved[0, 0].flatten().argmax()
        places.add(int(odd))
    assert len(places) == 8


def test_the_small_net_learns_and_is_written_as_the_distance_reads_it(tmp_path):
    from minivq.perceptual import mini
    net, loss = training_perceptual.perceptual_task(SHORT, 6)
    first = loss(net, 0)[0].item()
    trained = training_readers.train(net, loss, dataclasses.replace(SHORT, steps=12), {"perceptual": "mini"},
                                     tmp_path / "run")
    assert loss(net, 0)[0].item() < first
    path = training_readers.export(trained.net, tmp_path / "mini.pt", {})
    assert path.stat().st_size < 1.5e6
    distance, x = mini(path), torch.rand(2, 3, 64, 64) * 2 - 1
    assert distance(x, x).abs().max() < 1e-6 and (distance(x, x.roll(1, -1)) > 0).all()


def test_the_blur_has_the_error_that_was_wanted():
    x = torch.rand(3, 64, 64, generator=seeded(0, 0)) * 2 - 1
    x = torch.nn.functional.avg_pool2d(x[None], 5, 1, 2)[0]
    other = torch.cat([x[..., :1], x[..., :-1]], -1)
    wanted, met = ((y - x).square().mean().item() for y in (other, training_perceptual.blur_as_bad(x, other)))
    assert met == pytest.approx(wanted, rel=0.01)


def test_siblings_differ_in_one_thing_that_can_be_seen():
    faces = drawing.draw("faces", "picture", 64, 64, range(6))[0]
    drawn, things = training_perceptual.siblings(6)
    assert all((a != b).any() and (a == b).any() for a, b in zip(faces, drawn, strict=True))
    assert len(things) == 6 and len(things.unique()) > 1
    one, other = drawing.thing("faces", 0), drawing.thing("faces", 3)
    changed = training_perceptual.sibling(one, other, "skin")
    assert changed.left.skin == changed.right.skin == other.left.skin
    assert dataclasses.replace(changed, left=one.left, right=one.right) == one
