"""The model card, and the folder that lesson 15 draws."""
import numpy as np
import pytest
from PIL import Image

from minivq import datasets
from minivq.cards import WANTED, card, write_card
from minivq.course.cabinet import KINDS, cabinet, drawing


def test_what_was_not_measured_is_said():
    text = card({})
    for part, wanted in WANTED.items():
        assert f"## {part}" in text
        assert all(f"- {name}: not measured" in text for name in wanted)


def test_each_split_gets_a_line_and_more_is_kept():
    text = card({"first stage": {"psnr": {"validation": 24.312, "test": 24.0}, "start": "faces-f8", "minutes": 1234}})
    for line in ("- psnr (validation): 24.31", "- psnr (test): 24", "- start: faces-f8", "- minutes: 1,234"):
        assert line in text.splitlines()


def test_samples_are_held_against_something():
    with pytest.raises(ValueError, match="of the samples alone"):
        card({"honesty": {"nearest training picture": {"samples": 3.0}}})
    with pytest.raises(ValueError, match="wanted parts out of"):
        card({"first_stage": {}})


def test_the_sheet_lies_beside_the_card(tmp_path):
    info = {"honesty": {"samples": "2, not chosen"}}
    path = write_card(tmp_path / "mine.md", info, "Mine", np.zeros((4, 8, 3), np.uint8))
    assert path.read_text().startswith("# Mine\n\n![2, not chosen](mine.png)\n")
    with Image.open(tmp_path / "mine.png") as sheet:
        assert sheet.size == (8, 4)


def test_the_cabinet_is_its_own_mirror_image_and_has_useless_files(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path))
    for number in range(12):
        pixels = np.asarray(drawing(number)[1])
        assert (pixels == pixels[:, ::-1]).all()
    place = cabinet(60)
    assert cabinet(60) == place
    with pytest.warns(UserWarning, match="3 pictures"):
        train = datasets.load(f"folder:{place}", 64, "train")
    assert train.classes == KINDS and len(train.left_out) == 3 and len(train) > 40
