"""The model card."""
import numpy as np
import pytest
from PIL import Image

from minivq.cards import WANTED, card, write_card


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
