"""The study of f: what it makes, that it goes on where it stopped, and what it refuses."""
import dataclasses
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from toys import toy_pictures

from minivq import ablation, ablation_figures, ablation_scores, commands_train, datasets
from minivq.__main__ import main
from minivq.ablation import STUDIES, Study
from minivq.autoencoder import VQVAE, VQVAEConfig
from minivq.transformer import Transformer, TransformerConfig
from minivq.twostage import TwoStage
from minivq.windows import Window, corner

LOAD = datasets.load                                                                    # as it is, whatever is patched
TINY = Study(layers=1, width=32, steps=20, batch=2, count=4, samples=3, samples_of_pixels=2, scored=4, held=1,
             minutes=0.0)


def without_times(found):
    """A result but for its seconds and minutes."""
    if isinstance(found, dict):
        return {key: without_times(value) for key, value in found.items()
                if key not in ("minutes", "fast", "plain", "command", "machine")}
    return [without_times(value) for value in found] if isinstance(found, list) else found


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A tiny study of faces: f = 1, 8 and 16 of windows of 4, the first stage of f = 16 trained on the way."""
    root, patch = tmp_path_factory.mktemp("ablation"), pytest.MonkeyPatch()
    load, train = datasets.load, commands_train.train
    patch.setenv("MINIVQ_CACHE", str(root / "cache"))
    patch.setitem(STUDIES, "small", TINY)
    patch.setattr(datasets, "load", lambda name, size, split, *_: load(name, size, split, 4))

    def short(kind, *options):
        options = ["--steps" if one == "--minutes" else 20 if one == 0.0 else one for one in options]
        small = ("--widths", 8, 8, 8, 8, 16, "--codes", 16) if kind == "vqvae" else ()
        train(kind, *options, *small, *(() if kind == "prior" else ("--batch", 2)))

    patch.setattr(ablation, "train", short)
    command = ["ablation", "--data", "faces", "--factors", "1", "8", "16", "--window", "4", "--study", "small",
               "--seeds", "2", "--out", str(root / "study"), "--json", str(root / "found.json")]
    assert main(command) == 0
    yield root, command
    patch.undo()


def test_colours_are_a_first_stage_without_a_network():
    pictures = toy_pictures(64, 16)
    model, x = ablation.colours(pictures, K=32), pictures.batch(range(4))
    indices = model.encode(x)
    assert indices.shape == (4, 16, 16) and model.config.factor == 1 and int(indices.max()) < 32
    away = (x[:, None] - model.quantizer.codebook[None, :, :, None, None]).square().sum(2)      # (4, 32, 16, 16)
    assert torch.equal(indices, away.argmin(1))
    assert (model.decode(indices) - x).square().mean() < 0.25 * x.var()


def test_a_study_writes_its_result_its_figures_and_its_table(study, capsys):
    root, command = study
    found = json.loads((root / "found.json").read_text())
    assert list(found["factors"]) == ["1", "8", "16"] and found["seeds"] == 2
    one, eight, sixteen = found["factors"].values()
    assert (one["tokens"], eight["tokens"], sixteen["tokens"]) == (4096, 64, 16)
    assert (one["share_seen"], eight["share_seen"], sixteen["share_seen"]) == (1 / 256, 0.25, 1.0)
    assert one["tokens_seen"] == eight["tokens_seen"] == 20 * 2 * 16 and one["blocks"] == eight["blocks"]
    nats = eight["seeds"][0]["nats_per_token"]
    assert eight["seeds"][0]["bits_per_pixel"] == pytest.approx(nats * 64 / math.log(2) / 64**2)
    values = [seed["consistency"] for seed in eight["seeds"]]
    assert eight["consistency"]["error"] == pytest.approx(abs(values[0] - values[1]) / 2)       # sd / sqrt(2)
    assert len(eight["seeds"][0]["attributes"]) == 6 or len(eight["seeds"][0]["attributes"]) > 3
    for name in ("samples.png", "curves.png"):
        with Image.open(root / "study" / name) as picture:
            assert picture.width > 600
    assert "consistency_chimeras" in found["anchors"]
    with np.load(root / "found-samples.npz") as kept:
        assert {name: kept[name].shape[1:] for name in kept.files} == dict.fromkeys(("f1", "f8", "f16"), (64, 64, 3))


def test_a_study_killed_and_started_again_redoes_nothing_and_ends_the_same(study, monkeypatch, capsys):
    root, command = study
    before = without_times(json.loads((root / "found.json").read_text()))
    (root / "study" / "f8" / "scores-1.json").unlink()
    (root / "study" / "f8" / "samples-1" / "0.npz").unlink()
    kept = (root / "study" / "f8" / "samples-0" / "0.npz").stat().st_mtime_ns
    monkeypatch.setattr(ablation, "train", lambda *_: pytest.fail("a finished training was made again"))
    assert main([*command, "--only", "8"]) == 0
    assert without_times(json.loads((root / "found.json").read_text())) == before
    assert (root / "study" / "f8" / "samples-0" / "0.npz").stat().st_mtime_ns == kept


def test_another_study_in_the_same_folder_is_refused(study, monkeypatch, capsys):
    root, command = study
    monkeypatch.setitem(STUDIES, "small", dataclasses.replace(TINY, steps=21))
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "holds another study" in said and "'steps': 20" in said and "'steps': 21" in said


def test_priors_of_another_size_in_the_same_folder_are_refused(study, capsys):
    root, command = study
    path = root / "study" / "f8" / "scores-0.json"
    text = path.read_text()
    path.write_text(json.dumps(json.loads(text) | {"tokens_seen": 7}))
    assert main(command) == 2
    assert "wanted one study in one folder" in capsys.readouterr().err
    path.write_text(text)


def test_a_first_stage_that_has_changed_on_the_way_is_refused(study, capsys):
    root, command = study
    path = root / "study" / "f8" / "stage.json"
    text = path.read_text()
    path.write_text(json.dumps(json.loads(text) | {"sha256": "0" * 64}))
    assert main([*command, "--only", "8"]) == 2
    assert "faces-f8 has changed since" in capsys.readouterr().err
    path.write_text(text)


def test_one_seed_tells_of_no_deviation(study):
    root, command = study
    args = SimpleNamespace(out=root / "study", seeds=1, size=64)
    row = ablation.row_of(args, 8)
    assert row["consistency"]["mean"] == row["seeds"][0]["consistency"]
    assert row["consistency"]["deviation"] is None and row["consistency"]["error"] is None
    assert ablation_figures.table({"8": row}).count("±") == 0 and ablation_figures.curves({"8": row}).ndim == 3


@pytest.mark.parametrize(("n", "grid"), [(2, (4, 5)), (4, (4, 4)), (2, (3, 2))])
def test_a_token_costs_what_it_costs_in_the_window_in_which_it_is_drawn(n, grid):
    torch.manual_seed(0)
    shape = TransformerConfig(K=7, T=n * n, layers=1, heads=2, width=8, cond_values=9, cond_length=2)
    prior = Transformer(shape).eval()
    model = TwoStage(VQVAE(VQVAEConfig(widths=(8,), d=3, K=7)), prior, (n, n), (), {}, None, Window(n, grid, "places"))
    tokens, paid = torch.randint(7, (3, *grid)), []
    cond = model.slide_cond(grid, 3)
    for i in range(grid[0]):
        for j in range(grid[1]):
            top, left = corner(i, grid[0], n), corner(j, grid[1], n)
            window = tokens[:, top:top + n, left:left + n].flatten(1)
            place = (i - top) * n + j - left
            odds = prior(window[:, :place], cond(top, left))[:, -1].log_softmax(-1)
            paid.append(-odds[torch.arange(3), tokens[:, i, j]])
    assert ablation_scores.sliding_nats(model, tokens) == pytest.approx(torch.stack(paid).mean().item(), rel=2e-2)


def test_a_folder_is_studied_without_a_judge_and_the_study_says_so(tmp_path, monkeypatch, capsys):
    torch.manual_seed(0)
    monkeypatch.setattr(datasets, "load", LOAD)
    (tmp_path / "mine").mkdir()
    for i in range(40):
        x = torch.nn.functional.interpolate(torch.rand(1, 3, 4, 4), 32, mode="bicubic").clamp(0, 1)[0]
        Image.fromarray((x * 255).byte().movedim(0, -1).numpy()).save(tmp_path / "mine" / f"{i}.png")
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(STUDIES, "small", dataclasses.replace(TINY, count=None))
    assert main(["ablation", "--data", f"folder:{tmp_path / 'mine'}", "--size", "16", "--factors", "1", "--window", "4",
                 "--study", "small", "--seeds", "1", "--out", str(tmp_path / "study")]) == 0
    found = json.loads((tmp_path / "study" / "result.json").read_text())
    assert "consistency" not in found["factors"]["1"] and "ground truth" in found["anchors"]["missing"]


def test_how_a_set_looks_is_nothing_for_itself_and_more_for_the_wrong_colours():
    test = toy_pictures(40, 32)
    pixels = datasets.to_uint8(test.batch(range(40)))
    same, wrong = (ablation_scores.looks(x, test) for x in (pixels, pixels.flip(-1)))
    assert same["looks"] < 1e-6 < 0.05 < wrong["looks"] and same["looked_at"] == 40
    assert ablation_scores.spread(test, 4).tolist() == [0, 13, 26, 39] and len(ablation_scores.spread(test, 99)) == 40
    assert ablation_scores.looks(pixels[:1], test) == {} and ablation_scores.looks(pixels, toy_pictures(4, 16)) == {}


@pytest.mark.parametrize(("options", "message"), [
    (["--factors", "3"], "factor 3: wanted a power of 2"),
    (["--factors", "128"], "factor 128 of pictures of 64 px"),
    (["--size", "60", "--factors", "8"], "factor 8 of pictures of 60 px: wanted one that divides them"),
    (["--window", "3"], "window=3: wanted an even number"),
    (["--only", "2", "--factors", "4", "8"], "--only [2]: wanted some of --factors"),
    (["--seeds", "0"], "seeds=0: wanted at least 1"),
])
def test_a_study_that_makes_no_sense_is_refused(options, message, tmp_path, capsys):
    assert main(["ablation", *options, "--out", str(tmp_path / "study")]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "study").exists()
