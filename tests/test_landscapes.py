"""What the landscapes world promises. It is frozen: scores of trained models refer to these pictures."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from minivq.worlds import landscapes

FIXTURE = Path(__file__).parent / "fixtures" / "landscapes.png"
FROZEN = "216afeafcd01a4c42d412733c676e217eb4907af580edfb0f7ed07eec24089dd"
SCENES = [landscapes.scene(i) for i in range(300)]
CLEAR = [s for s in SCENES if s.water and not s.grounds and not s.things and s.time != 4]


def reference():
    """-> (64, 512, 3) uint8: the 8 pictures that are stored."""
    return np.concatenate([landscapes.picture(landscapes.scene(i)) for i in range(8)], axis=1)


def similar(a, b):
    """-> float: correlation of two arrays."""
    return np.corrcoef(np.ravel(a).astype(float), np.ravel(b).astype(float))[0, 1]


def test_frozen_scenes():
    """Frozen: a sha256 over every parameter of 16 scenes. Changing it makes all published scores void."""
    text = repr([landscapes.scene(i, seed) for seed in (0, 1) for i in range(8)])
    assert hashlib.sha256(text.encode()).hexdigest() == FROZEN


def test_frozen_pictures():
    """Frozen: 8 stored pictures; one grey level of room, since processors round differently."""
    from PIL import Image

    with Image.open(FIXTURE) as stored:
        wanted = np.asarray(stored).astype(int)
    assert np.abs(reference().astype(int) - wanted).max() <= 1


def test_same_index_gives_same_picture_and_another_index_another():
    first = landscapes.picture(landscapes.scene(3, seed=5))
    assert np.array_equal(first, landscapes.picture(landscapes.scene(3, seed=5)))
    assert not np.array_equal(first, landscapes.picture(landscapes.scene(3, seed=6)))
    assert not np.array_equal(first, landscapes.picture(landscapes.scene(4, seed=5)))


def test_large_picture_averages_to_the_small_one():
    for scene in SCENES[:12]:
        large = landscapes.picture(scene, 128, 128).astype(float)
        small = landscapes.picture(scene, 64, 64).astype(float)
        other = landscapes.picture(landscapes.scene(scene.index + 1), 64, 64).astype(float)
        mean = large.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
        assert np.abs(mean - small).mean() < 3 < np.abs(mean - other).mean()


def test_wider_canvas_holds_the_narrower_one():
    for scene in SCENES[:8]:
        wide = landscapes.picture(scene, 160, 64).astype(int)
        assert np.abs(wide[:, :64] - landscapes.picture(scene, 64, 64)).max() <= 1
        wide = landscapes.segmentation(scene, 160, 64)
        assert np.array_equal(wide[:, :64], landscapes.segmentation(scene, 64, 64))


def test_bands_of_rows_leave_no_seam(monkeypatch):
    whole = landscapes.picture(SCENES[0], 64, 64).astype(int)
    monkeypatch.setattr(landscapes, "BAND", 1024)
    assert np.abs(landscapes.picture(SCENES[0], 64, 64) - whole).max() <= 1


def test_water_mirrors_the_land():
    """Rows below the waterline correlate with those above it, and less so with rows 6 % further up."""
    assert len(CLEAR) >= 5
    right, shifted = [], []
    for scene in CLEAR:
        picture = landscapes.picture(scene, 128, 128).astype(float)
        line = round(scene.horizon * 128)
        rows = np.arange(2, 126 - line)
        above = picture[line - 1 - rows]
        right.append(similar(picture[line + rows], above))
        shifted.append(similar(picture[line + rows], picture[np.maximum(0, line - 9 - rows)]))
    assert np.mean(right) > 0.8
    assert np.mean(np.array(right) > shifted) > 0.8


def test_waterline_is_level():
    water = landscapes.LABELS.index("water")
    for scene in CLEAR:
        first = (landscapes.segmentation(scene, 96, 64) == water).argmax(axis=0)
        assert np.ptp(first) == 0
        assert abs(first[0] - scene.horizon * 64) <= 0.5


def test_every_label_and_class_occurs():
    used = np.zeros(len(landscapes.LABELS), int)
    for scene in SCENES[:150]:
        used += np.bincount(landscapes.segmentation(scene, 32, 32).ravel(), minlength=len(used)) > 0
    assert (used >= 5).all(), dict(zip(landscapes.LABELS, used, strict=True))
    assert len(landscapes.PALETTE) == len(landscapes.LABELS)
    assert {landscapes.label(scene) for scene in SCENES} == set(range(len(landscapes.CLASSES)))


def test_maps_are_drawn_without_painting(monkeypatch):
    wanted = landscapes.segmentation(SCENES[1], 64, 64)

    def painted(*arguments):
        raise AssertionError("a colour was asked for")

    monkeypatch.setattr(landscapes.Scene, "colour", painted)
    assert np.array_equal(landscapes.segmentation(SCENES[1], 64, 64), wanted)
    landscapes.depth(SCENES[1], 64, 64), landscapes.edges(SCENES[1], 64, 64)


def test_what_is_nearer_has_the_greater_depth():
    order = ("sky", "far mountain", "mountain", "forest", "water")
    values = {name: [] for name in order}
    for scene in SCENES[:40]:
        labels, depth = landscapes.segmentation(scene, 64, 64), landscapes.depth(scene, 64, 64)
        assert depth.dtype == np.float32 and 0 <= depth.min() and depth.max() <= 1
        for name in order:
            values[name].extend(depth[labels == landscapes.LABELS.index(name)])
    means = [np.mean(values[name]) for name in order]
    assert means == sorted(means) and means[0] == 0
    depth = landscapes.depth(CLEAR[0], 64, 64)
    assert (np.diff(depth[round(CLEAR[0].horizon * 64) + 1 :, 5]) > 0).all()


def test_edges_lie_where_labels_change():
    for scene in SCENES[:8]:
        edges, labels = landscapes.edges(scene, 128, 128), landscapes.segmentation(scene, 128, 128)
        assert edges.dtype == np.float32 and 0 <= edges.min() and edges.max() <= 1
        solid = labels > 2
        change = (labels[1:] != labels[:-1]) & solid[1:] & solid[:-1]
        near = np.maximum(edges[1:], edges[:-1])
        assert near[change].mean() > 3 * near[~change].mean()


def test_slopes_are_brighter_on_the_side_of_the_sun():
    """Turning the light around (and nothing else) turns the difference of the flanks around."""
    mountain = [landscapes.LABELS.index(name) for name in ("mountain", "far mountain", "snow")]
    seen = 0
    for scene in SCENES:
        if not scene.ridges or scene.ridges[0].kind != "alpine" or scene.time == 5 or seen == 6:
            continue
        seen += 1
        assert (scene.sun[0] - 0.5) * scene.light > 0
        scene = replace(scene, clouds=(), things=(), grove=0.0)
        turned = replace(scene, light=-scene.light)
        mask = np.isin(landscapes.segmentation(scene, 128, 128), mountain)
        right, wrong = (landscapes.picture(s, 128, 128).sum(2, dtype=int) for s in (scene, turned))
        difference = right - wrong
        # flanks that fall to the right lie on the right of a summit: the silhouette falls there
        top = mask.argmax(axis=0)
        fall = np.convolve(np.gradient(top.astype(float)), np.ones(9) / 9, "same")
        falls = [x for x in range(8, 120) if mask[:, x].any() and abs(fall[x]) > 0.3]
        gain = [difference[top[x] + 2 : top[x] + 6, x].mean() * np.sign(fall[x]) * scene.light for x in falls]
        assert np.mean(gain) > 0


@pytest.mark.parametrize("size", [(31, 64), (64, 31), (8193, 64), (64, 8193)])
def test_sizes_out_of_range_are_refused(size):
    for function in (landscapes.picture, landscapes.segmentation, landscapes.depth, landscapes.edges):
        with pytest.raises(ValueError, match=r"must be in 32\.\.8192, got (31|8193)"):
            function(SCENES[0], *size)


def test_negative_index_is_refused():
    with pytest.raises(ValueError, match="must be >= 0, got index -1"):
        landscapes.scene(-1)
    with pytest.raises(ValueError, match="seed -2"):
        landscapes.scene(0, seed=-2)
