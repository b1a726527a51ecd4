"""The world of faces: pictures and ground truth fit together, and are what they were when frozen."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from minivq.worlds import faces

FIXTURE = Path(__file__).parent / "fixtures" / "faces.png"
ATTRIBUTES = "0224d39f7aa207247ffc8de78e74a6fadb3a27ff82f898b6fda5b1567b9cd6f5"


def test_same_seed_and_index_give_the_same_picture():
    assert (faces.picture(faces.attributes(5)) == faces.picture(faces.attributes(5))).all()
    assert (faces.picture(faces.attributes(5)) != faces.picture(faces.attributes(5, seed=1))).any()


def test_sizes_agree():
    for index in range(8):
        face = faces.attributes(index)
        small = faces.picture(face, 64).astype(float)
        large = faces.picture(face, 128).astype(float).reshape(64, 2, 64, 2, 3).mean((1, 3))
        assert np.abs(small - large).mean() < 2.0
    assert faces.picture(face, 32).shape == (32, 32, 3) and faces.picture(face, 256).shape == (256, 256, 3)


def test_real_faces_agree_on_every_pair():
    for index in range(300):
        for name, pair in faces.pairs(faces.attributes(index)).items():
            assert pair.left == pair.right and pair.left_visible == pair.right_visible, (index, name)


def test_chimeras_agree_as_often_as_chance():
    counted, agreed = {}, {}
    for index in range(3000):
        for name, p in faces.pairs(faces.attributes(index, chimera=True)).items():
            if p.left_visible or p.right_visible:
                counted[name] = counted.get(name, 0) + 1
                both = p.left_visible and p.right_visible
                agreed[name] = agreed.get(name, 0) + (both and p.left == p.right)
    assert len(counted) >= 7
    for name, n in counted.items():
        c = faces.chance(name)
        assert abs(agreed[name] / n - c) < 4 * (c * (1 - c) / n) ** 0.5, name


@pytest.mark.parametrize("chimera", [False, True])
def test_flip_mirrors_the_picture(chimera):
    for index in range(24):
        face = faces.attributes(index, chimera=chimera)
        there, back = faces.picture(faces.flip(face)).astype(int), faces.picture(face)[:, ::-1]
        assert np.abs(there - back).mean() < 0.05
        assert faces.flip(faces.flip(face)) == face


def test_key_points_lie_on_their_parts():
    seen = 0
    for index in range(80):
        face = faces.attributes(index)
        labels, points = faces.segmentation(face), faces.keypoints(face)

        def at(name, labels=labels, points=points):
            x, y = points[name]
            return faces.LABELS[labels[int(y * 64), int(x * 64)]]

        lens = face.left.glasses and face.left.lens
        for side in ("left", "right"):
            assert at(f"{side} eye") == ("glasses" if lens else "eyes"), index
        assert at("nose") == "nose", index
        assert at("mouth") == "mouth", index
        seen += not lens
    assert seen > 40


def test_maps_fit_the_parts():
    for index in range(8):
        face = faces.attributes(index)
        labels, depth, edges = faces.segmentation(face), faces.depth(face), faces.edges(face)
        assert depth.dtype == np.float32 and depth.min() == 0 and depth.max() <= 1
        assert depth[labels == 6].mean() > depth[labels == 11].mean() > depth[labels == 0].mean()
        border = (labels[:, 1:] != labels[:, :-1]) & (labels[:, 1:] * labels[:, :-1] == 0)
        near = np.maximum(edges[:, 1:], edges[:, :-1])
        assert near[border].mean() > 4 * edges.mean() and 0 <= edges.min() <= edges.max() <= 1


def test_every_class_and_label_occurs():
    found = [faces.attributes(i) for i in range(1500)]
    counts = np.bincount([faces.label(f) for f in found], minlength=len(faces.CLASSES))
    assert counts.min() * 5 > counts.max()
    used = np.unique(np.concatenate([np.unique(faces.segmentation(f)) for f in found[:40]]))
    assert list(used) == list(range(len(faces.LABELS))) and len(faces.PALETTE) == len(faces.LABELS)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="size 300: wanted 32 to 256"):
        faces.picture(faces.attributes(0), 300)
    with pytest.raises(ValueError, match="index -1"):
        faces.attributes(-1)


def test_frozen():
    """Frozen: scores refer to these very pictures; never change the reference."""
    from PIL import Image

    faces_16 = [faces.attributes(i, chimera=i % 2 == 1) for i in range(16)]
    assert hashlib.sha256(repr(faces_16).encode()).hexdigest() == ATTRIBUTES
    now = np.concatenate([faces.picture(f) for f in faces_16[:8]], axis=1)
    assert np.abs(now.astype(int) - np.asarray(Image.open(FIXTURE).convert("RGB")).astype(int)).max() <= 1
