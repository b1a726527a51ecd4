"""Training: the schedule, killing and resuming, two processes, and runs that must not be overwritten."""
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from minivq import checkpoint, training
from minivq.autoencoder import VQVAE, VQVAEConfig
from minivq.training import TrainConfig, batch_indices, learning_rate, train_vqvae
from tests.toys import TINY, toy_pictures

SHORT = TrainConfig(steps=40, batch=8, save_every=10, bf16=False)
ROOT = Path(__file__).parents[1]


def weights(folder: Path) -> dict:
    return checkpoint.read(folder / "state.pt")["model"]


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero():
    config = TrainConfig(steps=1000, peak=1.0, warmup=0.1)
    rates = [learning_rate(step, config) for step in range(1000)]
    assert rates[0] == 0.01 and max(rates) == rates[100] == 1.0 and rates[-1] < 1e-4
    assert rates[:100] == sorted(rates[:100]) and rates[100:] == sorted(rates[100:], reverse=True)


def test_when_quantising_begins_the_codes_lie_among_the_encodings(tmp_path, monkeypatch):
    step, far = training.vqvae_step, []

    def looked(model, optimizer, x, config, number):
        if number == config.first_codes:
            z_e = model.to_latent(x).detach().movedim(1, -1).flatten(0, 2)
            nearest = torch.cdist(z_e, model.quantizer.codebook).amin(1).square().mean()
            far.append((nearest / z_e.var(0).sum()).item())
        return step(model, optimizer, x, config, number)

    monkeypatch.setattr(training, "vqvae_step", looked)
    train_vqvae(TINY, SHORT, toy_pictures(), toy_pictures(), tmp_path)
    assert 0 < far[0] < 0.3, f"{far[0]:.2f} of the encodings' variance: wanted what 16 centres leave"


def test_each_epoch_sees_every_picture_once_in_another_order():
    seen = torch.cat([batch_indices(step, 8, 20, seed=3) for step in range(5)])
    first, second = seen[:20], seen[20:]
    assert torch.equal(first.sort().values, torch.arange(20)) and torch.equal(second.sort().values, torch.arange(20))
    assert not torch.equal(first, second) and not torch.equal(seen[:8], batch_indices(0, 8, 20, seed=4))


def test_every_seed_sees_the_pictures_in_an_order_of_its_own():
    """torch reads 32 bits of a seed: with seed * 2**31 in front of the step, seeds 0 and 2 were one training."""
    orders = {tuple(batch_indices(0, 8, 1000, seed).tolist()) for seed in range(8)}
    assert len(orders) == 8
    assert len({training.mixed(seed, step) for seed in range(50) for step in range(1000)}) == 50_000
    assert all(0 <= training.mixed(seed, 7) < 2**32 for seed in (0, 1, 10**9))


def test_training_lowers_the_loss_and_says_how_it_went(tmp_path):
    train_vqvae(TINY, dataclasses.replace(SHORT, steps=120), toy_pictures(), toy_pictures(split="validation"), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(120))
    assert lines[-1]["loss"] < 0.6 * lines[0]["loss"] and lines[-1]["val_codes"] > 8
    psnr = [line["val_psnr"] for line in lines if "val_psnr" in line]
    assert len(psnr) == 20 and psnr[-1] > psnr[0] + 1
    assert "codes" not in lines[17] and "codes" in lines[18]                        # k-means at 15 % of the steps


def test_the_first_codes_come_from_encodings_of_spread_1_and_no_picture_changes():
    torch.manual_seed(0)
    model, x = VQVAE(TINY), toy_pictures().batch(range(64))
    with torch.no_grad():
        model.quant_conv.weight *= 50
    before = model(x, quantise=False)
    training.start_codebook(model, iter([x]), SHORT)
    after = model(x, quantise=False)
    assert before.z_e.std() > 5 and abs(after.z_e.std() - 1) < 1e-4
    torch.testing.assert_close(after.x_rec, before.x_rec)
    nearest_code = torch.cdist(after.z_e.movedim(1, -1).reshape(-1, 4), model.quantizer.codebook).min(1).values
    assert nearest_code.square().mean() < 0.5 * after.z_e.square().sum(1).mean()    # codes of the scaled encodings


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path, monkeypatch):
    train_vqvae(TINY, SHORT, toy_pictures(), toy_pictures(), tmp_path / "whole")

    def stop_at_25(*args, real=training.vqvae_step, **kwargs):
        if args[-1] == 25:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "vqvae_step", stop_at_25)
        train_vqvae(TINY, SHORT, toy_pictures(), toy_pictures(), tmp_path / "cut")
    assert checkpoint.read(tmp_path / "cut" / "state.pt")["step"] == 20
    train_vqvae(TINY, SHORT, toy_pictures(), toy_pictures(), tmp_path / "cut")
    whole, cut = weights(tmp_path / "whole"), weights(tmp_path / "cut")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    steps = [json.loads(line)["step"] for line in (tmp_path / "cut" / "log.jsonl").read_text().splitlines()]
    assert steps == list(range(40))                                                # no line twice, none lost


RUN = """
import sys, torch
from pathlib import Path
from tests.toys import TINY, toy_pictures
from minivq.training import TrainConfig, train_vqvae
torch.set_num_threads(1)
train_vqvae(TINY, TrainConfig(steps=200, batch=8, save_every=7, bf16=False), toy_pictures(), toy_pictures(),
            Path(sys.argv[1]))
"""


def start(folder: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", RUN, str(folder)], cwd=ROOT, stderr=subprocess.DEVNULL,
                            env={**os.environ, "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"})


def test_sigkill_at_five_moments_changes_no_bit(tmp_path):
    assert start(tmp_path / "whole").wait(600) == 0
    for kill_after in (3, 30, 61, 111, 170):                   # steps in the log when the process is shot
        process, log = start(tmp_path / "shot"), tmp_path / "shot" / "log.jsonl"
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and not (log.exists() and len(log.read_bytes().splitlines()) > kill_after):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait(300) == -signal.SIGKILL
    assert start(tmp_path / "shot").wait(600) == 0
    whole, shot = weights(tmp_path / "whole"), weights(tmp_path / "shot")
    assert all(torch.equal(whole[name], shot[name]) for name in whole)


def test_a_folder_that_holds_another_run_is_left_alone_and_the_fields_are_named(tmp_path):
    train_vqvae(TINY, SHORT, toy_pictures(), toy_pictures(), tmp_path)
    before = (tmp_path / "state.pt").read_bytes()
    with pytest.raises(ValueError, match="model.K is 16, asked for 32; train.batch is 8, asked for 4"):
        train_vqvae(dataclasses.replace(TINY, K=32), dataclasses.replace(SHORT, batch=4), toy_pictures(),
                    toy_pictures(), tmp_path)
    assert (tmp_path / "state.pt").read_bytes() == before
    train_vqvae(TINY, SHORT, toy_pictures(), toy_pictures(), tmp_path)             # the same again: nothing to do
    assert (tmp_path / "state.pt").read_bytes() == before


def test_a_folder_that_holds_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match="thesis.tex.*new or empty"):
        train_vqvae(TINY, SHORT, toy_pictures(), toy_pictures(), tmp_path)


def test_a_full_disk_while_saving_keeps_the_last_save(tmp_path, monkeypatch):
    train_vqvae(TINY, dataclasses.replace(SHORT, steps=10), toy_pictures(), toy_pictures(), tmp_path)
    before = (tmp_path / "state.pt").read_bytes()

    def full(payload, file):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left.*the save before it is kept"):
        checkpoint.write(tmp_path / "state.pt", {"step": 11})
    assert (tmp_path / "state.pt").read_bytes() == before and not list(tmp_path.glob("*.part"))


def test_a_loss_that_is_not_finite_stops_and_says_what_to_change(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "vqvae_loss", lambda *a, **k: (torch.tensor(float("nan")), {}))
    with pytest.raises(FloatingPointError, match=f"below {SHORT.peak}"):
        train_vqvae(TINY, SHORT, toy_pictures(), toy_pictures(), tmp_path)


@pytest.mark.parametrize("wrong, words", [
    ({"steps": 0}, "steps=0"), ({"unquantised": 1.0}, "unquantised=1.0"), ({"peak": 0.0}, "peak=0.0")])
def test_a_training_that_cannot_be_is_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        TrainConfig(**{"steps": 10, **wrong})


def test_a_size_that_is_no_multiple_of_f_is_named(tmp_path):
    with pytest.raises(ValueError, match="size=8 is not a multiple of the factor f=16"):
        train_vqvae(VQVAEConfig(widths=(8,) * 5), SHORT, toy_pictures(), toy_pictures(), tmp_path)
    assert not list(tmp_path.iterdir())


TEN_STEPS = """
import sys, torch
from pathlib import Path
from tests.toys import TINY, toy_pictures
from minivq import distributed, training
from minivq.autoencoder import VQVAE
from minivq.muon import Muon
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
with distributed.session():
    torch.manual_seed(0)
    import dataclasses
    model = VQVAE(dataclasses.replace(TINY, quantizer=sys.argv[2]))
    restarts = []
    if sys.argv[2] == "ema":
        restart, model.quantizer.restart_below = model.quantizer.restart, 1.05     # hardly used once: restarted
        model.quantizer.restart = lambda z_e: (restarts.append(1), restart(z_e))
    config = training.TrainConfig(steps=10, batch=8, unquantised=0.2, bf16=False)
    optimizer = Muon(model, 1e-3)
    data, wrapped = toy_pictures(), distributed.wrap(model.train())
    batch = lambda step: data.batch(distributed.share(training.batch_indices(step, 8, 64, 0))).double()
    for step in range(10):
        if step == config.first_codes:
            training.start_codebook(model, (batch(step + i) for i in range(3)), config)
        training.vqvae_step(wrapped, optimizer, batch(step), config, step)
    if distributed.rank() == 0:
        torch.save({**model.state_dict(), "restarts": torch.tensor(float(len(restarts)))}, sys.argv[1])
"""


@pytest.mark.parametrize("quantizer", ["ema", "vq"])
def test_two_processes_equal_one(tmp_path, quantizer):
    script = tmp_path / "ten_steps.py"
    script.write_text(TEN_STEPS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0", "--rdzv-backend", "c10d",
                "--rdzv-endpoint", "localhost:0"]
    for name, command in (("one", []), ("two", torchrun)):
        done = subprocess.run([sys.executable, *command, str(script), str(tmp_path / name), quantizer], cwd=ROOT,
                              env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    one, two = torch.load(tmp_path / "one"), torch.load(tmp_path / "two")
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=0, atol=1e-9)
    assert (one["restarts"] > 0) == (quantizer == "ema")


def test_one_slow_step_does_not_change_what_minutes_buy(monkeypatch):
    calls = iter(range(100))
    monkeypatch.setattr(training, "vqvae_step", lambda *a, **k: time.sleep(1.0 if next(calls) == 9 else 0.001))
    assert training.seconds_per_step(TINY, SHORT, toy_pictures()) < 0.05


def test_a_batch_that_does_not_divide_among_the_processes_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(training.distributed, "world_size", lambda: 3)
    with pytest.raises(ValueError, match="batch=8 does not divide among 3"):
        training.check_fit(TINY, toy_pictures(), SHORT)


def test_a_model_is_trained_on_from_another(tmp_path):
    from minivq import pretrained
    torch.manual_seed(5)
    pretrained.export(VQVAE(TINY), tmp_path / "start.pt", {})
    config = dataclasses.replace(SHORT, steps=1, unquantised=0.0, peak=1e-12)
    model = train_vqvae(TINY, config, toy_pictures(), toy_pictures(), tmp_path / "run", str(tmp_path / "start.pt"))
    start = pretrained.load(tmp_path / "start.pt").state_dict()
    assert torch.allclose(model.state_dict()["decoder.conv_out.weight"], start["decoder.conv_out.weight"], atol=1e-6)


@pytest.mark.parametrize(("size", "count"), [(32, 1000), (64, 256), (128, 64), (256, 16), (2048, 1)])
def test_larger_pictures_are_watched_by_as_many_pixels(size, count):
    class Set(list):
        pass

    pictures = Set([None] * 1000)
    pictures.size = size
    assert training.as_many(pictures, 256) == count
