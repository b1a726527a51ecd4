"""Priors of windows: how they are trained, what they remember, and large pictures by `sample --size`."""
import numpy as np
import pytest
import torch
from PIL import Image
from toys import far_from_start

from minivq import checkpoint, commands_sliding, datasets, pretrained
from minivq.__main__ import main
from minivq.sampling import Painting, SampleConfig, paint, sample_sliding
from minivq.sentences import Windows
from minivq.transformer import Transformer, TransformerConfig
from minivq.windows import coordinate_count, coordinates
from minivq.worlds import landscapes

ALL = SampleConfig(top_k=None)


def test_a_window_sees_neighbours_and_its_own_part_of_the_map():
    tokens = torch.arange(2 * 5 * 6).reshape(2, 5, 6).to(torch.int16)
    data = Windows(tokens, 4, maps=tokens + 100)
    for number in range(9):
        seen, told = data.batch(torch.tensor([1, 0, 1]), number)
        window = seen.reshape(3, 4, 4)
        assert (window[:, 1:] - window[:, :-1] == 6).all() and (window[:, :, 1:] - window[:, :, :-1] == 1).all()
        assert torch.equal(told, seen + 100) and (seen[:, 0] // 30).tolist() == [1, 0, 1]
    corners = {int(data.batch(torch.tensor([0]), number)[0][0, 0]) for number in range(99)}
    assert corners == {0, 1, 2, 6, 7, 8}                                        # every corner, and no other
    assert torch.equal(data.batch(torch.arange(2), 7)[0], data.batch(torch.arange(2), 7)[0])


def test_every_place_has_coordinates_of_its_own():
    grid, n = (5, 7), 4
    told = [coordinates(torch.tensor([i]), torch.tensor([j]), grid, n) for i in range(2) for j in range(4)]
    assert len({tuple(ids[0].tolist()) for ids in told}) == 8                   # (row, column): all different
    rows, columns = torch.cat(told).unbind(1)
    assert set(rows.tolist()) == {0, 1} and set(columns.tolist()) == {2, 3, 4, 5}
    assert coordinate_count(grid, n) == 6


def test_a_picture_left_at_any_step_ends_the_same():
    torch.manual_seed(0)
    prior = far_from_start(Transformer(TransformerConfig(K=7, T=16, layers=2, heads=2, width=8)))
    for stride in (1, 2):
        whole = sample_sliding(prior, (6, 9), 4, 2, None, ALL, torch.Generator().manual_seed(1), stride)
        painting = Painting.begin(2, (6, 9), torch.Generator().manual_seed(1))
        for left_after in (3, 5, 11, 99):
            painting = Painting(painting.tokens.clone(), painting.u.clone())    # as if read from a file
            for number, _ in enumerate(paint(prior, painting, 4, None, ALL, stride)):
                if number == left_after:
                    break
        assert torch.equal(painting.tokens, whole) and whole.min() >= 0


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """Priors of windows of 4 x 4 tokens, f = 8: landscapes told label maps, faces told places."""
    root, patch = tmp_path_factory.mktemp("slides"), pytest.MonkeyPatch()
    load, truth = datasets.load, datasets.truth
    patch.setenv("MINIVQ_CACHE", str(root / "cache"))
    patch.setattr(datasets, "load", lambda name, size, split, *_: load(name, size, split, 3))
    patch.setattr(datasets, "truth", lambda name, kind, size, split, *_: truth(name, kind, size, split, 3))
    small = ["--batch", "2", "--steps", "20"]
    stage = ["--factor", "8", "--codes", "16", "--widths", "8", "8", "16", "16"]
    prior = [*small, "--layers", "1", "--width", "32", "--window", "4", "--few"]
    land, face = ["--data", "landscapes", "--size", "72"], ["--data", "faces", "--size", "48"]
    for command in (["vqvae", *land, *small, *stage, "--out", str(root / "stage")],
                    ["vqvae", *land, *small, *stage, "--labels", "--out", str(root / "maps")],
                    ["prior", *land, *prior, "--first-stage", str(root / "stage"), "--maps", str(root / "maps"),
                     "--out", str(root / "land")],
                    ["prior", *face, *prior, "--first-stage", str(root / "stage"), "--places",
                     "--out", str(root / "face")]):
        assert main(["train", *command]) == 0
    patch.undo()
    return root


def test_windows_come_out_of_whole_canvases_and_the_prior_remembers_their_grid(slides):
    land, face = (pretrained.load(slides / name) for name in ("land", "face"))
    assert (land.window.n, land.window.grid, land.window.told) == (4, (27, 36), "maps")
    assert (face.window.n, face.window.grid, face.window.told) == (4, (6, 6), "places")
    assert land.prior.config.cond_length == 16 and face.prior.config.cond_values == 6


def test_a_prior_that_slides_is_published_with_what_it_pays(slides, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FOLDER", tmp_path / "data" / "checkpoints")
    assert main(["publish", str(slides / "land"), "--name", "land"]) == 0
    about = checkpoint.manifest(checkpoint.FOLDER)["land"]
    assert about["scores"]["validation"]["nats_per_token"] > 0 and about["count"] == 3
    assert (checkpoint.FOLDER / "land.pt").is_file()


def test_a_large_landscape_is_drawn_after_the_worlds_map_and_after_one_painted(slides, tmp_path, capsys):
    command = ["sample", "--model", str(slides / "land"), "--out", str(tmp_path / "big.png")]
    assert main([*command, "--size", "96x64", "--seed", "3"]) == 0
    with Image.open(tmp_path / "big.png") as picture:
        assert picture.size == (96, 64)
    drawn, told = ((tmp_path / name).read_bytes() for name in ("big.png", "big-map.png"))
    scene = landscapes.scene(commands_sliding.UNSEEN + 3)
    colours = np.array(landscapes.PALETTE, np.uint8)[landscapes.segmentation(scene, 96, 64)]
    assert (np.array(Image.open(tmp_path / "big-map.png")) == colours).all()
    (tmp_path / "mine.png").write_bytes(told)
    assert main([*command, "--segmentation", str(tmp_path / "mine.png"), "--seed", "3"]) == 0
    assert (tmp_path / "big.png").read_bytes() == drawn
    assert not list(tmp_path.glob("*.part"))


def test_an_interrupted_picture_goes_on_where_it_stood(slides, tmp_path, monkeypatch, capsys):
    command = ["sample", "--model", str(slides / "land"), "--size", "96x64", "--out"]
    assert main([*command, str(tmp_path / "whole.png")]) == 0
    steps, paint_ = [], commands_sliding.paint

    def stops(*arguments):
        for drawn in paint_(*arguments):
            steps.append(drawn)
            if len(steps) == 20:
                raise KeyboardInterrupt
            yield drawn

    monkeypatch.setattr(commands_sliding, "paint", stops)
    assert main([*command, str(tmp_path / "parts.png")]) == 130
    assert "the same command goes on" in capsys.readouterr().out and (tmp_path / "parts.png.part").is_file()
    before = len(steps)
    assert main([*command, str(tmp_path / "parts.png")]) == 0
    assert (tmp_path / "parts.png").read_bytes() == (tmp_path / "whole.png").read_bytes()
    assert 0 < sum(steps[before:]) < 96 and sum(steps) >= 96


@pytest.mark.parametrize(("options", "message"), [
    (["--size", "100x64"], "size=100x64: wanted multiples of f=8"),
    (["--size", "64x16"], "at least 32 px a side"),
    (["--size", "64"], "size='64': wanted WIDTHxHEIGHT"),
    (["--size", "64x64", "--stride", "3"], "stride=3: wanted 1 to 2"),
    (["--size", "64x64", "--segmentation", "no.png"], "no.png is not a file"),
])
def test_a_large_picture_that_cannot_be_is_refused(slides, options, message, tmp_path, capsys):
    assert main(["sample", "--model", str(slides / "land"), *options, "--out", str(tmp_path / "big.png")]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "big.png").exists()


def test_colours_that_name_no_label_are_listed_with_where_they_stand(slides, tmp_path, capsys):
    picture = np.tile(np.array(landscapes.PALETTE[0], np.uint8), (64, 64, 1))
    picture[5, 7] = 1, 2, 3
    Image.fromarray(picture).save(tmp_path / "mine.png")
    command = ["sample", "--model", str(slides / "land"), "--segmentation", str(tmp_path / "mine.png")]
    assert main([*command, "--out", str(tmp_path / "big.png")]) == 2
    assert "first (1, 2, 3) at column 7, row 5" in capsys.readouterr().err


def test_places_are_those_of_the_training(slides, tmp_path, capsys):
    command = ["sample", "--model", str(slides / "face"), "--out", str(tmp_path / "face.png")]
    assert main([*command, "--n", "2"]) == 0
    with Image.open(tmp_path / "face.png") as picture:
        assert picture.size == (48, 2 * 48 + 2)
    assert main([*command, "--size", "64x64"]) == 2
    assert "a grid of 8x8: wanted 6x6" in capsys.readouterr().err


def test_options_of_windows_are_refused_for_other_priors(tmp_path, capsys):
    assert main(["sample", "--model", "faces", "--size", "128x128", "--out", str(tmp_path / "x.png")]) == 2
    assert "for a prior of windows" in capsys.readouterr().err
