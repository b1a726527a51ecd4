"""Files of models: what is read, and what is refused."""
import json

import pytest
import torch

import minivq
from minivq import checkpoint, pretrained
from minivq.autoencoder import VQVAE
from tests.toys import TINY


class Surprise:
    pass


@pytest.fixture
def exported(tmp_path):
    torch.manual_seed(0)
    model = VQVAE(TINY).eval()
    return model, pretrained.export(model, tmp_path / "tiny.pt", {"data": "toy"})


def test_an_exported_model_draws_the_same_pictures(exported):
    model, path = exported
    again, indices = minivq.load(path), torch.randint(16, (2, 4, 4))
    assert again.info == {"data": "toy"} and not again.training and again.config == TINY
    assert (again.decode(indices) - model.decode(indices)).abs().max() < 0.01          # float16 rounds the weights


def test_a_file_cut_in_half_is_named(exported):
    _, path = exported
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match="tiny.pt is damaged.*structure"):
        minivq.load(path)


def test_a_changed_file_does_not_match_its_manifest(exported):
    _, path = exported
    (path.parent / "manifest.json").write_text(json.dumps({"tiny": {"sha256": "0" * 64}}))
    with pytest.raises(ValueError, match="sha256.*the manifest wants 000000000000"):
        minivq.load(path)


def test_pickled_objects_are_refused(tmp_path):
    torch.save({"kind": "vqvae", "model": Surprise()}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="evil.pt is refused.*Surprise"):
        minivq.load(tmp_path / "evil.pt")


def test_other_files_and_unknown_names_are_named(tmp_path):
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="kind=None: wanted 'vqvae'"):
        minivq.load(tmp_path / "other.pt")
    with pytest.raises(ValueError, match="no model is called 'facez'"):
        minivq.load("facez")
    with pytest.raises(FileNotFoundError, match="nowhere.pt"):
        minivq.load(tmp_path / "nowhere.pt")
    with pytest.raises(ValueError, match="no model.pt"):
        minivq.load(tmp_path)


def test_numbers_that_float16_cannot_hold_are_named():
    model = torch.nn.Linear(1, 1)
    model.weight.data.fill_(1e6)
    with pytest.raises(ValueError, match="weight reaches 1e"):
        checkpoint.half(model)


@pytest.mark.parametrize("name", pretrained.available())
def test_every_shipped_model_matches_its_manifest_and_size(name):
    path = checkpoint.FOLDER / f"{name}.pt"
    entry = checkpoint.manifest(path.parent)[name]
    assert entry["sha256"] == checkpoint.sha256(path) and path.stat().st_size <= 8e6
    assert {"command", "pictures_seen", "minutes", "machine", "scores"} <= entry.keys() and entry["minutes"] <= 100
    assert minivq.load(name).config.K == entry["scores"]["test"]["K"]
