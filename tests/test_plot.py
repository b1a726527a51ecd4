import io

import numpy as np
import pytest
import torch
from PIL import Image

from minivq import plot


def test_grid_puts_pictures_in_rows_with_white_gaps():
    x = torch.full((3, 3, 4, 4), -1.0)
    sheet = plot.grid(x, columns=2, scale=3)
    assert sheet.shape == (26, 26, 3) and sheet.dtype == np.uint8
    assert (sheet[:12, :12] == 0).all() and (sheet[14:, :12] == 0).all()
    assert (sheet[:, 12:14] == 255).all() and (sheet[12:14] == 255).all()
    assert (sheet[14:, 14:] == 255).all(), "the empty place is white"


def test_enlarging_smooths_nothing():
    x = torch.rand(1, 3, 5, 5) * 2 - 1
    assert len(np.unique(plot.grid(x, scale=7).reshape(-1, 3), axis=0)) == 25


def test_grey_and_uint8_pictures_become_three_channels():
    grey = torch.zeros(2, 1, 4, 4)
    assert plot.pictures(grey).shape == (2, 4, 4, 3) and (plot.pictures(grey) == 128).all()
    stored = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    assert (plot.pictures(stored) == stored).all()


def test_values_outside_the_range_are_cut_off_not_wrapped():
    assert plot.pictures(torch.tensor([-3.0, 3.0]).view(2, 1, 1, 1))[:, 0, 0, 0].tolist() == [0, 255]


def test_side_by_side_shows_picture_i_of_every_set_in_row_i():
    a, b = torch.full((2, 3, 4, 4), -1.0), torch.full((2, 3, 4, 4), 0.0)
    sheet = plot.side_by_side(a, b, scale=1, gap=0)
    assert sheet.shape == (8, 8, 3) and (sheet[:, :4] == 0).all() and (sheet[:, 4:] == 128).all()
    with pytest.raises(ValueError, match="all the same"):
        plot.side_by_side(a, b[:1])


def test_code_map_gives_equal_codes_equal_cells_and_unlike_codes_unlike_ones():
    sheet = plot.code_map(torch.tensor([[5, 6], [6, 5]]), 512, cell=16)
    assert sheet.shape == (32, 32, 3)
    assert (sheet[:16, :16] == sheet[16:, 16:]).all() and (sheet[:16, :16] != sheet[:16, 16:]).any()
    with pytest.raises(ValueError, match="512.*0..511"):
        plot.code_map(torch.tensor([[512]]), 512)


def test_curves_draw_every_series_in_its_own_colour():
    picture = plot.curves({"a": [1, 2, 3], "b": ([0, 1], [3, 1])}, "title", "step", "loss", width=4, height=2)
    assert picture.shape == (192, 384, 3)
    seen = set(map(tuple, picture.reshape(-1, 3)))
    for colour in plot.COLOURS[:2]:
        assert tuple(int(colour[i:i + 2], 16) for i in (1, 3, 5)) in seen


def test_figures_open_no_window_and_leave_the_style_outside_alone():
    import matplotlib
    before = dict(matplotlib.rcParams)
    with plot.figure(columns=2) as (fig, axes):
        assert len(axes) == 2
        axes[0].plot([1, 2])
    assert dict(matplotlib.rcParams) == before
    assert plot.rendered(fig).shape[2] == 3


def test_save_writes_what_can_be_read_and_refuses_other_endings(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    with Image.open(plot.save(tmp_path / "new" / "a.png", picture)) as read:
        assert (np.asarray(read) == picture).all()
    with pytest.raises(ValueError, match="a.txt.*png"):
        plot.save(tmp_path / "a.txt", picture)


def test_a_line_figure_shrinks_and_a_photograph_stays_as_it_is():
    line = plot.curves({"a": [3.0, 1.0, 2.0]}, "Title", "x", "y")
    small = plot.few_colours(line)
    with Image.open(io.BytesIO(small)) as read:
        assert np.abs(np.asarray(read.convert("RGB")).astype(int) - line).max() <= 6
    assert len(small) < 0.6 * len(plot.encode(line))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert plot.few_colours(noise) is None


def test_show_gives_the_notebook_pixel_size_and_alt_text(monkeypatch):
    import IPython.display
    shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    plot.show(np.zeros((20, 30, 3), np.uint8), "Title", "Caption")
    _, meta = shown[1]._repr_mimebundle_()
    assert meta["image/png"] == {"width": 30, "height": 20, "alt": "Title. Caption"}
    assert [type(thing).__name__ for thing in shown] == ["Markdown", "Image", "Markdown"]


def test_a_strip_has_originals_above_codes_above_copies():
    x, indices = torch.rand(3, 3, 16, 16) * 2 - 1, torch.zeros(3, 4, 4, dtype=torch.int64)
    picture = plot.strip(x, indices, -x, K=8, scale=3, gap=6)
    assert picture.shape == (3 * 48 + 2 * 6, 3 * 48 + 2 * 6, 3)
    assert np.array_equal(picture[:48], plot.grid(x, 3, 3, 6)) and np.array_equal(picture[-48:], plot.grid(-x, 3, 3, 6))


def test_a_sheet_is_full_where_the_number_of_pictures_allows():
    assert [plot.columns_for(n) for n in (1, 2, 8, 9, 12, 16, 20, 64)] == [1, 2, 4, 3, 4, 4, 5, 8]
    assert plot.columns_for(7) == 3 and plot.columns_for(17) == 5               # primes: nearly square
