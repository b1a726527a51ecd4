"""Released files: weights are read, the training framework's objects become stubs, code is refused."""
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from minivq import pretrained
from minivq.__main__ import main


@pytest.fixture(scope="module")
def released():
    """The authors' state dict of the fixture, with weights that only a discriminator has."""
    with np.load(Path(__file__).parent / "fixtures" / "autoencoder.npz") as file:
        state = {name[3:]: torch.tensor(file[name]) for name in file.files if name.startswith("sd/")}
    return state | {"loss.discriminator.main.0.weight": torch.zeros(4, 3, 4, 4)}


@pytest.fixture
def framework(monkeypatch):
    """A class that pickles under the name of the training framework's; the module is gone when it is read."""
    name = "pytorch_lightning.callbacks.model_checkpoint"
    made = {part: types.ModuleType(part) for part in ("pytorch_lightning", "pytorch_lightning.callbacks", name)}
    callback = type("ModelCheckpoint", (), {"__module__": name})
    made[name].ModelCheckpoint = callback
    with pytest.MonkeyPatch.context() as patch:
        for part, module in made.items():
            patch.setitem(sys.modules, part, module)
        yield callback


def test_import_writes_a_model_that_draws_as_theirs_does(released, framework, tmp_path, capsys):
    theirs, ours = tmp_path / "last.ckpt", tmp_path / "ours.pt"
    callback = framework()
    callback.best = 1.5
    torch.save({"epoch": 3, "callbacks": {framework: {"best": 1.5}, "object": callback}, "state_dict": released},
               theirs)
    assert main(["import", str(theirs), "--out", str(ours)]) == 0
    assert "f=2, K=64, d=16" in capsys.readouterr().out
    with np.load(Path(__file__).parent / "fixtures" / "autoencoder.npz") as file:
        x, indices = torch.tensor(file["x"]), torch.tensor(file["indices"])
    assert torch.equal(pretrained.load(ours).encode(x), indices)


def test_unknown_objects_are_refused_and_nothing_is_written(released, tmp_path, capsys):
    torch.save({"state_dict": released, "extra": Path("x")}, tmp_path / "evil.ckpt")
    assert main(["import", str(tmp_path / "evil.ckpt"), "--out", str(tmp_path / "ours.pt")]) == 2
    assert "is refused: it holds pathlib" in capsys.readouterr().err
    assert not (tmp_path / "ours.pt").exists()


def test_missing_and_unexpected_keys_are_named(released, tmp_path, capsys):
    broken = {key.replace("conv_out.bias", "conv_out.bios"): value for key, value in released.items()}
    torch.save({"state_dict": broken}, tmp_path / "broken.ckpt")
    assert main(["import", str(tmp_path / "broken.ckpt"), "--out", str(tmp_path / "ours.pt")]) == 2
    said = capsys.readouterr().err
    assert "missing (by our names) ['decoder.conv_out.bias'" in said and "encoder.conv_out.bios" in said


def test_files_without_weights_say_so(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "empty.ckpt")
    with pytest.raises(ValueError, match="holds no weights"):
        pretrained.read_released(tmp_path / "empty.ckpt")
    with pytest.raises(FileNotFoundError, match="wanted a released checkpoint"):
        pretrained.read_released(tmp_path / "nowhere.ckpt")
    (tmp_path / "cut.ckpt").write_bytes((tmp_path / "empty.ckpt").read_bytes()[:200])
    with pytest.raises(ValueError, match="is damaged"):
        pretrained.read_released(tmp_path / "cut.ckpt")


def test_a_name_that_no_model_option_would_find_is_refused_before_anything_is_written(released, tmp_path, capsys):
    torch.save({"state_dict": released}, tmp_path / "last.ckpt")
    assert main(["import", str(tmp_path / "last.ckpt"), "--out", str(tmp_path / "ours")]) == 2
    assert "ours: wanted a name that ends in .pt" in capsys.readouterr().err
    assert not (tmp_path / "ours").exists()
