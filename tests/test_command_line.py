"""The commands, end to end on a small folder: train, go on, reconstruct, evaluate; and what they refuse."""
import json
import shlex
import shutil
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from minivq import (
    bench,
    bench_sliding,
    checkpoint,
    commands,
    commands_train,
    datasets,
    drawing,
    pretrained,
    selector,
    training_perceptual,
    training_readers,
)
from minivq.__main__ import main
from minivq.commands_train import widths_for
from minivq.transformer import Transformer, TransformerConfig
from tests.toys import smooth_files

SMALL = ["--size", "16", "--factor", "4", "--codes", "16", "--widths", "8", "16", "16", "--batch", "4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty smooth coloured pictures of 24 x 20 px."""
    root = tmp_path_factory.mktemp("pictures")
    smooth_files(root, 24, 20)
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A short training of the folder: its run."""
    out = tmp_path_factory.mktemp("runs") / "small"
    assert main(["train", "vqvae", "--data", f"folder:{folder}", *SMALL, "--steps", "20", "--out", str(out)]) == 0
    return out


def test_training_ends_with_its_scores_and_the_same_command_goes_on(run, folder, capsys):
    assert main(["train", "vqvae", "--data", f"folder:{folder}", *SMALL, "--steps", "20", "--out", str(run)]) == 0
    *_, last, following = capsys.readouterr().out.splitlines()
    assert last.startswith("val psnr ") and last.endswith("/16")
    assert following == f"next: python -m minivq train prior --first-stage {run} --out {run}-prior"
    assert {path.name for path in run.iterdir()} == {"state.pt", "log.jsonl", "model.pt", "card.md", "card.png"}
    card = (run / "card.md").read_text()
    assert "- psnr (validation): " in card and "- command: python -m minivq" in card
    assert "![none; above validation pictures" in card and " of 16\n" in card


def test_minutes_become_a_number_of_steps_that_is_kept(folder, tmp_path, capsys):
    arguments = ["train", "vqvae", "--data", f"folder:{folder}", *SMALL, "--minutes", "0.01", "--out",
                 str(tmp_path / "run")]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "s a step" in said and said.splitlines()[-1].endswith(f" --minutes 0.01 --out {tmp_path}/run-prior")
    assert "18 pictures show what a first stage keeps; a prior would learn them by heart, and wants 800" in said
    assert main(arguments) == 0 and "s a step" not in capsys.readouterr().out


def test_another_configuration_is_refused_with_the_fields(run, folder, capsys):
    before = (run / "state.pt").read_bytes()
    assert main(["train", "vqvae", "--data", f"folder:{folder}", *SMALL, "--steps", "21", "--out", str(run)]) == 2
    assert "train.steps is 20, asked for 21" in capsys.readouterr().err
    assert (run / "state.pt").read_bytes() == before


def test_reconstruct_draws_original_and_copy_side_by_side(run, folder, tmp_path, capsys):
    assert main(["reconstruct", str(folder / "03.png"), "--model", str(run), "--out", str(tmp_path)]) == 0
    line = capsys.readouterr().out
    assert "24x20 px as 6x5 codes of 16" in line and " dB, 0.2500 bits per pixel" in line
    with Image.open(tmp_path / "03.png") as picture:
        assert picture.width >= 2 * 24


def test_pictures_of_one_name_do_not_replace_each_other(run, folder, tmp_path):
    pictures = [tmp_path / place / "face.png" for place in ("left", "right")]
    for i, path in enumerate(pictures):
        path.parent.mkdir()
        shutil.copy(folder / f"{i:02}.png", path)
    assert main(["reconstruct", *map(str, pictures), "--model", str(run), "--out", str(tmp_path / "seen")]) == 0
    assert len(list((tmp_path / "seen").iterdir())) == 2


def test_the_command_that_a_model_remembers_can_be_given_again(monkeypatch):
    given = ["train", "vqvae", "--data", "folder:my pictures", "--out", "runs/mine"]
    monkeypatch.setattr(sys, "argv", ["minivq", *given])
    assert shlex.split(commands.command_line()) == ["python", "-m", "minivq", *given]


def test_evaluate_writes_what_it_prints(run, folder, tmp_path, capsys):
    assert main(["evaluate", "--model", str(run), "--data", f"folder:{folder}", "--size", "16", "--json",
                 str(tmp_path / "scores.json")]) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert f"{scores['psnr']:.2f} dB" in capsys.readouterr().out
    assert {"psnr", "psnr_kmeans_patches", "psnr_mean_picture", "usage", "perplexity"} <= scores.keys()


def test_evaluate_draws_no_more_of_a_world_than_it_looks_at(run, monkeypatch):
    asked, load = {}, datasets.load

    def few(name, size, split, count=None, crop="center"):
        asked[split] = count
        return load(name, size, split, 40, crop)

    monkeypatch.setattr(datasets, "load", few)
    assert main(["evaluate", "--model", str(run), "--data", "faces", "--size", "32", "--count", "10"]) == 0
    assert asked == {"test": 10, "train": 2000, "validation": 10}      # validation: the floor


@pytest.mark.parametrize("arguments, words", [
    (["train", "vqvae", "--size", "20", "--factor", "8", "--out", "x"], "size=20 is not a multiple of factor=8"),
    (["train", "vqvae", "--factor", "6", "--out", "x"], "factor=6: wanted a power of 2"),
    (["train", "vqvae", "--widths", "8", "8", "--out", "x"], "2 widths make f=2, asked for f=8"),
    (["train", "vqvae", "--steps", "0", "--out", "x"], "steps=0: wanted at least 1"),
    (["train", "prior", "--classes", "--maps", "faces-map", "--out", "x"], "--maps, --places: wanted one of them"),
    (["train", "vqvae", "--data", "folder:/nowhere", "--out", "x"], "/nowhere: not found"),
    (["train", "vqvae", "--data", "cats", "--out", "x"], "'cats', wanted one of faces"),
    (["train", "vqvae", "--data", "folder:", "--out", "x"], "or folder:PATH"),
    (["reconstruct", "nothing.png", "--out", "x"], "nothing.png is not a file"),
    (["evaluate", "--model", "nobody"], "no model is called 'nobody'")])
def test_what_cannot_be_done_is_said_in_one_line_and_nothing_is_made(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(drawing, "blocks", None)            # no picture either: that would take minutes
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not (tmp_path / "x").exists()


def test_reconstruct_refuses_a_picture_that_would_fill_the_memory(run, tmp_path, capsys):
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 9) + b"IDAT")
    assert main(["reconstruct", str(tmp_path / "huge.png"), "--model", str(run), "--out", str(tmp_path / "out")]) == 2
    assert "huge.png: more than 100 megapixels" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_default_widths_fit_every_factor():
    assert [len(widths_for(2**n, None)) for n in range(6)] == [1, 2, 3, 4, 5, 6]


def test_a_vqgan_goes_on_from_a_first_stage(folder, run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(commands_train, "distance", lambda name: lambda x, y: (x - y).abs().mean((1, 2, 3)))
    arguments = ["train", "vqgan", "--data", f"folder:{folder}", "--size", "16", "--init", str(run), "--batch", "2",
                 "--out", str(tmp_path / "gan")]
    assert main([*arguments, "--minutes", "0.001"]) == 0
    said = capsys.readouterr().out
    assert "s a step of 2 pictures" in said and "20 steps" in said and said.splitlines()[-2].startswith("val psnr ")
    assert main([*arguments, "--steps", "5"]) == 2
    assert "train.steps is 20, asked for 5" in capsys.readouterr().err
    assert main(["reconstruct", str(folder / "03.png"), "--model", str(tmp_path / "gan"), "--out", str(tmp_path)]) == 0


def test_a_prior_of_a_handful_of_pictures_is_refused_with_the_reason(run, folder, tmp_path, capsys):
    assert main(["train", "prior", "--data", f"folder:{folder}", "--size", "16", "--first-stage", str(run),
                 "--out", str(tmp_path / "prior")]) == 2
    said = capsys.readouterr().err
    assert "learn them by heart" in said and "--few" in said and "wanted 800 pictures or more" in said
    assert not (tmp_path / "prior").exists()


def test_a_prior_is_trained_on_the_codes_of_a_run_and_samples_are_drawn(run, folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path / "cache"))
    for kind in ("transformer", "pixelsnail"):
        out = str(tmp_path / kind)
        assert main(["train", "prior", "--first-stage", str(run), "--prior", kind,
                     "--layers", "4", "--width", "32", "--batch", "4", "--steps", "6", "--few", "--out", out]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert "- nats per token (validation): " in (tmp_path / kind / "card.md").read_text()
        assert "sentences of 16 words" in "".join(lines)                # 16 px, as its first stage had them
        assert " nats per token, " in lines[-2] and lines[-1].startswith("next: python -m minivq sample")
        assert main(["sample", "--model", out, "--n", "5", "--out", str(tmp_path / "grid.png")]) == 0
        with Image.open(tmp_path / "grid.png") as picture:
            assert picture.size == (5 * 130 - 2, 128)
    assert main(["sample", "--model", out, "--class", "3", "--out", str(tmp_path / "grid.png")]) == 2
    assert "this prior knows no classes" in capsys.readouterr().err
    assert main(["reconstruct", str(folder / "03.png"), "--model", out, "--out", str(tmp_path)]) == 2
    assert "kind='prior': wanted 'vqvae', the first stage with which" in capsys.readouterr().err
    assert main(["sample", "--model", str(run), "--out", str(tmp_path / "grid.png")]) == 2
    assert "kind='vqvae': wanted 'prior', which `train prior" in capsys.readouterr().err


def test_what_is_printed_to_do_next_learns_the_same_pictures_and_tells_their_sub_folders(tmp_path, capsys):
    for name, width in (("cats", 24), ("dogs", 28)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        smooth_files(tmp_path / "pets" / name, width, 20)
    command = ["train", "vqvae", "--data", f"folder:{tmp_path}/pets", *SMALL, "--steps", "20"]
    assert main([*command, "--out", str(tmp_path / "stage")]) == 0
    following = shlex.split(capsys.readouterr().out.splitlines()[-1])[4:]
    assert main([*following, "--steps", "2", "--layers", "2", "--width", "32", "--few"]) == 0
    model = pretrained.load(tmp_path / "stage-prior", kind="prior")
    assert model.classes == ("cats", "dogs") and model.info["data"] == f"folder:{tmp_path}/pets"


def test_of_large_pictures_cut_at_random_a_prior_learns_as_many_squares_as_cover_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path / "cache"))
    (tmp_path / "large").mkdir()
    smooth_files(tmp_path / "large", 64, 48)
    data = f"folder:{tmp_path}/large"
    command = ["train", "vqvae", "--data", data, "--crop", "random", *SMALL, "--steps", "20"]
    assert main([*command, "--out", str(tmp_path / "stage")]) == 0
    prior = ["train", "prior", "--first-stage", str(tmp_path / "stage"), "--layers", "2", "--width", "32",
             "--batch", "4", "--steps", "2", "--no-mirror", "--few", "--out", str(tmp_path / "prior")]
    assert main(prior) == 0
    pictures = datasets.load(data, 16, "train", crop="random")
    assert f"{12 * len(pictures)} sentences" in capsys.readouterr().out         # 64 x 48 px are twelve times 16 x 16


def test_a_model_is_scored_on_its_own_pictures_where_no_others_are_named(run, folder, tmp_path):
    assert main(["evaluate", "--model", str(run), "--json", str(tmp_path / "scores.json")]) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["data"] == f"folder:{folder}" and scores["size"] == 16


def test_a_first_stage_of_label_maps_is_trained_by_cross_entropy(tmp_path, monkeypatch, capsys):
    load, truth = datasets.load, datasets.truth
    monkeypatch.setattr(datasets, "load", lambda name, size, split, *_: load(name, size, split, 8))
    monkeypatch.setattr(datasets, "truth", lambda name, kind, size, split, *_: truth(name, kind, size, split, 8))
    out = tmp_path / "maps"
    assert main(["train", "vqvae", "--data", "faces", "--labels", "--size", "32", "--factor", "4", "--codes", "16",
                 "--widths", "8", "16", "16", "--batch", "4", "--steps", "20", "--out", str(out)]) == 0
    assert "% of pixels right, codes" in capsys.readouterr().out.splitlines()[-1]
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["accuracy"] > lines[0]["accuracy"] and 0 < lines[-1]["val_accuracy"] <= 1


def test_the_nets_that_read_are_trained_by_commands(tmp_path, capsys):
    for command in (["judge", "--data", "landscapes"], ["perceptual"]):
        out = tmp_path / command[0]
        arguments = ["train", *command, "--count", "6", "--batch", "2", "--steps", "2", "--out", str(out)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training_readers, "examine", lambda *_: {"pixels": 0.5})
            patch.setattr(training_perceptual, "examine_perceptual", lambda *_: {"blur": 0.5})
            assert main(arguments) == 0
        assert (out / "model.pt").is_file() and capsys.readouterr().out.splitlines()[-1].startswith("val ")


def test_our_step_and_the_plain_one_are_timed_side_by_side(tmp_path, capsys):
    assert main(["bench", "train", "--batch", "2", "--size", "32", "--rounds", "1", "--json",
                 str(tmp_path / "bench.json")]) == 0
    assert "before the critic" in capsys.readouterr().out
    found = json.loads((tmp_path / "bench.json").read_text())["train"]
    assert all(row["plain"] > 0 and row["ours"] > 0 for row in found.values())


def test_three_ways_of_sampling_are_timed_side_by_side(tmp_path, capsys):
    assert main(["bench", "sample", "--batch", "2", "--tokens", "8", "--rounds", "1", "--json",
                 str(tmp_path / "bench.json")]) == 0
    assert "tokens per second" in capsys.readouterr().out
    found = json.loads((tmp_path / "bench.json").read_text())
    assert set(found["sample"]) == {"cached", "concatenated", "recomputed"} and list(found["milliseconds"]) == [
        "2", "4", "8"]


def test_all_benchmarks_write_one_file_and_each_has_a_process_of_its_own(tmp_path, monkeypatch):
    ran = []

    def run(command, check):
        ran.append(command)
        kind, path = command[command.index("bench") + 1], Path(command[-1])
        path.write_text(json.dumps({kind: {"seconds": 1}}))

    monkeypatch.setattr(bench.subprocess, "run", run)
    assert main(["bench", "--json", str(tmp_path / "all.json")]) == 0
    assert len(ran) == len(bench.KINDS) == 5 and set(bench.KINDS) < set(json.loads((tmp_path / "all.json").read_text()))


def test_large_pictures_and_the_quantiser_are_timed_and_the_two_loops_draw_the_same(tmp_path, capsys):
    path = tmp_path / "bench.json"
    assert main(["bench", "sliding", "--side", "6", "--window", "4", "--best", "2", "--json", str(path)]) == 0
    assert "times as fast" in capsys.readouterr().out
    found = json.loads(path.read_text())["sliding"]["with a map in front"]
    # 16 ids of the map and 15 tokens in the plain loop; in ours, where the window stands still, a token is one place.
    assert found["places_plain"] == 36 * 31 and found["places_ours"] < 0.8 * found["places_plain"]
    assert main(["bench", "quantize", "--codes", "8", "--rounds", "1", "--json", str(path)]) == 0
    assert main(["bench", "decode", "--size", "64", "--json", str(path)]) == 0
    assert json.loads(path.read_text())["decode"]["seconds"] > 0
    prior, u = Transformer(TransformerConfig(K=9, T=16, layers=1, heads=2, width=8)).eval(), torch.rand(2, 6, 7)
    assert torch.equal(bench_sliding.plain(prior, u, 4), bench_sliding.ours(prior, u, 4))


def test_a_study_trains_scores_and_goes_on(tmp_path, monkeypatch, capsys):
    load = datasets.load
    monkeypatch.setattr(datasets, "load", lambda name, size, split, count=None, crop="center": load(name, 64, split, 8))
    monkeypatch.setattr(commands_train.training, "seconds_per_step", lambda *_: 1.0)
    command = ["study", "rate", "--codes", "16", "--minutes", "0.001", "--out", str(tmp_path), "--count", "8"]
    assert main(command) == 0 and "s a step" in capsys.readouterr().out
    assert main(command) == 0 and "s a step" not in capsys.readouterr().out
    run = json.loads((tmp_path / "result.json").read_text())["runs"]["16"]
    assert run["pictures"] == 8 and run["energy_at_8_px"] > 0


def test_publish_ships_the_file_its_scores_and_a_picture_and_may_do_so_again(run, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FOLDER", tmp_path / "data" / "checkpoints")
    monkeypatch.delattr(Path, "replace")                    # it cannot leave the disk on which the run is
    for _ in range(2):
        assert main(["publish", str(run), "--name", "small"]) == 0
    about = checkpoint.manifest(checkpoint.FOLDER)["small"]
    assert about["kind"] == "vqvae" and about["sha256"] == checkpoint.sha256(checkpoint.FOLDER / "small.pt")
    assert about["scores"]["test"]["psnr"] > 5
    assert (tmp_path / "data" / "figures" / "small.png").is_file()
    assert main(["publish", str(tmp_path), "--name", "small"]) == 2


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Two priors of six faces of 32 px: one was told classes, one everything else."""
    root, patch = tmp_path_factory.mktemp("told"), pytest.MonkeyPatch()
    load, truth = datasets.load, datasets.truth
    patch.setenv("MINIVQ_CACHE", str(root / "cache"))
    patch.setattr(datasets, "load", lambda name, size, split, *_: load(name, size, split, 6))
    patch.setattr(datasets, "truth", lambda name, kind, size, split, *_: truth(name, kind, size, split, 6))
    small = ["--data", "faces", "--size", "32", "--batch", "4", "--steps", "20"]
    stage = ["--factor", "8", "--codes", "16", "--widths", "8", "8", "16", "16"]
    prior = ["train", "prior", *small, "--first-stage", str(root / "stage"), "--layers", "2", "--width", "32", "--few"]
    for command in (["train", "vqvae", *small, *stage, "--out", str(root / "stage")],
                    ["train", "vqvae", *small, *stage, "--labels", "--out", str(root / "maps")],
                    [*prior, "--classes", "--out", str(root / "classes")],
                    [*prior, "--maps", str(root / "maps"), "--out", str(root / "conditions")]):
        assert main(command) == 0
    patch.undo()
    return root


def test_a_prior_is_published_with_samples_or_with_how_it_keeps_to_what_it_is_told(told, tmp_path, monkeypatch):
    from minivq import evaluation_conditions
    load, truth = datasets.load, datasets.truth
    shipped = tmp_path / "data" / "checkpoints"
    shipped.mkdir(parents=True)
    shutil.copy(checkpoint.FOLDER / "judge-faces.pt", shipped)
    checkpoint.write_text(shipped / "manifest.json", json.dumps({"judge-faces": {"kind": "judge"}}))
    monkeypatch.setattr(checkpoint, "FOLDER", shipped)
    monkeypatch.setattr(evaluation_conditions, "LOOKED", 6)
    monkeypatch.setenv("MINIVQ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets, "load", lambda name, size, split, *_: load(name, size, split, 6))
    monkeypatch.setattr(datasets, "truth", lambda name, kind, size, split, *_: truth(name, kind, size, split, 6))
    for name in ("classes", "conditions", "maps"):
        assert main(["publish", str(told / name), "--name", name]) == 0
    about = checkpoint.manifest(shipped)
    scores = {name: about[name]["scores"]["test"] for name in ("classes", "conditions", "maps")}
    assert {"nats_per_token", "ffd", "ffd_floor", "class_accuracy", "neighbour_real"} <= set(scores["classes"])
    assert set(scores["conditions"]["low"]) == {"samples", "real", "strangers"} and scores["maps"]["accuracy"] > 0
    for name in ("classes", "maps"):
        assert (tmp_path / "data" / "figures" / f"{name}.png").is_file()


def test_samples_of_a_class_are_chosen_by_a_selector(told, tmp_path, monkeypatch):
    asked = []

    class Chooser:
        def scores(self, x, classes):
            asked.append((len(x), set(classes.tolist())))
            return x.mean((1, 2, 3))

    monkeypatch.setattr(selector, "load", lambda name: asked.append(name) or Chooser())
    assert main(["sample", "--model", str(told / "classes"), "--class", "2", "--n", "4", "--accept", "0.3",
                 "--out", str(tmp_path / "grid.png")]) == 0
    with Image.open(tmp_path / "grid.png") as picture:
        assert asked == ["selector-faces", (14, {2})] and picture.size == (2 * 130 - 2,) * 2


@pytest.mark.parametrize("kind", ["segmentation", "depth", "edges", "low"])
def test_a_picture_file_says_what_to_draw(told, kind, tmp_path, capsys):
    from minivq.worlds import faces
    face = faces.attributes(0)
    truth = {"segmentation": lambda: np.array(faces.PALETTE, np.uint8)[faces.segmentation(face, 32)],
             "depth": lambda: np.uint8(255 * faces.depth(face, 32)),
             "edges": lambda: np.uint8(255 * faces.edges(face, 32)),
             "low": lambda: faces.picture(face, 32)[2::4, 2::4]}[kind]()
    Image.fromarray(truth).save(tmp_path / "told.png")
    command = ["sample", "--model", str(told / "conditions"), "--condition", kind, "--picture",
               str(tmp_path / "told.png"), "--n", "3", "--out", str(tmp_path / "grid.png")]
    assert main(command) == 0
    assert "what was told, and 3 pictures of 32x32 px" in capsys.readouterr().out
    Image.fromarray(truth).resize((9, 9)).save(tmp_path / "told.png")
    before = (tmp_path / "grid.png").read_bytes()
    assert main(command) == 2
    assert f"told.png has 9x9 px: wanted {8 if kind == 'low' else 32}x" in capsys.readouterr().err
    assert (tmp_path / "grid.png").read_bytes() == before


def test_a_picture_is_gone_on_with_below_the_rows_that_stay(told, tmp_path, capsys):
    x = datasets.load("faces", 32, "test", 1).levels([0])[0]
    Image.fromarray(x).save(tmp_path / "face.png")
    command = ["sample", "--model", str(told / "classes"), "--complete", str(tmp_path / "face.png"), "--n", "3",
               "--out", str(tmp_path / "grid.png")]
    assert main([*command, "--rows", "3"]) == 0
    grid = np.array(Image.open(tmp_path / "grid.png"))
    begun, one, other, third = (grid[y:y + 128, x:x + 128] for y in (0, 130) for x in (0, 130))
    assert (begun[100:] == begun[100, 0]).all() and not (one[100:] == one[100, 0]).all()
    for drawn in (one, other, third):                       # a decoder looks a little over the border
        assert np.abs(drawn[:40].astype(int) - begun[:40]).mean() < 8
    assert main([*command, "--rows", "4"]) == 2
    assert "rows=4: wanted 1 to 3 of the 4 rows" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "message"), [
    (["--top-k", "0"], "top_k=0: wanted at least 1"),
    (["--top-p", "1.5"], "top_p=1.5: wanted above 0 and up to 1"),
    (["--temperature", "-1"], "temperature=-1.0: wanted 0"),
    (["--accept", "0"], "accept=0.0: wanted a share"),
    (["--accept", "0.5"], "wanted --class"),
    (["--condition", "depth"], "condition=depth, picture=None: wanted both"),
    (["--condition", "depth", "--picture", "no.png"], "no.png is not a file"),
    (["--rows", "2"], "rows=2: wanted --complete"),
    (["--n", "0"], "n=0: wanted at least 1"),
    (["--class", "beard", "--n", "1"], "class 'beard' is not known: wanted one of 0 bare, plain"),
])
def test_sampling_refuses_what_makes_no_sense(told, options, message, tmp_path, capsys):
    assert main(["sample", "--model", str(told / "classes"), *options, "--out", str(tmp_path / "grid.png")]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "grid.png").exists()
